import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { HUB_API } from '../core/api/hub-api.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { layWire } from '../testing/wire.ts'

// Somebody on the way between two agents that talk directly: a router, an access point, a tap.

async function openScene() {
  const mesh = await createLocalMesh({ paths: ['direct'] })
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  const wire = await layWire(`127.0.0.1:${home.reach.listener?.port}`)
  // Each connects by the wire alone: home is found behind it, and work takes no connection.
  await home.membership.link.call(HUB_API.offerCandidates, { body: { tcp: [wire.address] } })
  await work.membership.link.call(HUB_API.offerCandidates, { body: { tcp: ['127.0.0.1:1'] } })
  const { service } = await hostEcho(home, 'tcp/echo')
  return {
    mesh,
    work,
    wire,
    service,
    async [Symbol.asyncDispose]() {
      await mesh[Symbol.asyncDispose]()
      await wire[Symbol.asyncDispose]()
    },
  }
}

test('nothing on the wire of a direct path shows what was sent', async () => {
  await using scene = await openScene()
  const { mesh, work, wire, service } = scene
  const canary = `canary-${randomBytes(16).toString('hex')}`
  const text = Array.from({ length: 2_000 }, () => canary).join(' ')
  assert.equal(await echo(work, service, text), text)
  assert.equal(mesh.hub.describe().relayedBytes, 0)
  const seen = wire.connections.flatMap(({ toServer, toClient }) => [
    Buffer.concat(toServer),
    Buffer.concat(toClient),
  ])
  const carriedBytes = seen.reduce((sum, { length }) => sum + length, 0)
  assert.ok(carriedBytes > 2 * text.length, 'it went this way')
  for (const needle of [canary, service, encodeURIComponent(service), 'CONNECT'])
    assert.ok(!seen.some(bytes => bytes.includes(needle)), needle)
})

test('what is changed on the wire of a direct path is never delivered', async () => {
  await using scene = await openScene()
  const { work, wire, service } = scene
  assert.equal(await echo(work, service, 'first'), 'first')
  const text = randomBytes(300_000).toString('hex')
  for (const direction of ['toServer', 'toClient'] as const) {
    let passedBytes = 0
    let isChanged = false
    wire.meddler = {
      change(bytes, way) {
        if (way !== direction || isChanged) return bytes
        passedBytes += bytes.length
        if (passedBytes < 200_000) return bytes
        isChanged = true
        return Buffer.from(bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)))
      },
    }
    const before = wire.connections.length
    // The connection ends; the stream goes on over the next one.
    assert.equal(await echo(work, service, text), text)
    assert.ok(isChanged, 'it went this way')
    await until(() => wire.connections.length > before, 'there is a new connection')
  }
})
