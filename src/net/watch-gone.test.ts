import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { listen } from './hub-port.ts'
import { watchGone } from './watch-gone.ts'

const INTERVAL_MS = 20

async function connectPair(): Promise<[Socket, Socket]> {
  const server = net.createServer({ allowHalfOpen: true })
  await listen(server, { host: '127.0.0.1', port: 0 })
  const { port } = server.address() as net.AddressInfo
  const accepted = once(server, 'connection')
  const near = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  const [far] = (await accepted) as [Socket]
  server.close()
  near.on('error', () => {})
  return [near, far]
}

const closeOf = (socket: Socket) => new Promise<void>(resolve => socket.once('close', () => resolve()))

/** Fill the connection until the kernel takes no more. */
async function fill(socket: Socket): Promise<void> {
  const block = Buffer.alloc(65_536)
  while (socket.write(block)) await new Promise(setImmediate)
}

describe('watchGone()', () => {
  it('breaks a connection that was reset while it was not read', async () => {
    const [near, far] = await connectPair()
    far.pause()
    await fill(near)
    watchGone(far, INTERVAL_MS)
    const failed = once(far, 'error')
    const closed = closeOf(far)
    near.resetAndDestroy()
    const [error] = await failed
    await closed
    assert.equal(error.code, 'link-closed')
    assert.equal(far.readableEnded, false)
  })

  it('breaks a half-closed connection whose client is gone', async () => {
    const [near, far] = await connectPair()
    far.on('error', () => {}).resume()
    near.end()
    await once(far, 'end')
    watchGone(far, INTERVAL_MS)
    const closed = closeOf(far)
    near.resetAndDestroy()
    await closed
  })

  it('leaves alone what ended in order and has bytes to read yet, and what is open', async () => {
    const [near, far] = await connectPair()
    far.pause()
    near.resume()
    watchGone(far, INTERVAL_MS)
    far.end('done')
    near.end(Buffer.alloc(200_000))
    await closeOf(near)
    const [open, other] = await connectPair()
    watchGone(open, INTERVAL_MS)
    // Longer than several checks.
    await new Promise(resolve => setTimeout(resolve, INTERVAL_MS * 5))
    const chunks = await far.toArray()
    assert.equal(Buffer.concat(chunks).length, 200_000)
    assert.equal(open.destroyed, false)
    open.destroy()
    other.destroy()
  })
})
