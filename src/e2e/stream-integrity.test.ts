import assert from 'node:assert/strict'
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { type SeededRandom, withSeed } from '../testing/seeded-random.ts'
import { createTunnelLab } from '../testing/tunnel-lab.ts'

// Figure R9: nothing is lost, altered or mixed up, however many connections there are at once and however they end.

const COUNT = 1_000
const MAX_BYTES = 100_000

/** How a connection goes; each side sends something in all of them. */
const COURSES = [
  'client ends first',
  'server ends first',
  'both end when they like',
  'client resets',
  'server resets',
  'client reads slowly',
  'server reads slowly',
] as const

interface Plan {
  readonly index: number
  readonly course: (typeof COURSES)[number]
  /** What each side sends. */
  readonly contents: { readonly client: Buffer; readonly server: Buffer }
  /** After so many bytes of its own a side resets. */
  readonly resetAfter: number
}

/** What a side got. */
interface Outcome {
  readonly byteCount: number
  readonly sha256: string
  /** The other side's end came, in order. */
  readonly isEnded: boolean
}

test('1,000 connections at once, with half-closes, resets and slow readers: every byte is the right one', async t => {
  await using lab = await createTunnelLab()
  await withSeed(async random => {
    const plans = Array.from({ length: COUNT }, (_, index) => planOf(index, random))
    const arrived = new Map<number, net.Socket>()
    const allArrived = Promise.withResolvers<void>()
    const server = net.createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {})
      socket.once('readable', () => {
        arrived.set((socket.read(4) as Buffer).readUInt32BE(), socket)
        if (arrived.size === COUNT) allArrived.resolve()
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port: targetPort } = server.address() as net.AddressInfo
    const port = await lab.tunnel('tcp/integrity', `127.0.0.1:${targetPort}`)
    const clients = plans.map(({ index }) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {})
      const head = Buffer.alloc(4)
      head.writeUInt32BE(index)
      socket.write(head)
      return socket
    })
    // All are open before the first one sends more.
    await allArrived.promise
    const startMs = performance.now()
    const wrongs = await Promise.all(
      plans.map(async plan => {
        const [atClient, atServer] = await Promise.all([
          play(clients[plan.index] as net.Socket, plan, 'client'),
          play(arrived.get(plan.index) as net.Socket, plan, 'server'),
        ])
        return [...judge(plan, 'client', atClient), ...judge(plan, 'server', atServer)]
      }),
    )
    const bytes = plans.reduce(
      (sum, { contents: { client, server: back } }) => sum + client.length + back.length,
      0,
    )
    const seconds = (performance.now() - startMs) / 1_000
    t.diagnostic(`${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s`)
    assert.deepEqual(wrongs.flat(), [])
    server.close()
  })
})

function planOf(index: number, random: SeededRandom): Plan {
  const lengths = [random(), random()].map(chance => 1 + Math.floor(chance ** 3 * MAX_BYTES))
  const [client, server] = lengths.map(length => randomBytes(length, random)) as [Buffer, Buffer]
  const course = COURSES[index % COURSES.length] as Plan['course']
  const own = course === 'server resets' ? server : client
  return { index, course, contents: { client, server }, resetAfter: Math.floor(random() * own.length) }
}

function randomBytes(length: number, random: SeededRandom): Buffer {
  const key = Buffer.from(Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256)))
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(length))
}

/** One side of a connection, until it has closed. */
async function play(socket: net.Socket, plan: Plan, side: 'client' | 'server'): Promise<Outcome> {
  const { course, contents, resetAfter } = plan
  const hash = createHash('sha256')
  const got = { byteCount: 0, isEnded: false }
  const closed = new Promise(resolve => socket.once('close', resolve))
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    got.byteCount += chunk.length
    if (course !== `${side} reads slowly`) return
    socket.pause()
    setTimeout(() => socket.resume(), 3)
  })
  socket.once('end', () => {
    got.isEnded = true
    if (isSecond(course, side)) socket.end(contents[side])
  })
  if (course === `${side} resets`)
    socket.write(contents[side].subarray(0, resetAfter), () => socket.resetAndDestroy())
  else if (!isSecond(course, side)) socket.end(contents[side])
  await closed
  return { ...got, sha256: hash.digest('hex') }
}

function isSecond(course: Plan['course'], side: 'client' | 'server'): boolean {
  return course === (side === 'client' ? 'server ends first' : 'client ends first')
}

/** @returns what is wrong with what `side` got, if anything */
function judge({ index, course, contents }: Plan, side: 'client' | 'server', outcome: Outcome): string[] {
  const whole = contents[side === 'client' ? 'server' : 'client']
  const { byteCount, sha256, isEnded } = outcome
  const isReset = course.endsWith('resets')
  const isRight = createHash('sha256').update(whole.subarray(0, byteCount)).digest('hex') === sha256
  const who = `${index} (${course}), ${side}`
  if (!isRight || byteCount > whole.length) return [`${who}: of ${byteCount} bytes some are wrong`]
  if (!isReset && byteCount < whole.length) return [`${who}: ${byteCount} of ${whole.length} bytes came`]
  if (!isReset && !isEnded) return [`${who}: no end came`]
  if (isReset && course !== `${side} resets` && isEnded) return [`${who}: a reset came as an end`]
  return []
}
