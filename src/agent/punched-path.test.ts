import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HUB_API } from '../core/api/hub-api.ts'
import { PATH_KINDS } from '../core/path/path-kind.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'

test('two agents talk over UDP from socket to socket, and the hub sees no byte of it', async () => {
  await using mesh = await createLocalMesh({ paths: ['punched'] })
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { service } = await hostEcho(home, 'tcp/echo')
  const text = 'x'.repeat(1_000_000)
  assert.equal(await echo(work, service, text), text)
  assert.deepEqual(
    work.membership.peers.all.map(({ path }) => path),
    ['punched'],
  )
  assert.equal(mesh.hub.describe().relayedBytes, 0)
  assert.ok((work.membership.peers.all[0]?.sentBytes ?? 0) > 1_000_000)
})

test('a hole is punched beside the relay, and takes over', async () => {
  await using mesh = await createLocalMesh({ paths: PATH_KINDS })
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  for (const { membership } of [home, work]) {
    await mesh.logged('udp.seen', membership === home.membership ? 'home' : 'work')
    const { link, udp } = membership
    // As with two whose ports nobody can connect to.
    const body = { tcp: [], udp: [...(udp?.candidates ?? [])], nat: udp?.nat ?? 'unknown' }
    await link.call(HUB_API.offerCandidates, { body })
  }
  const { service } = await hostEcho(home, 'tcp/echo')
  assert.equal(await echo(work, service, 'first'), 'first')
  const paths = () => work.membership.peers.all.map(({ path }) => path)
  await until(() => paths().includes('punched'), 'the hole is punched')
  const before = mesh.hub.describe().relayedBytes
  assert.equal(await echo(work, service, 'second'), 'second')
  assert.ok(mesh.hub.describe().relayedBytes - before < 2_000)
})
