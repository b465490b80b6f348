import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { EndpointId, HubId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import { ms } from '../core/model/time.ts'
import { createSecretMemory } from '../testing/secret-memory.ts'
import { type Authority, openAuthority } from './authority.ts'
import type { HubTokenSigner } from './hub-token.ts'
import { createKeyPair } from './key-pair.ts'
import { checkMeetingPass, MEETING_PASS_VALID_MS, sealMeetingPass } from './meeting-pass.ts'
import { CLOCK_TOLERANCE_MS, sealSessionTicket } from './session-ticket.ts'

const NOW = ms(Date.UTC(2026, 4, 4, 8))
const HUB = '7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11' as HubId
const ANN = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
const BOB = '1d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
const CAT = '2d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId

let authority: Authority
let signer: HubTokenSigner

async function issue(identity: Identity): Promise<HubTokenSigner> {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: 86_400_000 }, NOW)
  return { chainPem, privateKeyPem }
}

const hubOf = () => ({ kind: 'hub', mesh: authority.mesh, hub: HUB }) as const
const member = (endpoint: EndpointId) =>
  ({ kind: 'endpoint', mesh: authority.mesh, user: 'ann' as UserName, endpoint }) as const

function seal(by = signer, isDirect = false, hub = hubOf()) {
  return sealMeetingPass(by, { hub, from: member(ANN), to: BOB, isDirect }, NOW)
}

function check(pass: string, from = ANN, to = BOB, now: number = NOW) {
  const { rootCertificatePem: rootPem } = authority
  return checkMeetingPass(pass, { rootPem, now: ms(now), from: member(from), to })
}

describe('checkMeetingPass()', () => {
  before(async () => {
    authority = await openAuthority({ folder: createSecretMemory(), now: NOW })
    signer = await issue(hubOf())
  })

  it('accepts what the hub with the controller sealed, and says whether the two may meet directly', async () => {
    assert.deepEqual(check((await seal()).pass), { isDirect: false })
    assert.deepEqual(check((await seal(signer, true)).pass), { isDirect: true })
  })

  it('refuses another asker and another peer', async () => {
    const { pass } = await seal()
    assert.throws(() => check(pass, CAT), /for another endpoint/)
    assert.throws(() => check(pass, ANN, CAT), /for meeting another endpoint/)
    assert.throws(() => check(pass, BOB, ANN), /for another endpoint/)
  })

  it('refuses one that has ended, and one from the future, past the tolerance for clocks', async () => {
    const { pass } = await seal()
    const end = NOW + MEETING_PASS_VALID_MS + CLOCK_TOLERANCE_MS
    check(pass, ANN, BOB, end - 1)
    assert.throws(() => check(pass, ANN, BOB, end), /expired/)
    assert.throws(() => check(pass, ANN, BOB, NOW - CLOCK_TOLERANCE_MS - 1_000), { code: 'bad-ticket' })
  })

  it('refuses the signature of a hub that only relays, of an endpoint, and of another mesh', async () => {
    const relay = await issue({ kind: 'relay-hub', mesh: authority.mesh, hub: HUB })
    const endpoint = await issue(member(ANN))
    const other = await openAuthority({ folder: createSecretMemory(), now: NOW })
    const { privateKeyPem, publicKeyPem } = await createKeyPair()
    const identity = { kind: 'hub', mesh: other.mesh, hub: HUB } as const
    const foreign = await other.issue({ identity, publicKeyPem, validMs: 86_400_000 }, NOW)
    for (const by of [relay, endpoint, { chainPem: foreign.chainPem, privateKeyPem }])
      await assert.rejects(async () => check((await seal(by)).pass), /not made by a hub of this mesh/)
  })

  it('refuses a session ticket, and any pass with a letter changed', async () => {
    const claims = { hub: hubOf(), dialler: member(ANN), service: 'tcp/web', owner: 'ann', id: 'x' } as never
    const { ticket } = await sealSessionTicket(signer, claims, NOW)
    assert.throws(() => check(ticket), /its header cannot be read/)
    const { pass } = await seal()
    for (let i = 0; i < pass.length; i += 97) {
      const letter = pass[i] === 'A' ? 'B' : 'A'
      assert.throws(() => check(pass.slice(0, i) + letter + pass.slice(i + 1)), { code: 'bad-ticket' })
    }
  })
})
