import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { toMeshError } from '../../core/model/errors.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { Host } from '../app.ts'
import { findOwned, parseEndpointWords } from './find-owned.ts'
import { encodeSmallMessage, readSmallMessage } from './small-message.ts'

/** How streams of this computer's user are passed on. */
export interface PassOnOptions<T> {
  readonly host: Host
  /** What is asked of the other endpoint. */
  readonly shape: z.ZodType<T>
  readonly maxBytes: number
  /** The hidden service of the app at endpoints of a user. */
  readonly serviceOf: (user: UserName) => ServiceName
  /** What is asked must come in this time. */
  readonly helloTimeoutMs: number
  /** Whether either side may go on after the other has ended. */
  readonly isHalfOpen?: (request: T) => boolean
}

/**
 * Serve a stream of this computer's user: it begins with `{ endpoint, request }`. Pass the request on to the app at that endpoint,
 * and all that follows in both directions. A name is that of one's own endpoint, unless it is written `USER@ENDPOINT`: see `findOwned`. What fails is answered as `{ isGood: false, error }`.
 */
export async function passOn<T>(options: PassOnOptions<T>, stream: Duplex): Promise<void> {
  const { host, maxBytes, serviceOf, isHalfOpen = () => false } = options
  stream.on('error', () => {})
  const cancelHello = host.after(options.helloTimeoutMs, () => stream.destroy())
  try {
    const localShape = z.strictObject({
      endpoint: z.string().min(1).max(MAX_ENDPOINT_WORDS),
      request: options.shape,
    })
    const { endpoint, request } = await readSmallMessage(stream, localShape, maxBytes + ENVELOPE_BYTES)
    cancelHello()
    const isHere = endpoint === host.endpoint.id || endpoint === host.endpoint.name
    const { id, user } = isHere ? host.endpoint : await findOwned(host, parseEndpointWords(endpoint), true)
    const dialing = host.dial(serviceOf(user), { owner: user, exits: [id] })
    dialing.write(encodeSmallMessage(request))
    const far = (await dialing.opened).stream
    far.on('error', () => {})
    if (isHalfOpen(request)) {
      carryHalves(stream, far)
      return
    }
    stream.once('close', () => far.destroyed || far.destroy())
    // What is typed no more is said by a frame: an end is that of the program that asked.
    stream.once('end', () => stream.destroy())
    far.once('close', () => {
      // A break must not look like an end: the client then comes back.
      if (far.readableEnded) stream.end()
      else stream.destroy()
    })
    stream.pipe(far, { end: false })
    far.pipe(stream, { end: false })
  } catch (thrown) {
    cancelHello()
    if (!stream.destroyed)
      stream.end(encodeSmallMessage({ isGood: false, error: toMeshError(thrown).toBody() }))
  }
}

/** The bytes of a connection: an end is passed on as an end, a break as a break. */
function carryHalves(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.once('close', () => {
      if (!from.readableEnded || !from.writableFinished) to.destroy()
    })
    from.pipe(to)
  }
}

/** Around the request: the endpoint. */
const ENVELOPE_BYTES = 640
/** `USER@ENDPOINT`, in UTF-16 units. */
const MAX_ENDPOINT_WORDS = 129
