import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { createFlooder } from '../../testing/flooder.ts'
import { endure, floodsOf } from '../../testing/floods.ts'
import { serveOnLoopback } from '../../testing/gateway-rig.ts'
import { createTunnelRig } from '../../testing/tunnel-rig.ts'

test('outbound of HTTP outlives each flood of HTTP/2, and others keep working', async t => {
  await using target = await serveOnLoopback((request, response) => {
    request.resume().on('end', () => response.end('ok'))
  })
  await using rig = await createTunnelRig()
  await rig.outbound('web', { http: { routes: [{ targets: [String(target.port)] }] } })
  const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
  const port = listens[0]?.port ?? 0
  const neighbour = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`)
    assert.equal(await response.text(), 'ok')
  }
  for (const flood of floodsOf({ get: '/', post: '/' })) {
    await t.test(flood.what, async t => {
      const socket = net.connect({ port, host: '127.0.0.1' })
      await once(socket, 'connect')
      await endure(t, { flooder: createFlooder(socket), flood, role: 'member', neighbour })
    })
  }
})
