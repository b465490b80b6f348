import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { type ErrorCode, MeshError } from '../core/model/errors.ts'
import { parseSpiffeId } from '../core/model/spiffe-id.ts'
import { createSecretMemory } from '../testing/secret-memory.ts'
import { type HandshakeSide, shakeHands } from '../testing/tls-handshake.ts'
import { type Authority, openAuthority } from './authority.ts'
import { checkChain, tlsIdentity } from './check.ts'
import { createKeyPair } from './key-pair.ts'

const DAY = 86_400_000
// OpenSSL has no clock but the computer's.
const NOW = Date.now()
const UUID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'

let ours: Authority
let hub: HandshakeSide
let endpoint: HandshakeSide

before(async () => {
  ours = await openAuthority({ folder: createSecretMemory(), now: NOW - 10 * DAY })
  hub = await member(ours, `hub/${UUID}`)
  endpoint = await member(ours, `user/bob/endpoint/${UUID}`)
})

async function member(authority: Authority, path: string, madeAtMs = NOW): Promise<Required<HandshakeSide>> {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const identity = parseSpiffeId(`spiffe://${authority.mesh}/${path}`)
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: DAY }, madeAtMs)
  return { chainPem, privateKeyPem, rootPem: ours.rootCertificatePem }
}

const END = /(?<=-----END CERTIFICATE-----\n)/
const firstOf = ({ chainPem = '' }: HandshakeSide) => chainPem.split(END)[0] ?? ''
const secondOf = ({ chainPem = '' }: HandshakeSide) => chainPem.split(END)[1] ?? ''

const check = (now = NOW) => ({ rootPem: ours.rootCertificatePem, now })

function refuses(run: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(
    run,
    error => error instanceof MeshError && error.code === code && message.test(error.message),
  )
}

describe('tlsIdentity()', () => {
  it('gives both sides what checkChain() gives for the other', async () => {
    using hands = await shakeHands({ server: hub, client: endpoint })
    assert.deepEqual(tlsIdentity(hands.client, check()), checkChain(hub.chainPem ?? '', check()))
    assert.deepEqual(tlsIdentity(hands.server, check()), checkChain(endpoint.chainPem ?? '', check()))
  })

  it('gives nothing when no certificate was shown', async () => {
    using hands = await shakeHands({ server: hub, client: { rootPem: ours.rootCertificatePem } })
    assert.equal(tlsIdentity(hands.server, check()), undefined)
  })

  it('judges dates by the clock it is given, not by OpenSSL', async () => {
    const oldHub = await member(ours, `hub/${UUID}`, NOW - 2 * DAY)
    const oldEndpoint = await member(ours, `user/bob/endpoint/${UUID}`, NOW - 2 * DAY)
    using old = await shakeHands({ server: oldHub, client: oldEndpoint })
    for (const socket of [old.client, old.server]) {
      assert.equal(socket.authorized, false)
      refuses(() => tlsIdentity(socket, check()), 'certificate-expired', /ended .* clock says/)
      assert.equal(
        tlsIdentity(socket, check(NOW - 2 * DAY))?.expiresAtMs,
        Math.floor((NOW - DAY) / 1_000) * 1_000,
      )
    }
    using fresh = await shakeHands({ server: hub, client: endpoint })
    for (const socket of [fresh.client, fresh.server]) {
      refuses(() => tlsIdentity(socket, check(NOW - DAY)), 'certificate-expired', /begins .* clock says/)
    }
  })

  it('refuses a forged leaf that OpenSSL finds out of date, whatever the clock says', async () => {
    const theirs = await openAuthority({ folder: createSecretMemory(), now: NOW - 10 * DAY })
    const old = await member(theirs, `user/bob/endpoint/${UUID}`, NOW - 2 * DAY)
    const ownOld = await member(ours, `user/bob/endpoint/${UUID}`, NOW - 2 * DAY)
    const clients = [
      old,
      { ...old, chainPem: `${firstOf(old)}${secondOf(endpoint)}` },
      { ...old, chainPem: firstOf(old) },
      { ...ownOld, chainPem: firstOf(ownOld) },
    ]
    for (const client of clients) {
      using hands = await shakeHands({ server: hub, client })
      refuses(
        () => tlsIdentity(hands.server, check(NOW - 2 * DAY)),
        'not-trusted',
        /mesh|without its intermediate/,
      )
    }
  })

  it('gives the same each time', async () => {
    using hands = await shakeHands({ server: hub, client: endpoint })
    for (const socket of [hands.server, hands.client]) {
      assert.deepEqual(tlsIdentity(socket, check()), tlsIdentity(socket, check()))
    }
  })

  it('refuses a client whose leaf is of ours in name alone', async () => {
    const theirs = await openAuthority({ folder: createSecretMemory(), now: NOW })
    const forger = await member(theirs, `user/bob/endpoint/${UUID}`)
    const client = { ...forger, chainPem: `${firstOf(forger)}${secondOf(endpoint)}` }
    using hands = await shakeHands({ server: hub, client })
    refuses(() => tlsIdentity(hands.server, check()), 'not-trusted', /not of this mesh/)
  })

  it('heeds expect', async () => {
    using hands = await shakeHands({ server: hub, client: endpoint })
    refuses(
      () => tlsIdentity(hands.server, { ...check(), expect: ['hub'] }),
      'not-trusted',
      /is of kind endpoint/,
    )
  })

  it('refuses a member of another mesh, and a chain without its intermediate', async () => {
    const theirs = await openAuthority({ folder: createSecretMemory(), now: NOW })
    const foreign = await member(theirs, `user/bob/endpoint/${UUID}`)
    for (const client of [foreign, { ...endpoint, chainPem: firstOf(endpoint) }]) {
      using hands = await shakeHands({ server: hub, client })
      refuses(() => tlsIdentity(hands.server, check()), 'not-trusted', /not of this mesh/)
    }
  })

  it('refuses a permit that plays a hub', async () => {
    const permit = await member(ours, `user/root/permit/${UUID}`)
    using hands = await shakeHands({ server: permit, client: endpoint })
    refuses(() => tlsIdentity(hands.client, check()), 'not-trusted', /wrong role/)
  })

  it('refuses members of a mesh whose root it does not have, whatever OpenSSL was told', async () => {
    const theirs = await openAuthority({ folder: createSecretMemory(), now: NOW })
    const foreign = { ...(await member(theirs, `hub/${UUID}`)), rootPem: theirs.rootCertificatePem }
    const fooled = { ...endpoint, rootPem: theirs.rootCertificatePem }
    using hands = await shakeHands({ server: foreign, client: fooled })
    assert.equal(hands.client.authorized, true)
    refuses(() => tlsIdentity(hands.client, check()), 'not-trusted', /not issued by this mesh/)
  })
})
