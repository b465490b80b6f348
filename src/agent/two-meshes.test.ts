import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { parseName, parseServiceName, parseUserName } from '../core/model/names.ts'
import type { App, Host } from '../sdk/app.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'

const OTHER = parseName('other')

test('what an agent has in one mesh is invisible in the other', async () => {
  await using home = await createLocalMesh()
  await using work = await createLocalMesh()
  const hosts: Host[] = []
  const recorder: App = {
    name: 'test/recorder',
    api: {},
    async start(host) {
      hosts.push(host)
      return { handlers: {}, async [Symbol.asyncDispose]() {} }
    },
  }
  const both = await home.join('laptop', { apps: [recorder] })
  const inWork = await both.agent.join(OTHER, parseName('laptop-at-work'), work.permit, false)
  await inWork.link.whenOnline(30_000)
  const [atHome, atWork] = [home, work].map(
    ({ authority }) => hosts.find(host => both.agent.mesh(host.mesh).record.id === authority.mesh) as Host,
  ) as [Host, Host]
  const viaWork = { ...both, membership: inWork, host: atWork }
  const [homePc, workPc] = [await home.join('home-pc'), await work.join('work-pc')]
  const secret = await hostEcho(homePc, 'tcp/secret')
  const shared = [await hostEcho(homePc, 'tcp/same-name'), await hostEcho(workPc, 'tcp/same-name')] as const
  await atHome.storage.put('note', 'of home')

  // Services, names and endpoints of one, asked for in the other.
  assert.deepEqual((await atHome.services()).map(({ name }) => name).sort(), ['tcp/same-name', 'tcp/secret'])
  assert.deepEqual(
    (await atWork.services()).map(({ name }) => name),
    ['tcp/same-name'],
  )
  await assertRefused(echo(viaWork, secret.service, 'x'), 'not-found')
  await assertRefused(atWork.findEndpoint('home-pc'), 'not-found')
  await assertRefused(atWork.findEndpoint(homePc.membership.self.endpoint), 'not-found')
  await assertRefused(inWork.peers.session(homePc.membership.self.endpoint), 'denied')
  assert.equal(await atWork.storage.get('note'), undefined)

  // The same name in both is two services.
  assert.equal(await echo(both, shared[0].service, 'home'), 'home')
  assert.equal(await echo(viaWork, shared[1].service, 'work'), 'work')
  assert.deepEqual(
    shared.map(({ callers }) => callers.map(({ mesh }) => mesh)),
    [[home.authority.mesh], [work.authority.mesh]],
  )

  // What the laptop hosts in one is not hosted in the other, nor taken there.
  await hostEcho({ ...both, host: atHome }, 'tcp/of-laptop')
  await hostEcho(workPc, 'tcp/of-laptop')
  assert.equal(await echo(viaWork, parseServiceName('tcp/of-laptop'), 'work-pc’s'), 'work-pc’s')

  // Put out of one, it stays in the other.
  const evict = { body: { endpoint: inWork.self.endpoint } }
  await workPc.membership.link.call(CONTROLLER_API.evict, evict)
  await work.logged('link.closed', 'hub')
  assert.equal(await echo(both, secret.service, 'still here'), 'still here')
  await both.agent.leave(OTHER)
  assert.equal(await echo(both, secret.service, 'and after leaving'), 'and after leaving')
  assert.deepEqual([...both.agent.meshes.keys()].length, 1)
  assert.equal(await atHome.storage.get('note'), 'of home')
})

test('an eviction in one mesh does not put out the same user of another', async () => {
  await using home = await createLocalMesh()
  await using work = await createLocalMesh()
  const both = await home.join('laptop')
  const inWork = await both.agent.join(OTHER, parseName('laptop'), work.permit, false)
  await inWork.link.whenOnline(30_000)
  const boss = await work.join('boss')
  const bob = await home.join('pc', { permit: await home.invite('bob') })
  await work.member('pc', await work.invite('bob'))
  const { service } = await hostEcho(both, 'tcp/echo', { users: [parseUserName('bob')] })
  await boss.membership.link.call(CONTROLLER_API.evict, { body: { user: 'bob' } })
  await until(async () => (await both.store.list(`evictions/${OTHER}`)).length === 1, 'the laptop knows')
  assert.equal(await echo(bob, service, 'I am another bob'), 'I am another bob')
})
