import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { test } from 'node:test'
import { resetSocket } from './reset-socket.ts'

async function connectPair(): Promise<[Socket, Socket]> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const near = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [near, far]
}

const closeOf = (socket: Socket) => new Promise<void>(resolve => socket.once('close', () => resolve()))

test('resetSocket() shows the other side a reset', async () => {
  const [near, far] = await connectPair()
  const failed = once(near.resume(), 'error')
  const closed = closeOf(far)
  resetSocket(far)
  await closed
  assert.equal((await failed)[0].code, 'ECONNRESET')
})

test('resetSocket() closes a connection whose end is just being sent', async () => {
  for (const last of ['', 'last words']) {
    const [near, far] = await connectPair()
    const heard = near.toArray()
    const closed = closeOf(far)
    far.end(last)
    // Node's own way would leave it open for ever, with an error EINVAL.
    resetSocket(far)
    await closed
    assert.equal(Buffer.concat(await heard).toString(), last)
    near.destroy()
  }
})

test('resetSocket() breaks a connection that has bytes yet to send before its end', async () => {
  const [near, far] = await connectPair()
  near.pause()
  while (far.write(Buffer.alloc(1_000_000))) await new Promise(setImmediate)
  far.end('last words')
  const closed = closeOf(far)
  resetSocket(far)
  await closed
  const failed = once(near, 'error')
  near.resume()
  assert.equal((await failed)[0].code, 'ECONNRESET')
})
