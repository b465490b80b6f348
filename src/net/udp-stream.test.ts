import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { type SeededRandom, withSeed } from '../testing/seeded-random.ts'
import { openUdpPair } from '../testing/udp-pair.ts'
import { until } from '../testing/until.ts'
import { openUdpSocket } from './udp-socket.ts'

const MEBIBYTE = 1_048_576

/** Write bytes in pieces of any size, heeding back-pressure, then end. @returns their hash */
async function pour(stream: Duplex, byteCount: number, random: SeededRandom): Promise<string> {
  const hash = createHash('sha256')
  for (let left = byteCount; left > 0; ) {
    const size = Math.min(
      left,
      random() < 0.5 ? 1 + Math.floor(random() * 3_000) : Math.ceil(random() * 200_000),
    )
    const piece = Buffer.alloc(size, Math.floor(random() * 256))
    piece.writeUInt8(left & 0xff, size - 1)
    hash.update(piece)
    left -= size
    if (!stream.write(piece)) await once(stream, 'drain')
  }
  stream.end()
  return hash.digest('hex')
}

async function drain(stream: Duplex): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of stream) hash.update(bytes)
  return hash.digest('hex')
}

async function readAll(stream: Duplex): Promise<string> {
  let text = ''
  for await (const bytes of stream) text += bytes
  return text
}

async function errorOf(stream: Duplex): Promise<unknown> {
  const [error] = await once(stream, 'error')
  return error
}

test('UdpStream carries 100 MB each way at once, byte for byte', { timeout: 120_000 }, async () => {
  await withSeed(async random => {
    await using pair = openUdpPair()
    const { near, far } = pair
    const [sent, sentBack, got, gotBack] = await Promise.all([
      pour(near, 100_000_000, random),
      pour(far, 100_000_000, random),
      drain(far),
      drain(near),
    ])
    assert.deepEqual([got, gotBack], [sent, sentBack])
  })
})

for (const host of ['::1', '::']) {
  test(`UdpStream runs between sockets bound to ${host}`, async () => {
    await using pair = openUdpPair({ host })
    pair.near.end('hello')
    assert.equal(await readAll(pair.far), 'hello')
  })
}

test('UdpStream passes an end on as an end, whichever side ends first', async () => {
  for (const first of ['near', 'far'] as const) {
    await using pair = openUdpPair()
    const [one, other] = first === 'near' ? [pair.near, pair.far] : [pair.far, pair.near]
    // The far end knows nothing of the near one yet; the other way round would be the same by symmetry.
    one.end('question')
    assert.equal(await readAll(other), 'question')
    const closed = Promise.all([once(one, 'close'), once(other, 'close')])
    other.end('a late answer')
    assert.equal(await readAll(one), 'a late answer')
    await closed
  }
})

test('UdpStream delivers what was ended before destroy()', async () => {
  await using pair = openUdpPair()
  const bytes = Buffer.alloc(3 * MEBIBYTE, 5)
  pair.near.end(bytes, () => pair.near.destroy())
  let count = 0
  for await (const piece of pair.far) count += piece.length
  assert.equal(count, bytes.length)
})

test('destroy() before the end breaks the stream at the other side', async () => {
  await using pair = openUdpPair()
  const { near, far } = pair
  const error = errorOf(far)
  near.write('first')
  await once(far, 'data')
  near.destroy()
  const broken = await error
  assert.ok(broken instanceof MeshError && broken.code === 'link-closed', String(broken))
})

test('UdpStream takes bytes before those written earlier have arrived', async () => {
  await using pair = openUdpPair()
  const { near, far } = pair
  near.write('x')
  await once(far, 'data')
  near.move({ host: '127.0.0.1', port: 9 })
  for (let i = 0; i < 4; i++) {
    const error = await new Promise(resolve => near.write(Buffer.alloc(50_000), resolve))
    assert.equal(error ?? undefined, undefined)
  }
})

test('UdpStream notices that the other end is gone while bytes are under way', async () => {
  await using pair = openUdpPair({ maxSilenceMs: 400 })
  const { near, far, farSocket } = pair
  near.write('x')
  await once(far, 'data')
  // The far end stops hearing: as if its computer had lost its power.
  farSocket.native.removeAllListeners('message')
  const elsewhere = openUdpSocket(pair.nearNative, { host: '127.0.0.1', onDatagram() {} })
  await using _elsewhere = elsewhere
  near.move({ host: '127.0.0.1', port: 9 })
  near.write('into the void')
  const lost = await errorOf(near)
  assert.ok(lost instanceof MeshError && lost.code === 'link-closed', String(lost))
})

test('UdpStream stays when it is idle', async () => {
  await using pair = openUdpPair({ maxSilenceMs: 50 })
  const { near, far } = pair
  near.write('x')
  await once(far, 'data')
  await new Promise(resolve => setTimeout(resolve, 500))
  near.end('y')
  far.end()
  assert.equal(await readAll(far), 'y')
})

test('a reader that stops stops the writer, and loses nothing', async () => {
  await using pair = openUdpPair()
  const { near, far } = pair
  let sentBytes = 0
  let isDone = false
  const piece = Buffer.alloc(65_536, 3)
  const write = async () => {
    while (!isDone) {
      sentBytes += piece.length
      if (!near.write(piece)) await once(near, 'drain')
    }
    near.end()
  }
  const writing = write()
  let before = -1
  // Two looks 300 ms apart that see no progress: stopped, not slow.
  await until(async () => {
    const last = before
    before = sentBytes
    await new Promise(resolve => setTimeout(resolve, 300))
    return sentBytes === before && last === before
  }, 'the writer stops')
  const unreadBytes = sentBytes
  assert.ok(unreadBytes < 40 * MEBIBYTE, `${unreadBytes} bytes were taken before the writer was stopped`)
  isDone = true
  let count = 0
  for await (const bytes of far) count += bytes.length
  await writing
  assert.equal(count, sentBytes)
})

test('move() goes on from another socket of this end', async () => {
  await using pair = openUdpPair()
  const { near, far, nearNative, farSocket } = pair
  near.write('from here, ')
  await once(far, 'readable')
  await using other = openUdpSocket(nearNative, { host: '127.0.0.1', onDatagram() {} })
  near.move(farSocket.address, other)
  far.move(other.address)
  near.end('from there')
  far.end()
  const closed = Promise.all([once(near.resume(), 'close'), once(far, 'close')])
  assert.equal(await readAll(far), 'from here, from there')
  await closed
})
