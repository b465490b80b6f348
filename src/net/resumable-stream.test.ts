import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { type Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import { STREAM_RECORD_BYTES } from '../core/stream/stream-record.ts'
import { until } from '../testing/until.ts'
import { createSideStreams } from './resumable-records.ts'
import { ResumableStream } from './resumable-stream.ts'

// Two halves of a stream over real HTTP/2, without agents around them.

interface Sessions {
  readonly near: http2.Http2Session
  readonly far: http2.Http2Session
  /** A new HTTP/2 stream, as both sides have it. */
  carrier(): Promise<[http2.Http2Stream, http2.Http2Stream]>
}

const sides = createSideStreams()
const budget = () => ({ usedBytes: 0, maxBytes: 1_000_000 })

async function openSessions(): Promise<Sessions> {
  const [clientEnd, serverEnd] = duplexPair()
  const far = Promise.withResolvers<http2.Http2Session>()
  const server = http2.createServer().on('session', session => far.resolve(session.on('error', () => {})))
  const arrivals: ((stream: http2.Http2Stream) => void)[] = []
  server.on('stream', stream => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    arrivals.shift()?.(stream)
  })
  server.emit('connection', serverEnd)
  const near = http2.connect('http://mesh', { createConnection: () => clientEnd })
  near.on('error', () => {})
  const carrier = async (): Promise<[http2.Http2Stream, http2.Http2Stream]> => {
    const arrived = new Promise<http2.Http2Stream>(resolve => arrivals.push(resolve))
    const stream = near.request({ ':method': 'CONNECT', ':authority': 'x' })
    stream.on('error', () => {})
    await once(stream, 'response')
    return [stream, await arrived]
  }
  return { near, far: await far.promise, carrier }
}

/** The side streams of both. @returns how many records each write on them held */
async function openSides({ near, far, carrier }: Sessions) {
  const [nearSide, farSide] = await carrier()
  const written = { near: [] as number[], far: [] as number[] }
  spy(nearSide, written.near)
  spy(farSide, written.far)
  sides.of(near).open(nearSide)
  sides.of(far).open(farSide)
  return written
}

function spy(stream: Duplex, lengths: number[]): void {
  const { write } = stream
  stream.write = ((...args: Parameters<Duplex['write']>) => {
    lengths.push(args[0].length / STREAM_RECORD_BYTES)
    return write.apply(stream, args)
  }) as Duplex['write']
}

test('the ends of a short stream are told once each way, and acknowledged with what comes next', async () => {
  const sessions = await openSessions()
  const written = await openSides(sessions)
  const [a, b] = await sessions.carrier()
  const near = new ResumableStream({ budget: budget(), onLost: assert.fail })
  const far = new ResumableStream({ budget: budget(), onLost: assert.fail })
  near.begin(a, sides.of(sessions.near))
  far.begin(b, sides.of(sessions.far))
  far.pipe(far)
  near.resume()
  near.end('x')
  // The far side has told that it got all, and its own end, in one.
  await once(near, 'close')
  assert.deepEqual([written.near, written.far], [[1], [2]])
  await once(far, 'close')
  assert.deepEqual([written.near, written.far], [[1, 1], [2]])
  sessions.near.destroy()
})

test('an end that HTTP/2 alone tells is none: what a session says that is being destroyed is not believed', async () => {
  const sessions = await openSessions()
  await openSides(sessions)
  const [a, b] = await sessions.carrier()
  const lost = Promise.withResolvers<void>()
  const near = new ResumableStream({ budget: budget(), onLost: () => {} })
  const far = new ResumableStream({ budget: budget(), onLost: lost.resolve })
  near.begin(a, sides.of(sessions.near))
  far.begin(b, sides.of(sessions.far))
  let heard = ''
  far.on('data', chunk => {
    heard += chunk
  })
  near.write('in the mid')
  await until(() => heard === 'in the mid', 'the first part has come')
  sessions.near.destroy()
  await lost.promise
  assert.deepEqual([far.readableEnded, far.isLost, near.isLost], [false, true, true])
  // The rest comes over the next session, and then the end is one.
  const next = await openSessions()
  await openSides(next)
  const [c, d] = await next.carrier()
  near.end('dle')
  const positions = [near.received, far.received] as const
  near.carryOn(c, sides.of(next.near), positions[1])
  far.carryOn(d, sides.of(next.far), positions[0])
  await once(far, 'end')
  assert.equal(heard, 'in the middle')
  next.near.destroy()
})

test('an end is not sent on a carrier that is left before it could be told', async () => {
  const sessions = await openSessions()
  // No side stream yet: nothing can be told.
  const [a, b] = await sessions.carrier()
  const near = new ResumableStream({ budget: budget(), onLost: () => {} })
  near.begin(a, sides.of(sessions.near))
  let hasEnded = false
  b.resume().once('end', () => {
    hasEnded = true
  })
  near.end('all')
  await once(b, 'data')
  await new Promise(setImmediate)
  assert.equal(hasEnded, false)
  await openSides(sessions)
  await once(b, 'end')
  sessions.near.destroy()
})
