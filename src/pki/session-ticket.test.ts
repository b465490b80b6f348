import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, X509Certificate } from 'node:crypto'
import { before, suite, test } from 'node:test'
import fc from 'fast-check'
import { compactVerify, SignJWT } from 'jose'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId, HubId } from '../core/model/ids.ts'
import type { Name, ServiceName, UserName } from '../core/model/names.ts'
import { type EndpointIdentity, formatSpiffeId } from '../core/model/spiffe-id.ts'
import { ms } from '../core/model/time.ts'
import { issueHub, openMemoryAuthority } from '../testing/controller-rig.ts'
import type { Authority } from './authority.ts'
import type { HubTokenSigner } from './hub-token.ts'
import { createKeyPair } from './key-pair.ts'
import { readPem } from './pem.ts'
import {
  CLOCK_TOLERANCE_MS,
  checkSessionTicket,
  MAX_SESSION_TICKET_CHARACTERS,
  MAX_TICKET_GROUP_BYTES,
  MAX_TICKET_GROUPS,
  SESSION_TICKET_VALID_MS,
  type SessionTicketCheck,
  sealSessionTicket,
} from './session-ticket.ts'

const NOW = ms(Date.UTC(2026, 4, 4, 8))
const HUB = '7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11' as HubId
const WEB = 'tcp/web' as ServiceName
const OWNER = 'alice' as UserName

let authority: Authority
let hub: HubTokenSigner
let dialler: EndpointIdentity
let good: string
let check: SessionTicketCheck

before(async () => {
  authority = await openMemoryAuthority(NOW)
  hub = await issueHub(authority, HUB, NOW)
  const endpoint = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
  dialler = { kind: 'endpoint', mesh: authority.mesh, user: 'bob' as UserName, endpoint }
  good = (await seal(hub)).ticket
  check = { rootPem: authority.rootCertificatePem, now: NOW, dialler: formatSpiffeId(dialler), service: WEB }
})

function seal(signer: HubTokenSigner, now = NOW, groups: readonly Name[] = []) {
  const claims = {
    hub: { kind: 'hub', mesh: authority.mesh, hub: HUB },
    dialler,
    service: WEB,
    owner: OWNER,
    id: 'one',
    groups,
  } as const
  return sealSessionTicket(signer, claims, now)
}

/** A ticket with parts of one's choice, signed by the key of `signer`. */
function forge(options: {
  signer?: HubTokenSigner
  header?: Record<string, unknown>
  claims?: Record<string, unknown>
}): Promise<string> {
  const { signer = hub, header, claims } = options
  const x5c = readPem(signer.chainPem, 'CERTIFICATE').map(der => der.toString('base64'))
  const iat = NOW / 1_000
  return new SignJWT({
    iss: formatSpiffeId({ kind: 'hub', mesh: authority.mesh, hub: HUB }),
    sub: formatSpiffeId(dialler),
    aud: authority.mesh,
    svc: WEB,
    own: OWNER,
    iat,
    exp: iat + SESSION_TICKET_VALID_MS / 1_000,
    jti: 'one',
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'ztm-session+jwt', x5c, ...header } as never)
    .sign(createPrivateKey(signer.privateKeyPem), { crit: { adm: true } })
}

function refuses(ticket: string, changes: Partial<SessionTicketCheck> = {}): void {
  assert.throws(
    () => checkSessionTicket(ticket, { ...check, ...changes }),
    (error: unknown) => error instanceof MeshError && error.code === 'bad-ticket',
  )
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

suite('checkSessionTicket()', () => {
  test('accepts what a hub sealed, until five minutes later', async () => {
    const { ticket, expiresAtMs } = await seal(hub)
    assert.equal(expiresAtMs, NOW + 300_000)
    assert.deepEqual(checkSessionTicket(ticket, check), {
      owner: OWNER,
      issuedAtMs: NOW,
      expiresAtMs,
      id: 'one',
      isByPolicy: false,
      groups: [],
    })
    assert.ok(ticket.length < 4_000, `${ticket.length} characters`)
  })

  test('names the groups of the dialler, as many as one may be in, and stays short enough', async () => {
    const name = '\u6f22'.repeat(19)
    const groups = Array.from({ length: MAX_TICKET_GROUPS }, (_, i) => `${name}${i + 10}` as Name)
    const bytes = Buffer.byteLength(JSON.stringify(groups))
    assert.ok(bytes <= MAX_TICKET_GROUP_BYTES && bytes > MAX_TICKET_GROUP_BYTES - 70, `${bytes} bytes`)
    const { ticket } = await seal(hub, NOW, groups)
    assert.deepEqual(checkSessionTicket(ticket, check).groups, groups)
    assert.ok(ticket.length < MAX_SESSION_TICKET_CHARACTERS - 1_500, `${ticket.length} characters`)
  })

  test('leaves out groups for which it has no room, so that it is taken all the same', async () => {
    const many = Array.from({ length: MAX_TICKET_GROUPS + 8 }, (_, i) => `g${i}` as Name)
    const { groups } = checkSessionTicket((await seal(hub, NOW, many)).ticket, check)
    assert.deepEqual(groups, many.slice(0, MAX_TICKET_GROUPS))
    const long = many.slice(0, 20).map(name => `${'\u6f22'.repeat(60)}${name}` as Name)
    const { ticket } = await seal(hub, NOW, long)
    assert.equal(checkSessionTicket(ticket, check).groups.length, 11)
    assert.ok(ticket.length < MAX_SESSION_TICKET_CHARACTERS)
  })

  test('refuses groups that are too many or no names', async () => {
    const many = Array.from({ length: MAX_TICKET_GROUPS + 1 }, (_, i) => `g${i}`)
    for (const grp of [many, ['a/b'], [' ops'], [7], 'ops', { ops: true }]) {
      refuses(await forge({ claims: { grp } }))
    }
    assert.deepEqual(checkSessionTicket(await forge({ claims: { grp: [] } }), check).groups, [])
  })

  test('accepts a ticket that jose accepts: it is a JWS like any other', async () => {
    const key = new X509Certificate(hub.chainPem).publicKey
    const { protectedHeader } = await compactVerify(good, key)
    assert.equal(protectedHeader.typ, 'ztm-session+jwt')
  })

  test('accepts the forge of this test where nothing is changed', async () => {
    assert.equal(checkSessionTicket(await forge({}), check).owner, OWNER)
  })

  test('refuses another dialler, service or mesh', async () => {
    const other = { ...dialler, endpoint: '11111111-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId }
    refuses(good, { dialler: formatSpiffeId(other) })
    refuses(good, { dialler: formatSpiffeId({ ...dialler, user: 'mallory' as UserName }) })
    refuses(good, { service: 'tcp/db' as ServiceName })
    refuses(good, { service: 'udp/web' as ServiceName })
    refuses(await forge({ claims: { aud: 'zzzzzzzzzzzzzzzzzzzzzzzzzz' } }))
    const elsewhere = await openMemoryAuthority(NOW)
    refuses(good, { rootPem: elsewhere.rootCertificatePem })
    refuses(await forge({ signer: await issueHub(elsewhere, HUB, NOW) }))
  })

  test('refuses an expired ticket and one from the future, past the tolerance for clocks', () => {
    const end = NOW + SESSION_TICKET_VALID_MS + CLOCK_TOLERANCE_MS
    assert.equal(checkSessionTicket(good, { ...check, now: ms(end - 1) }).id, 'one')
    refuses(good, { now: ms(end) })
    const start = NOW - CLOCK_TOLERANCE_MS
    assert.equal(checkSessionTicket(good, { ...check, now: ms(start) }).id, 'one')
    refuses(good, { now: ms(start - 1) })
  })

  test('refuses a ticket that is to last longer than tickets do', async () => {
    refuses(await forge({ claims: { exp: NOW / 1_000 + 3_600 } }))
    refuses(await forge({ claims: { exp: NOW / 1_000 - 1 } }))
    refuses(await forge({ claims: { exp: NOW / 1_000 + 10.5 } }))
    refuses(await forge({ claims: { iat: -1 } }))
  })

  test('refuses the signature of an endpoint, a permit, or a hub that the ticket does not name', async () => {
    for (const identity of [
      dialler,
      { kind: 'permit', mesh: authority.mesh, user: 'root' as UserName, permit: dialler.endpoint } as const,
      { kind: 'hub', mesh: authority.mesh, hub: '11111111-6f53-4a52-9a4b-0b6f0d9d7c11' as HubId } as const,
    ]) {
      const { privateKeyPem, publicKeyPem } = await createKeyPair()
      const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: 86_400_000 }, NOW)
      refuses(await forge({ signer: { chainPem, privateKeyPem } }))
    }
  })

  test("refuses another key than that of the chain's certificate", async () => {
    const { privateKeyPem } = await createKeyPair()
    refuses(await forge({ signer: { chainPem: hub.chainPem, privateKeyPem } }))
  })

  test('refuses "alg": "none", with and without a signature', () => {
    const [header = '', payload = '', signature = ''] = good.split('.')
    const original = JSON.parse(Buffer.from(header, 'base64url').toString()) as object
    refuses(`${encode({ ...original, alg: 'none' })}.${payload}.`)
    refuses(`${encode({ ...original, alg: 'none' })}.${payload}.${signature}`)
    refuses(`${header}.${payload}.`)
  })

  test('refuses HS256 keyed with the public key', () => {
    const [header = '', payload = ''] = good.split('.')
    const original = JSON.parse(Buffer.from(header, 'base64url').toString()) as object
    const signed = `${encode({ ...original, alg: 'HS256' })}.${payload}`
    for (const key of [hub.chainPem, authority.rootCertificatePem]) {
      refuses(`${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`)
    }
  })

  test('refuses any header member beside its three', async () => {
    refuses(await forge({ header: { jku: 'https://example.com/keys' } }))
    refuses(await forge({ header: { jwk: { kty: 'EC' } } }))
    refuses(await forge({ header: { kid: 'one' } }))
    refuses(await forge({ header: { typ: 'JWT' } }))
    refuses(await forge({ header: { crit: ['b64'], b64: true } }))
    refuses(await forge({ header: { x5c: [] } }))
    const [leaf = ''] = readPem(hub.chainPem, 'CERTIFICATE').map(der => der.toString('base64'))
    refuses(await forge({ header: { x5c: [leaf] } }))
    refuses(await forge({ header: { x5c: [leaf, leaf, leaf] } }))
  })

  test('ignores claims that it does not know, and gives nothing of them', async () => {
    const newer = await forge({ claims: { adm: true, nbf: 'never', toString: 1 } })
    assert.deepEqual(checkSessionTicket(newer, check), checkSessionTicket(await forge({}), check))
  })

  test('refuses a claim that it does not know where the ticket marks it critical', async () => {
    refuses(await forge({ header: { crit: ['adm'], adm: true }, claims: { adm: true } }))
    refuses(await forge({ header: { adm: true }, claims: { adm: true } }))
  })

  test('refuses a claim that it knows with another value than it may have, and one that it needs and misses', async () => {
    refuses(await forge({ claims: { pol: 'true' } }))
    refuses(await forge({ claims: { mtr: 0 } }))
    refuses(await forge({ claims: { own: undefined } }))
    refuses(await forge({ claims: { jti: '' } }))
  })

  test('refuses a chain whose certificate is over', async () => {
    refuses(await forge({ claims: { iat: NOW / 1_000 + 8 * 86_400, exp: NOW / 1_000 + 8 * 86_400 + 300 } }), {
      now: ms(NOW + 8 * 86_400_000),
    })
  })

  test('refuses a ticket that is too long, before it reads it', () => {
    refuses(`${good}${'A'.repeat(MAX_SESSION_TICKET_CHARACTERS)}`)
  })

  test('gives a ticket or bad-ticket, and nothing else, for a good one with any part changed', () => {
    const parts = good.split('.')
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), fc.string({ maxLength: 3 }), fc.nat(3), (part, at, put, cut) => {
        const text = parts[part] ?? ''
        const from = at % (text.length + 1)
        const changed = text.slice(0, from) + put + text.slice(from + cut)
        if (changed === text) return
        refuses(parts.map((one, index) => (index === part ? changed : one)).join('.'))
      }),
      { numRuns: 300 },
    )
  })

  test('gives bad-ticket for any text', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.json()), { maxLength: 4 }), parts => {
        refuses(parts.map(part => Buffer.from(part).toString('base64url')).join('.'))
        refuses(parts.join('.'))
      }),
    )
  })
})
