import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { describe, test } from 'node:test'
import { createSeededRandom } from '../testing/seeded-random.ts'
import { until } from '../testing/until.ts'
import { isMovable } from './raw-socket.ts'
import { createSplicer } from './raw-splice.ts'
import type { Splice } from './splice.ts'

/** Two clients whose accepted connections can be joined. */
interface Scene extends AsyncDisposable {
  readonly a: Socket
  readonly b: Socket
  readonly acceptedA: Socket
  readonly acceptedB: Socket
  join(): Splice
}

async function openScene(): Promise<Scene> {
  const sockets: Socket[] = []
  const server = net.createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const connect = async () => {
    const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const [accepted] = (await once(server, 'connection')) as [Socket]
    for (const socket of [client, accepted]) sockets.push(socket.on('error', () => {}))
    return [client, accepted] as const
  }
  const [[a, acceptedA], [b, acceptedB]] = [await connect(), await connect()]
  let joined: Splice | undefined
  return {
    a,
    b,
    acceptedA,
    acceptedB,
    join() {
      joined = createSplicer()(acceptedA, acceptedB)
      return joined
    },
    async [Symbol.asyncDispose]() {
      joined?.cut()
      for (const socket of sockets) socket.destroy()
      await joined?.closed
      server.close()
      await once(server, 'close')
    },
  }
}

/** Bytes nobody can mistake for others; of sizes that fill all buffers and none. */
function blocks(seed: number, totalBytes: number): Buffer[] {
  const random = createSeededRandom(seed)
  const made: Buffer[] = []
  for (let left = totalBytes; left > 0; ) {
    const size = Math.min(left, 1 + Math.floor(random() * (random() < 0.3 ? 1_000_000 : 5_000)))
    const words = new Uint32Array(Math.ceil(size / 4)).map(() => random() * 2 ** 32)
    const block = Buffer.from(words.buffer, 0, size)
    made.push(block)
    left -= size
  }
  return made
}

async function send(socket: Socket, bytes: readonly Buffer[]): Promise<void> {
  for (const block of bytes) if (!socket.write(block)) await once(socket, 'drain')
  socket.end()
}

async function hashOf(socket: Socket, pauseEvery = 0): Promise<string> {
  const hash = createHash('sha256')
  let count = 0
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    hash.update(chunk as Buffer)
    if (pauseEvery > 0 && ++count % pauseEvery === 0) await new Promise(resolve => setImmediate(resolve))
  }
  return hash.digest('hex')
}

describe('createSplicer()', () => {
  test('moves the connections of this Node to memory of ours', async () => {
    await using scene = await openScene()
    assert.deepEqual([isMovable(scene.acceptedA), isMovable(duplexPair()[0])], [true, false])
    scene.join()
    // What is left behind is closed, and what was moved goes on.
    if (!scene.acceptedA.closed) await once(scene.acceptedA, 'close')
    scene.a.write('goes on')
    assert.equal(String((await once(scene.b, 'data'))[0]), 'goes on')
  })

  test('copies both ways at once, byte for byte, to the last, and closes when both have ended', async () => {
    await using scene = await openScene()
    const there = blocks(1, 40_000_000)
    const back = blocks(2, 40_000_000)
    const joined = scene.join()
    const [atB, atA] = await Promise.all([
      hashOf(scene.b, 3),
      hashOf(scene.a),
      send(scene.a, there),
      send(scene.b, back),
    ])
    await joined.closed
    const wanted = [there, back].map(all => createHash('sha256').update(Buffer.concat(all)).digest('hex'))
    assert.deepEqual([atB, atA], wanted)
    assert.equal(joined.byteCount(), 80_000_000)
  })

  test('loses nothing that came before the two were joined, an end included', async () => {
    await using scene = await openScene()
    const early = Buffer.alloc(200_000, 'early')
    scene.acceptedA.on('readable', () => {})
    scene.a.end(early)
    await until(() => scene.acceptedA.readableLength >= 65_536, 'the hub has read some of it')
    scene.acceptedA.unshift(scene.acceptedA.read(10))
    const joined = scene.join()
    const answer = hashOf(scene.a)
    assert.equal(await hashOf(scene.b), createHash('sha256').update(early).digest('hex'))
    scene.b.end('late answer')
    assert.equal(await answer, createHash('sha256').update('late answer').digest('hex'))
    await joined.closed
  })

  test('passes on an end that was there before the two were joined', async () => {
    await using scene = await openScene()
    scene.acceptedA.on('readable', () => {})
    scene.a.end()
    await once(scene.acceptedA, 'readable')
    const joined = scene.join()
    await once(scene.b.resume(), 'end')
    scene.b.end()
    await joined.closed
  })

  test('passes on a break as a break, in the middle of bytes', async () => {
    for (const [breaking, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      await using scene = await openScene()
      const joined = scene.join()
      const failed = once(scene[other].resume(), 'error').catch(error => [error])
      scene[breaking].write(Buffer.alloc(100_000))
      await once(scene[other], 'data')
      scene[breaking].resetAndDestroy()
      assert.equal((await failed)[0].code, 'ECONNRESET')
      await joined.closed
    }
  })

  test('breaks both when it is cut, also while nothing is read', async () => {
    await using scene = await openScene()
    const joined = scene.join()
    scene.b.pause()
    for (let more = true; more; )
      more = scene.a.write(Buffer.alloc(1_000_000)) || scene.a.writableLength < 20e6
    const failed = [scene.a, scene.b.resume()].map(socket => once(socket, 'error').catch(error => [error]))
    joined.cut()
    for (const [error] of await Promise.all(failed)) assert.equal(error.code, 'ECONNRESET')
    await joined.closed
  })

  test('a side that does not read stops the other, and gets all of it when it reads again', async () => {
    await using scene = await openScene()
    const joined = scene.join()
    scene.b.pause()
    const all = blocks(3, 60_000_000)
    const sent = send(scene.a, all)
    // It stands when no more passes: what the system holds of it is a few MiB, and is not ours.
    for (let before = -1; before !== joined.byteCount(); ) {
      before = joined.byteCount()
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.ok(joined.byteCount() < 30_000_000, `${joined.byteCount()} bytes have passed`)
    assert.equal(await hashOf(scene.b), createHash('sha256').update(Buffer.concat(all)).digest('hex'))
    await sent
    scene.b.end()
    await joined.closed
  })

  test('copies between a connection and a stream that is none', async () => {
    await using scene = await openScene()
    const [near, far] = duplexPair()
    const joined = createSplicer()(scene.acceptedA, near)
    scene.a.end('to a stream')
    const [bytes] = await once(far, 'data')
    assert.equal(String(bytes), 'to a stream')
    far.end('and back')
    assert.equal(await hashOf(scene.a), createHash('sha256').update('and back').digest('hex'))
    await joined.closed
    assert.equal(joined.byteCount(), 19)
  })
})
