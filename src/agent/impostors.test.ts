import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { PEER_API } from '../core/api/peer-api.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseEndpointId } from '../core/model/ids.ts'
import { parseUserName } from '../core/model/names.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { hostEcho } from '../testing/echo-service.ts'
import { type Credential, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { type PeerVisit, visitPeer } from '../testing/peer-visit.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'

const ID = '99999999-2222-4333-8444-555555555555'
const mallory = parseUserName('mallory')

async function issue(
  { authority }: LocalMesh,
  identity: Identity,
  madeAtMs = Date.now(),
): Promise<Credential> {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: 60_000 }, madeAtMs)
  return { chainPem, privateKeyPem }
}

/** Whatever is tried in this session meets this code. */
async function meets(visit: PeerVisit, code: string): Promise<void> {
  for (const answer of [await visit.dial('tcp/echo', 'ticket'), await visit.get('/api/apps')]) {
    assert.equal(answer instanceof MeshError ? answer.code : answer, code)
  }
}

test('agent talks to no peer without a good certificate of an endpoint', { concurrency: true }, async t => {
  await using mesh = await createLocalMesh()
  await using other = await createLocalMesh()
  const host = await mesh.join('host')
  const { callers } = await hostEcho(host, 'tcp/echo')
  const { mesh: id } = mesh.authority
  const permit: Identity = { kind: 'permit', mesh: id, user: mallory, permit: parseEndpointId(ID) }
  const ended = issue(mesh, host.membership.self, Date.now() - 240_000)
  const cases: [string, Promise<Credential | null>, string][] = [
    ['no certificate', Promise.resolve(null), 'not-trusted'],
    ["a hub's", Promise.resolve(mesh.hubCredential), 'not-trusted'],
    ["a permit's", issue(mesh, permit), 'not-trusted'],
    ["another mesh's endpoint's", other.member(), 'not-trusted'],
    ['one that has ended', ended, 'certificate-expired'],
  ]
  const visits = cases.map(([what, shown, code]) =>
    t.test(what, async () => {
      const to = host.membership.self.endpoint
      const asker = await mesh.member()
      await using visit = await visitPeer({ hub: mesh.address, asker, to, shown: await shown })
      await meets(visit, code)
      // Told why, it is put out soon.
      if (!visit.session.destroyed) await once(visit.session, 'close')
    }),
  )
  await Promise.all(visits)
  assert.deepEqual(callers, [])
})

test('agent knows a peer by its certificate, whatever else it says', async () => {
  // ZTM's finding 2: `?username=root` was believed.
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const { callers } = await hostEcho(host, 'tcp/open', { users: [mallory] })
  await hostEcho(host, 'tcp/private')
  const asker = await mesh.member('pc', await mesh.invite('mallory'))
  using hub = await visitHub(mesh.address, asker)
  const { ticket } = await hub.call(CONTROLLER_API.openSession, { body: { service: 'tcp/open' } })
  await using visit = await visitPeer({ hub: mesh.address, asker, to: host.membership.self.endpoint })
  const lies = { username: 'root', 'ztm-user': 'root', 'x-forwarded-user': 'root', authorization: 'root' }

  assert.equal(await visit.dial('tcp/open', ticket, lies), 200)
  assert.deepEqual(callers, [asker.identity])
  for (const [service, shown] of [
    ['tcp/private', ticket],
    ['tcp/private', undefined],
    ['tcp/private?username=root', ticket],
    ['tcp/../tcp/private', ticket],
    ['tcp/none', ticket],
    ['tcp/open', `${ticket.slice(0, -4)}AAAA`],
    ['tcp/open', ''],
    ['tcp/open', 'x'.repeat(9_000)],
  ] as const) {
    const answer = await visit.dial(service, shown, lies)
    assert.ok(
      answer instanceof MeshError && ['bad-ticket', 'bad-name'].includes(answer.code),
      `${service}: ${answer}`,
    )
  }
})

test('agent gives a peer of another user nothing but what it may dial', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, 'tcp/open', { users: [mallory] })
  const asker = await mesh.member('pc', await mesh.invite('mallory'))
  await using visit = await visitPeer({ hub: mesh.address, asker, to: host.membership.self.endpoint })
  await assertRefused(visit.call(PEER_API.showLog, { query: {} }), 'denied')
  await assertRefused(visit.call(PEER_API.listApps, {}), 'denied')
  // ZTM's finding 4: a path that goes up was judged as it stood and read as it meant.
  for (const [path, code] of [
    ['/api/apps/test/probe/anything', 'denied'],
    ['/api/apps/test/probe/../../../log', 'denied'],
    ['/api/ping/../apps', 'denied'],
    ['/api/apps/test/probe/%2e%2e/%2e%2e/%2e%2e/log', 'denied'],
    ['/api/apps/none/none/x', 'denied'],
    ['//host/api/log', 404],
  ] as const) {
    const answer = await visit.get(path)
    assert.equal(answer instanceof MeshError ? answer.code : answer, code, path)
  }
  assert.ok((await visit.call(PEER_API.ping, {})).timeMs > 0)
})

test('agent takes no session ticket from anybody but the endpoint it was made for', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  await hostEcho(host, 'tcp/open', { users: [mallory, parseUserName('bob')] })
  const bob = await mesh.member('bobpc', await mesh.invite('bob'))
  const thief = await mesh.member('pc', await mesh.invite('mallory'))
  using hub = await visitHub(mesh.address, bob)
  const { ticket } = await hub.call(CONTROLLER_API.openSession, { body: { service: 'tcp/open' } })
  const to = host.membership.self.endpoint
  await using stolen = await visitPeer({ hub: mesh.address, asker: thief, to })
  await using own = await visitPeer({ hub: mesh.address, asker: bob, to })
  // Seen before or not: the second time it comes out of a memory of good tickets.
  const refused = async () => {
    const answer = await stolen.dial('tcp/open', ticket)
    assert.equal(answer instanceof MeshError && answer.code, 'bad-ticket')
  }
  await refused()
  assert.equal(await own.dial('tcp/open', ticket), 200)
  await refused()
})

test('agent keeps no more sessions of one peer than it may, and ends the oldest', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const asker = await mesh.member()
  const to = host.membership.self.endpoint
  await using visits = new AsyncDisposableStack()
  const sessions: ClientHttp2Session[] = []
  for (let count = 0; count < 10; count++) {
    const { session } = visits.use(await visitPeer({ hub: mesh.address, asker, to }))
    sessions.push(session)
    await until(
      () => session.destroyed || host.membership.server.all.length === Math.min(count + 1, 8),
      'it is in',
    )
  }
  await until(() => sessions.filter(({ destroyed }) => destroyed).length === 2, 'two are out')
  assert.deepEqual(
    sessions.map(({ destroyed }) => destroyed),
    [true, true, ...Array.from({ length: 8 }, () => false)],
  )
})
