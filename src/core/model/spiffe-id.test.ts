import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from './errors.ts'
import { parseEndpointId, parseHubId, parseIdentityId, parseMeshId } from './ids.ts'
import { parseUserName } from './names.ts'
import { formatSpiffeId, type Identity, isSameIdentity, parseSpiffeId } from './spiffe-id.ts'

const MESH = 'abcdefghijklmnopqrstuvwxyz'
const UUID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'
const ROOT = `spiffe://${MESH}`

const mesh = parseMeshId(MESH)
const ENDPOINT: Identity = {
  kind: 'endpoint',
  mesh,
  user: parseUserName('bob'),
  endpoint: parseEndpointId(UUID),
}
const HUB: Identity = { kind: 'hub', mesh, hub: parseHubId(UUID) }
const RELAY_HUB: Identity = { kind: 'relay-hub', mesh, hub: parseHubId(UUID) }
const PERMIT: Identity = { kind: 'permit', mesh, user: parseUserName('bob'), permit: UUID }
const IDENTITY: Identity = { kind: 'identity', mesh, identity: parseIdentityId(UUID) }
const SESSION: Identity = {
  kind: 'endpoint',
  mesh,
  user: parseUserName('7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11'),
  endpoint: parseEndpointId(UUID),
}

const FORMS: [Identity, string][] = [
  [ENDPOINT, `${ROOT}/user/bob/endpoint/${UUID}`],
  [HUB, `${ROOT}/hub/${UUID}`],
  [RELAY_HUB, `${ROOT}/relay-hub/${UUID}`],
  [PERMIT, `${ROOT}/user/bob/permit/${UUID}`],
  [IDENTITY, `${ROOT}/identity/${UUID}`],
  [SESSION, `${ROOT}/identity/7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11/session/${UUID}`],
]

test('formatSpiffeId() writes the six forms and parseSpiffeId() reads them', () => {
  for (const [identity, text] of FORMS) {
    assert.equal(formatSpiffeId(identity), text)
    assert.deepEqual(parseSpiffeId(text), identity)
  }
})

test('parseSpiffeId() refuses whatever is not exactly one of the forms', () => {
  const texts = [
    '',
    ROOT,
    `${ROOT}/`,
    `${ROOT}/user/bob`,
    `${ROOT}/user/bob/`,
    `${ROOT}/user/bob/endpoint/`,
    `${ROOT}/user//endpoint/${UUID}`,
    `${ROOT}/user/../endpoint/${UUID}`,
    `${ROOT}/user/bob/endpoint/${UUID}/`,
    `${ROOT}/user/bob/endpoint/${UUID}/x`,
    `${ROOT}/user/bob/endpoint/${UUID.toUpperCase()}`,
    `${ROOT}/user/bob/hub/${UUID}`,
    `${ROOT}/user/${UUID}/endpoint/${UUID}`,
    `${ROOT}/user/${UUID}/permit/${UUID}`,
    `${ROOT}/identity/bob/session/${UUID}`,
    `${ROOT}/identity/bob`,
    `${ROOT}/identity/${UUID}/endpoint/${UUID}`,
    `${ROOT}/identity/${UUID}/session/${UUID}/x`,
    `${ROOT}/hub/${UUID}/`,
    `${ROOT}/hub/bob`,
    `${ROOT}/Hub/${UUID}`,
    `${ROOT}//hub/${UUID}`,
    `${ROOT}/user/b%6fb/endpoint/${UUID}`,
    `${ROOT}/user/bob/endpoint/${UUID}?x`,
    `${ROOT}/user/bob/endpoint/${UUID}#x`,
    `${ROOT}/user/bob/endpoint/${UUID}\n`,
    ` ${ROOT}/hub/${UUID}`,
    `${ROOT}:80/hub/${UUID}`,
    `spiffe://x@${MESH}/hub/${UUID}`,
    `SPIFFE://${MESH}/hub/${UUID}`,
    `https://${MESH}/hub/${UUID}`,
    `spiffe://${MESH.toUpperCase()}/hub/${UUID}`,
    `spiffe://${MESH}a/hub/${UUID}`,
    `${ROOT}/user/${'x'.repeat(65)}/endpoint/${UUID}`,
    `${ROOT}/${'x/'.repeat(10_000)}`,
  ]
  for (const text of texts) {
    assert.throws(() => parseSpiffeId(text), { name: 'MeshError', code: 'not-trusted' }, JSON.stringify(text))
  }
})

test('parseSpiffeId() tells of a long or hostile text in a short, printable message', () => {
  for (const text of ['x'.repeat(100_000), `${ROOT}/hub/\u009b2J\u202e`]) {
    assert.throws(
      () => parseSpiffeId(text),
      ({ message }: Error) => message.length < 300 && !/[\p{C}]/u.test(message),
    )
  }
})

const identity: fc.Arbitrary<Identity> = fc
  .tuple(
    fc.constantFrom('endpoint' as const, 'hub' as const, 'permit' as const, 'identity' as const),
    fc.stringMatching(/^[a-z2-7]{26}$/).map(parseMeshId),
    fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/).map(parseUserName),
    fc.uuid(),
  )
  .map(([kind, mesh, user, uuid]) => {
    if (kind === 'hub') return { kind, mesh, hub: parseHubId(uuid) }
    if (kind === 'identity') return { kind, mesh, identity: parseIdentityId(uuid) }
    if (kind === 'permit') return { kind, mesh, user, permit: uuid }
    return { kind, mesh, user, endpoint: parseEndpointId(uuid) }
  })

test('parseSpiffeId() gives back every identity that was written', () => {
  fc.assert(
    fc.property(identity, one => {
      assert.deepEqual(parseSpiffeId(formatSpiffeId(one)), one)
    }),
  )
})

test('parseSpiffeId() gives an identity that is written the same way, or a MeshError, for any text', () => {
  const almost = fc
    .tuple(identity, fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }), fc.nat({ max: 2 }))
    .map(([one, at, text, cut]) => {
      const whole = formatSpiffeId(one)
      const place = at % whole.length
      return whole.slice(0, place) + text + whole.slice(place + cut)
    })
  fc.assert(
    fc.property(fc.oneof(almost, fc.string()), text => {
      try {
        assert.equal(formatSpiffeId(parseSpiffeId(text)), text)
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
        assert.equal(error.code, 'not-trusted')
      }
    }),
  )
})

test('isSameIdentity() tells identities apart by every part', () => {
  const others: Identity[] = [
    HUB,
    PERMIT,
    { ...ENDPOINT, user: parseUserName('Bob') },
    { ...ENDPOINT, mesh: parseMeshId(`b${MESH.slice(1)}`) },
    { ...ENDPOINT, endpoint: parseEndpointId(UUID.replace('0', '1')) },
  ]
  assert.equal(isSameIdentity(ENDPOINT, { ...ENDPOINT }), true)
  for (const other of others) assert.equal(isSameIdentity(ENDPOINT, other), false, formatSpiffeId(other))
})
