import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import type { HostConnection } from '../../net/host-sockets.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { createTunnelRig, fateOf, readAll, type TunnelRig } from '../../testing/tunnel-rig.ts'
import { TUNNEL_API } from './messages.ts'

const near = { endpoint: 'near', protocol: 'tcp', name: 'web' } as const
const far = { ...near, endpoint: 'far' } as const
const echo = (connection: HostConnection) => connection.pipe(connection)
const paused = { isPaused: true }
const resumed = { isPaused: false }

async function echoes(rig: TunnelRig, port: number): Promise<string> {
  const client = await rig.connect(port)
  client.end('hello')
  return readAll(client)
}

test('an inbound that is paused listens nowhere, also after a restart, and goes on where it was', async () => {
  await using rig = await createTunnelRig()
  const port = await rig.tunnel('web', (await rig.target(echo)).address.port)
  const open = await rig.connect(port)
  open.write('x')
  await new Promise(resolve => open.once('data', resolve))
  const fate = fateOf(open)
  const { isPaused, listens } = await rig.nearApp.call(TUNNEL_API.pauseInbound, {
    params: near,
    body: paused,
  })
  assert.deepEqual({ isPaused, isOpen: listens[0]?.isOpen }, { isPaused: true, isOpen: false })
  assert.equal(await fate, 'reset')
  await assertRefused(rig.connect(port), 'unreachable')
  await rig.restartNear()
  assert.equal((await rig.showInbound('web')).isPaused, true)
  await assertRefused(rig.connect(port), 'unreachable')
  await rig.nearApp.call(TUNNEL_API.pauseInbound, { params: near, body: resumed })
  assert.equal((await rig.showInbound('web')).isPaused, undefined)
  assert.equal(await echoes(rig, port), 'hello')
})

test('an inbound that is paused can be changed, and stays paused', async () => {
  await using rig = await createTunnelRig()
  const port = await rig.tunnel('web', (await rig.target(echo)).address.port)
  await rig.nearApp.call(TUNNEL_API.pauseInbound, { params: near, body: paused })
  const exits = [rig.far.identity.endpoint]
  const changed = await rig.inbound('web', { listens: [{ port }], exits })
  assert.deepEqual([changed.isPaused, changed.exits], [true, exits])
  await assertRefused(rig.connect(port), 'unreachable')
})

test('an outbound that is paused is not hosted, also after a restart; what it carried stays counted', async () => {
  await using rig = await createTunnelRig()
  const port = await rig.tunnel('web', (await rig.target(echo)).address.port)
  assert.equal(await echoes(rig, port), 'hello')
  const before = await rig.showOutbound('web')
  await rig.farApp.call(TUNNEL_API.pauseOutbound, { params: far, body: paused })
  assert.equal(rig.far.hosted.size, 0)
  assert.equal(await rig.fateOfNext(port), 'reset')
  const during = await rig.showOutbound('web')
  assert.deepEqual(
    [during.isPaused, during.sentBytes, during.receivedBytes, during.totalCount],
    [true, before.sentBytes, before.receivedBytes, before.totalCount],
  )
  await rig.restartFar()
  assert.equal(rig.far.hosted.size, 0)
  // A change of a paused one does not bring it back either.
  const target = await rig.target(echo)
  await rig.outbound('web', { targets: [{ port: target.address.port }] })
  assert.equal(rig.far.hosted.size, 0)
  await rig.farApp.call(TUNNEL_API.pauseOutbound, { params: far, body: resumed })
  assert.equal(await echoes(rig, port), 'hello')
})

test('a pause that cannot be kept is none', async () => {
  await using rig = await createTunnelRig()
  const port = await rig.tunnel('web', (await rig.target(echo)).address.port)
  rig.near.faults.storage = new MeshError('storage-full', 'Cannot write: the disk is full')
  rig.far.faults.storage = rig.near.faults.storage
  await assertRefused(
    rig.nearApp.call(TUNNEL_API.pauseInbound, { params: near, body: paused }),
    'storage-full',
  )
  await assertRefused(
    rig.farApp.call(TUNNEL_API.pauseOutbound, { params: far, body: paused }),
    'storage-full',
  )
  assert.equal(await echoes(rig, port), 'hello')
  const nobody = { ...near, name: 'none' }
  await assertRefused(
    rig.nearApp.call(TUNNEL_API.pauseInbound, { params: nobody, body: paused }),
    'not-found',
  )
})

test('ports that are open are told to endpoints of the same user alone', {
  skip: process.platform !== 'linux' && 'only Linux tells open ports',
}, async () => {
  await using rig = await createTunnelRig()
  const { port } = (await rig.target(echo)).address
  const { ports } = await rig.nearApp.call(TUNNEL_API.listOpenPorts, { params: { endpoint: 'far' } })
  assert.equal(ports.find(one => one.port === port)?.ip, '127.0.0.1')
  rig.mesh.addEndpoint('hers', 'alice')
  await assertRefused(rig.nearApp.call(TUNNEL_API.listOpenPorts, { params: { endpoint: 'hers' } }), 'denied')
})
