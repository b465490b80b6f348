import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { parseName, parseServiceName } from '../core/model/names.ts'
import type { App } from '../sdk/app.ts'
import { createLocalMesh, MESH_NAME } from '../testing/local-mesh.ts'

/** Hosts a service as soon as it starts, as a tunnel that was opened before does. */
const HOSTING_APP: App = {
  name: 'test/hosting',
  api: {},
  async start(host) {
    const access = { users: [], entrances: [] }
    const service = parseServiceName('tcp/early')
    const hosting = await host.serve(service, { access, onStream: incoming => incoming.accept().resume() })
    return { handlers: {}, [Symbol.asyncDispose]: () => hosting[Symbol.asyncDispose]() }
  },
}

test('whenUsable() waits until what is hosted is known to the mesh, time after time', async () => {
  await using mesh = await createLocalMesh()
  const guest = await mesh.join('guest')
  const { agent } = await mesh.join('host', { apps: [HOSTING_APP] })
  for (let round = 0; round < 5; round += 1) {
    const membership = await agent.join(MESH_NAME, parseName('host'), mesh.permit, false)
    await membership.whenUsable(5_000)
    const { services } = await guest.membership.link.call(CONTROLLER_API.listServices, {})
    assert.deepEqual(
      services.map(({ name, hostings }) => [name, hostings.map(({ isOnline }) => isOnline)]),
      [['tcp/early', [true]]],
    )
  }
})

test('whenUsable() waits for no mesh that is disabled, and for one without a hub as long as it may', async () => {
  await using mesh = await createLocalMesh()
  const { agent } = await mesh.join('host')
  const disabled = await agent.setEnabled(MESH_NAME, false)
  const startedMs = performance.now()
  await disabled.whenUsable(60_000)
  await mesh.stopHub()
  const cut = await agent.setEnabled(MESH_NAME, true)
  await cut.whenUsable(50)
  assert.ok(performance.now() - startedMs < 30_000)
  assert.notEqual(cut.link.state.state, 'online')
})
