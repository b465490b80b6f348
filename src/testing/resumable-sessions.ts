import { once } from 'node:events'
import http2 from 'node:http2'
import { duplexPair } from 'node:stream'
import { createSideStreams } from '../net/resumable-records.ts'
import { ResumableStream } from '../net/resumable-stream.ts'

/** Both ends of a session over real HTTP/2, without agents around them. */
export interface Sessions {
  readonly near: http2.Http2Session
  readonly far: http2.Http2Session
  /** A new HTTP/2 stream, as both sides have it. */
  carrier(): Promise<[http2.Http2Stream, http2.Http2Stream]>
}

/** The side streams of the sessions that this file opens. */
export const sides = createSideStreams()

/** What resumable streams of a test may keep together: enough for one that is not read. */
export const keptBudget = () => ({ usedBytes: 0, maxBytes: 16_000_000 })

/** Open a session in memory. Its side stream is not open yet. */
export async function openSessions(): Promise<Sessions> {
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

/** Open the side streams of a session. @returns both ends */
export async function openSides({
  near,
  far,
  carrier,
}: Sessions): Promise<[http2.Http2Stream, http2.Http2Stream]> {
  const [nearSide, farSide] = await carrier()
  sides.of(near).open(nearSide)
  sides.of(far).open(farSide)
  return [nearSide, farSide]
}

/** Both ends of one resumable stream, and the session that carries it. */
export interface ResumablePair {
  readonly near: ResumableStream
  readonly far: ResumableStream
  sessions: Sessions
}

/** Open a resumable stream over a session of its own, which lives until it is destroyed. */
export async function openResumable(): Promise<ResumablePair> {
  const sessions = await openSessions()
  await openSides(sessions)
  const [a, b] = await sessions.carrier()
  const near = new ResumableStream({ budget: keptBudget(), onLost: () => {} })
  const far = new ResumableStream({ budget: keptBudget(), onLost: () => {} })
  near.begin(a, sides.of(sessions.near))
  far.begin(b, sides.of(sessions.far))
  return { near, far, sessions }
}

/** Destroy the session of a pair. @returns when both sides have lost it */
export async function loseSession({ near, far, sessions }: ResumablePair): Promise<void> {
  const lost = [near, far].filter(stream => !stream.isLost).map(stream => once(stream, 'lost'))
  sessions.near.destroy()
  sessions.far.destroy()
  await Promise.all(lost)
}

/** Go on with a pair over another session; the one before is left. */
export async function moveOn(pair: ResumablePair): Promise<void> {
  const next = await openSessions()
  await openSides(next)
  const [c, d] = await next.carrier()
  const { near, far } = pair
  for (const stream of [near, far]) stream.hold()
  const [nearAt, farAt] = [near.received, far.received]
  near.carryOn(c, sides.of(next.near), farAt)
  far.carryOn(d, sides.of(next.far), nearAt)
  pair.sessions = next
}
