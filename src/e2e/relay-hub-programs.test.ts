import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { startGatewayRig } from '../testing/gateway-rig.ts'
import { startRelayHub } from '../testing/relay-hub-rig.ts'
import { createSdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'

// Programs with the SDK, and a gateway, whose bytes go by a hub that only relays.

test('programs of the SDK and a gateway go over a hub that only relays, also while the controller is away', {
  timeout: 120_000,
}, async () => {
  await using lab = await createSdkLab()
  const admin = await lab.mesh.join('chief')
  await using relay = await startRelayHub(lab.mesh, admin)
  await until(() => relay.isHeard, 'the hub hears the controller')
  for (const name of ['echo', 'web']) await lab.service(name)
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const echo = await host.listen('echo')
  echo.onConnection(connection => connection.pipe(connection))
  const site = http.createServer((request, response) => void response.end(`you asked for ${request.url}`))
  const web = await host.listen('web')
  web.onConnection(connection => void site.emit('connection', connection))
  // Nothing goes by the other hub any more.
  const { link } = admin.membership
  const params = { hub: lab.mesh.hub.describe().id }
  await link.call(CONTROLLER_API.drainHub, { params, body: { isDraining: true } })

  const connection = await guest.dial('echo')
  const say = async (word: string) => {
    connection.write(word)
    return String((await once(connection, 'data'))[0])
  }
  assert.equal(await say('over the relay'), 'over the relay')
  await using gateway = await startGatewayRig(
    "listeners: [{ kind: http, listen: '127.0.0.1:0' }]\nroutes: [{ path: '/*', service: web }]\n",
    { 'tcp/web': () => guest.dial('web') },
  )
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${gateway.port}${path}`)).text()
  assert.equal(await ask('/one'), 'you asked for /one')
  assert.equal(lab.mesh.hub.describe().relayedBytes, 0)
  assert.ok(relay.hub.describe().relayCount > 0, 'it relays')

  await lab.mesh.stopHub()
  assert.equal(await say('and alone'), 'and alone')
  assert.equal(await ask('/two'), 'you asked for /two')
  // So that the lab can be disposed as usual.
  await lab.mesh.restartHub()
  connection.destroy()
  site.closeAllConnections()
})
