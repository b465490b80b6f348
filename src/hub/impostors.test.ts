import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { CONTROLLER_API, EVENTS_PATH, HUB_API, PUBLIC_API } from '../core/api/hub-api.ts'
import { type ErrorCode, MeshError } from '../core/model/errors.ts'
import { parseEndpointId, parseHubId } from '../core/model/ids.ts'
import { parseUserName } from '../core/model/names.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { hostEcho } from '../testing/echo-service.ts'
import { type Credential, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { openTls } from '../testing/stranger.ts'

const SOMEBODY = parseEndpointId('99999999-2222-4333-8444-555555555555')
const root = parseUserName('root')

/** A certificate by the mesh's own authority, for an identity it would not give anybody. */
async function issue(
  { authority }: LocalMesh,
  identity: Identity,
  at = { madeAtMs: Date.now(), validMs: 60_000 },
): Promise<Credential> {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const { madeAtMs, validMs } = at
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs }, madeAtMs)
  return { chainPem, privateKeyPem }
}

/** Everything a member may ask of a hub, tried with a credential. @returns the codes it met */
async function tryEverything(mesh: LocalMesh, credential: Credential | undefined): Promise<Set<ErrorCode>> {
  const codes = new Set<ErrorCode>()
  const met = async (call: Promise<unknown>) => {
    const answer = await call.catch((error: unknown) => error)
    assert.ok(answer instanceof MeshError, `it was let in: ${JSON.stringify(answer)}`)
    codes.add(answer.code)
  }
  using visit = await visitHub(mesh.address, credential)
  await met(visit.call(HUB_API.listHubs, {}))
  await met(visit.call(HUB_API.openRelay, { body: { endpoint: SOMEBODY } }))
  await met(visit.call(HUB_API.hubLog, { query: {} }))
  await met(visit.call(CONTROLLER_API.listEndpoints, { query: {} }))
  await met(visit.call(CONTROLLER_API.announce, { body: { version: '1' } }))
  await met(visit.call(CONTROLLER_API.openSession, { body: { service: 'tcp/echo' } }))
  await met(visit.call(CONTROLLER_API.renew, { body: { request: 'x' } }))
  await met(visit.call(CONTROLLER_API.invite, { body: { user: 'eve' } }))
  await met(visit.call(CONTROLLER_API.evict, { body: { user: 'root' } }))
  await met(visit.ask({ ':method': 'GET', ':path': EVENTS_PATH }))
  await met(visit.ask({ ':method': 'CONNECT', ':authority': 'dial', 'ztm-ticket': 'A'.repeat(43) }))
  return codes
}

test('hub answers nobody without a certificate, but for its root and a join', async () => {
  await using mesh = await createLocalMesh()
  assert.deepEqual([...(await tryEverything(mesh, undefined))], ['not-trusted'])
  using visit = await visitHub(mesh.address)
  const { ca } = await visit.call(PUBLIC_API.showRoot, {})
  assert.equal(ca, mesh.authority.rootCertificatePem)
})

test('hub takes no foreign, expired or misused certificate', async t => {
  await using mesh = await createLocalMesh()
  await using other = await createLocalMesh()
  const host = await mesh.join('host')
  const member = { kind: 'endpoint', mesh: mesh.authority.mesh, user: root, endpoint: SOMEBODY } as const
  const own = host.membership.self
  const past = { madeAtMs: Date.now() - 240_000, validMs: 1_000 }
  const future = { madeAtMs: Date.now() + 3_600_000, validMs: 60_000 }
  const permit = { kind: 'permit', mesh: mesh.authority.mesh, user: root, permit: SOMEBODY } as const
  const hub = { kind: 'hub', mesh: mesh.authority.mesh, hub: parseHubId(SOMEBODY) } as const
  const stolenName = { ...own, user: parseUserName('mallory') }
  const cases: [string, Promise<Credential>, ErrorCode][] = [
    ['expired', issue(mesh, own, past), 'certificate-expired'],
    ['not valid yet', issue(mesh, own, future), 'certificate-expired'],
    ['of another mesh', other.member(), 'not-trusted'],
    ["of another mesh's hub", issue(other, { ...hub, mesh: other.authority.mesh }), 'not-trusted'],
    ['of an endpoint that never joined', issue(mesh, member), 'not-trusted'],
    ["of another's endpoint", issue(mesh, stolenName), 'not-trusted'],
    ['of a hub', issue(mesh, hub), 'not-trusted'],
    ['of a permit', issue(mesh, permit), 'not-trusted'],
  ]
  for (const [what, credential, code] of cases) {
    await t.test(what, async () => {
      assert.deepEqual([...(await tryEverything(mesh, await credential))], [code])
    })
  }
  assert.equal(mesh.hub.describe().linkCount, 1)
})

test('hub puts out an evicted and a removed endpoint, and takes neither again', async () => {
  await using mesh = await createLocalMesh()
  const { link } = (await mesh.join('admin')).membership
  const [evicted, removed] = [await mesh.member(), await mesh.member()]
  const visits = [await visitHub(mesh.address, evicted), await visitHub(mesh.address, removed)]
  const events = visits.map(({ session }) => session.request({ ':path': EVENTS_PATH }).resume())
  await Promise.all(events.map(stream => once(stream, 'response')))
  const ended = Promise.all(visits.map(({ session }) => once(session, 'close')))
  await link.call(CONTROLLER_API.evict, { body: { endpoint: evicted.identity.endpoint } })
  await link.call(CONTROLLER_API.removeEndpoint, { params: { endpoint: removed.identity.endpoint } })
  await ended
  assert.deepEqual([...(await tryEverything(mesh, evicted))], ['evicted'])
  assert.deepEqual([...(await tryEverything(mesh, removed))], ['not-trusted'])
})

test("hub gives a member nothing of another's endpoint or service", async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const bob = await mesh.join('bob', { permit: await mesh.invite('bob') })
  const mallory = await mesh.member('mallory', await mesh.invite('mallory'))
  await hostEcho(host, 'tcp/web', { users: [parseUserName('bob')] })
  using visit = await visitHub(mesh.address, mallory)
  const params = { endpoint: bob.membership.self.endpoint }
  const access = { users: [], entrances: [] }

  // ZTM's finding 3: whoever opens an outbound of the same name gets a share of its connections.
  const host2 = visit.call(CONTROLLER_API.host, { params: { service: 'tcp/web' }, body: { access } })
  await assertRefused(host2, 'name-taken')
  await assertRefused(visit.call(CONTROLLER_API.unhost, { params: { service: 'tcp/web' } }), 'not-found')
  await assertRefused(visit.call(CONTROLLER_API.openSession, { body: { service: 'tcp/web' } }), 'denied')
  assert.deepEqual(await visit.call(CONTROLLER_API.listServices, {}), { services: [] })
  await assertRefused(visit.call(CONTROLLER_API.removeEndpoint, { params }), 'denied')
  await assertRefused(visit.call(CONTROLLER_API.labelEndpoint, { params, body: { labels: ['x'] } }), 'denied')
  await assertRefused(visit.call(HUB_API.openRelay, { body: params }), 'denied')
  await assertRefused(visit.call(CONTROLLER_API.evict, { body: { user: 'bob' } }), 'denied')
  await assertRefused(visit.call(CONTROLLER_API.invite, { body: { user: 'root' } }), 'denied')
  await assertRefused(visit.call(HUB_API.hubLog, { query: {} }), 'denied')

  // What it says of itself changes itself alone.
  const { id } = await visit.call(CONTROLLER_API.announce, { body: { version: 'evil', labels: ['evil'] } })
  assert.equal(id, mallory.identity.endpoint)
})

test("no member takes another's endpoint over by a connection of its own", async () => {
  // ZTM's finding 1: CONNECT /api/endpoints/<id> made the caller that endpoint's owner.
  await using mesh = await createLocalMesh()
  const bob = await mesh.join('bob')
  const mallory = await mesh.member('mallory', await mesh.invite('mallory'))
  using visit = await visitHub(mesh.address, mallory)
  const bobId = bob.membership.self.endpoint
  for (const path of [`/api/endpoints/${bobId}?name=mine`, `/api/endpoints/${bobId}`]) {
    const answer = await visit.ask({ ':method': 'CONNECT', ':authority': path })
    assert.ok(answer instanceof MeshError)
  }
  // Not even its link: it opens that of the endpoint in the certificate, whatever else is said.
  const stream = visit.session.request({
    ':path': `${EVENTS_PATH}?endpoint=${bobId}`,
    'ztm-endpoint': bobId,
    'ztm-user': 'root',
  })
  stream.resume().on('error', () => {})
  await once(stream, 'response')
  using own = await visitHub(mesh.address, mallory)
  own.session
    .request({ ':path': EVENTS_PATH })
    .resume()
    .on('error', () => {})
  const opened = await mesh.logged('link.opened', 'hub')
  assert.equal(opened.fields.endpoint, bobId)
  const { link } = bob.membership
  const shown = await link.call(CONTROLLER_API.showEndpoint, { params: { endpoint: bobId } })
  assert.deepEqual([shown.user, shown.isOnline], ['root', true])
})

test('hub speaks TLS 1.3, and with HTTP/1.1 of nothing that is for members', async () => {
  await using mesh = await createLocalMesh()
  await assert.rejects(
    openTls(mesh.address, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }),
    /protocol version/,
  )
  await assert.rejects(openTls(mesh.address, { ALPNProtocols: ['spdy/3'] }), /no application protocol/)
  for (const ALPNProtocols of [['http/1.1'], []]) {
    const socket = await openTls(mesh.address, { ALPNProtocols })
    socket.write('GET /api/hubs HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    assert.match(text, /^HTTP\/1\.1 404 .*"code":"not-found"/s)
  }
})
