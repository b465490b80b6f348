import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import type { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { connectTcp, type HostConnection, listenTcp } from '../../net/host-sockets.ts'
import { listen } from '../../net/hub-port.ts'
import { countStream } from '../../net/stream-counts.ts'
import { loseSession, moveOn, openResumable, type ResumablePair } from '../../testing/resumable-sessions.ts'
import { withSeed } from '../../testing/seeded-random.ts'
import { createStreamPair } from '../../testing/stream-pair.ts'
import { transfer } from '../../testing/two-way-transfer.ts'
import { until } from '../../testing/until.ts'
import { join } from './join.ts'

/** A client and a target, joined through a stream: client - connection - near | far - connection - target. */
interface Joined {
  readonly client: HostConnection
  readonly target: HostConnection
}

async function connectionPair(): Promise<[HostConnection, HostConnection]> {
  const { promise, resolve } = Promise.withResolvers<HostConnection>()
  await using listener = await listenTcp({ host: '127.0.0.1', port: 0 }, resolve)
  const one = await connectTcp({ kind: 'address', ...listener.address }, { timeoutMs: 5_000 })
  return [one, await promise]
}

async function joinThrough([near, far]: [Duplex, Duplex]): Promise<Joined> {
  const [client, accepted] = await connectionPair()
  const [connected, target] = await connectionPair()
  join(accepted, near)
  join(connected, far)
  return { client, target }
}

function onceClosed(stream: Duplex): Promise<void> {
  return new Promise(resolve => stream.once('close', resolve))
}

async function read(connection: HostConnection): Promise<string> {
  return Buffer.concat(await connection.toArray()).toString()
}

async function resetOf(connection: HostConnection): Promise<unknown> {
  connection.resume()
  const [error] = await once(connection, 'error')
  return (error as NodeJS.ErrnoException).code
}

function behaves(openStream: () => Promise<[Duplex, Duplex]>): void {
  it('passes on the end of the client first', async () => {
    const { client, target } = await joinThrough(await openStream())
    client.end('question')
    assert.equal(await read(target), 'question')
    target.end('answer')
    assert.equal(await read(client), 'answer')
  })

  it('passes on the end of the target first', async () => {
    const { client, target } = await joinThrough(await openStream())
    target.end('greeting')
    assert.equal(await read(client), 'greeting')
    client.end('late word')
    assert.equal(await read(target), 'late word')
  })

  it('passes on an end of both at once', async () => {
    const { client, target } = await joinThrough(await openStream())
    client.end('a')
    target.end('b')
    assert.deepEqual(await Promise.all([read(target), read(client)]), ['a', 'b'])
  })

  for (const breaker of ['client', 'target'] as const) {
    const other = breaker === 'client' ? 'target' : 'client'
    it(`passes a reset of the ${breaker} on`, async () => {
      const joined = await joinThrough(await openStream())
      joined.client.write('x')
      joined.target.write('y')
      await Promise.all([once(joined.client, 'data'), once(joined.target, 'data')])
      const reset = resetOf(joined[other])
      joined[breaker].reset()
      assert.equal(await reset, 'ECONNRESET')
    })

    it(`passes a reset of the ${breaker} on after the ${other} has ended`, async () => {
      const joined = await joinThrough(await openStream())
      joined[other].end('all I had')
      assert.equal(await read(joined[breaker]), 'all I had')
      const reset = resetOf(joined[other])
      joined[breaker].reset()
      assert.equal(await reset, 'ECONNRESET')
    })
  }

  it('breaks the connection when the stream is broken', async () => {
    const [near, far] = await openStream()
    const { client, target } = await joinThrough([near, far])
    const resets = Promise.all([resetOf(client), resetOf(target)])
    near.destroy(new Error('mesh lost'))
    assert.deepEqual(await resets, ['ECONNRESET', 'ECONNRESET'])
  })

  it('resets the connection when the stream is broken already', async () => {
    const [near, far] = await openStream()
    far.on('error', () => {})
    near.on('error', () => {}).destroy(new Error('mesh lost'))
    await onceClosed(near)
    const [client, accepted] = await connectionPair()
    const reset = resetOf(client)
    join(accepted, near)
    assert.equal(await reset, 'ECONNRESET')
  })

  it('breaks the stream when the connection is gone already', async () => {
    const [near, far] = await openStream()
    const [client, accepted] = await connectionPair()
    client.destroy()
    accepted.destroy()
    const closed = onceClosed(far.resume().on('error', () => {}))
    join(accepted, near)
    await closed
    assert.equal(far.readableEnded, false)
  })
}

describe('join() over a stream in memory', () => behaves(async () => createStreamPair()))

describe('join() over HTTP/2', () => {
  const server = http2.createServer()
  let client: http2.ClientHttp2Session

  before(async () => {
    await listen(server as never, { host: '127.0.0.1', port: 0 })
    const { port } = server.address() as { port: number }
    client = http2.connect(`http://127.0.0.1:${port}`)
  })
  after(async () => {
    client.destroy()
    await new Promise(resolve => server.close(resolve))
  })

  behaves(async () => {
    const accepted = once(server, 'stream')
    const near = client.request({ ':method': 'CONNECT', ':authority': 'x' })
    const [far] = (await accepted) as [http2.ServerHttp2Stream]
    far.respond({ ':status': 200 })
    await once(near, 'response')
    return [near, far]
  })
})

describe('join() over resumable streams', () => {
  const sessions = new Set<{ destroy(): void }>()
  after(() => {
    for (const session of sessions) session.destroy()
  })

  async function openPair(): Promise<ResumablePair> {
    const pair = await openResumable()
    sessions.add(pair.sessions.near)
    return pair
  }

  behaves(async () => {
    const { near, far } = await openPair()
    return [near, far]
  })

  // One way at a time: without the agents' watch over it, HTTP/2 stands still when both sides have much to send.
  for (const sender of ['client', 'target'] as const)
    it(`keeps every byte that the ${sender} sends while the stream moves from session to session`, async () => {
      await withSeed(async random => {
        const pair = await openPair()
        const joined = await joinThrough([pair.near, pair.far])
        const receiver = sender === 'client' ? 'target' : 'client'
        const [sending, receiving] = [transfer(joined[sender], random), transfer(joined[receiver], random)]
        receiving.stop()
        for (let move = 0; move < 60; move += 1) {
          const { receivedBytes } = receiving
          await until(() => receiving.receivedBytes > receivedBytes, 'more has come')
          if (random() < 0.5) await loseSession(pair)
          const before = pair.sessions
          await moveOn(pair)
          before.near.destroy()
        }
        const [sent, received] = await Promise.all([sending.finish(), receiving.finish()])
        assert.deepEqual([received.received, sent.received], [sent.sent, received.sent])
        pair.sessions.near.destroy()
      })
    })

  it('goes on behind what was written and received before they were joined', async () => {
    const { near, far } = await openPair()
    near.write('one ')
    far.write('uno ')
    await once(near, 'readable')
    const { client, target } = await joinThrough([near, far])
    client.end('two')
    target.end('due')
    assert.deepEqual(await Promise.all([read(target), read(client)]), ['one two', 'uno due'])
  })

  it('stops a client whose target does not read, and takes nothing while there is no path', async () => {
    const pair = await openPair()
    const { client, target } = await joinThrough([pair.near, pair.far])
    target.pause()
    const bytes = Buffer.alloc(48 * 1_048_576, 'x')
    client.end(bytes)
    const stopped = await untilStill(() => client.bytesWritten - client.writableLength)
    // Of the system at both ends the buffers, here what is kept, and what waits to be sent.
    assert.ok(stopped < bytes.length, `${stopped} bytes were taken`)
    assert.ok(pair.near.writableLength === 0 && pair.far.readableLength === 0)
    await loseSession(pair)
    await moveOn(pair)
    sessions.add(pair.sessions.near)
    let receivedBytes = 0
    for await (const chunk of target) receivedBytes += chunk.length
    assert.equal(receivedBytes, bytes.length)
    target.end()
    assert.equal(await read(client), '')
  })

  it('leaves what is metered to who counts it', async () => {
    const { near, far } = await openPair()
    const counts = countStream(near)
    const { client, target } = await joinThrough([near, far])
    client.end(Buffer.alloc(300_000))
    await read(target)
    target.end(Buffer.alloc(200_000))
    await read(client)
    assert.deepEqual([counts.writtenBytes, counts.readBytes], [300_000, 200_000])
  })
})

/** The value once it has not changed for a while. */
async function untilStill(valueNow: () => number): Promise<number> {
  let value = -1
  await until(async () => {
    const before = value
    value = valueNow()
    await new Promise(resolve => setTimeout(resolve, 300))
    return valueNow() === before
  }, 'it stands still')
  return value
}
