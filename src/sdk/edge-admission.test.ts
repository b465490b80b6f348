import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { createContext } from './create-context.ts'
import { nearestFirst } from './edge-admission.ts'

/** Something that accepts connections, and says nothing. */
async function startSilence(): Promise<{ address: string } & AsyncDisposable> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

test('nearestFirst() puts hubs that answer before those that do not', async () => {
  await using mesh = await createLocalMesh()
  await using silence = await startSilence()
  const closed = '127.0.0.1:1'
  const options = { rootPem: mesh.authority.rootCertificatePem, now: Date.now() }
  const order = await nearestFirst([closed, silence.address, mesh.address], options)
  assert.deepEqual(order, [mesh.address, closed, silence.address])
  assert.deepEqual(await nearestFirst([closed], options), [closed])
})

test('a context can be closed while it waits for a controller that says nothing', async () => {
  await using silence = await startSilence()
  const context = createContext({
    controllerUrl: `https://${silence.address}`,
    credentials: { apiKey: 'k' },
    env: {},
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
  })
  const dialled = context.dial('echo').then(
    () => assert.fail('dialled nowhere'),
    error => error.reason,
  )
  await new Promise(resolve => setImmediate(resolve))
  await context.close()
  assert.equal(await dialled, 'connection-closed')
  await assert.rejects(context.dial('echo'), { reason: 'connection-closed' })
})
