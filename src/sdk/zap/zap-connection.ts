import type { Duplex } from 'node:stream'
import {
  checkZapLength,
  MAX_ZAP_FRAME_BYTES,
  writeZapHeader,
  ZAP_HEADER_BYTES,
} from '../../core/codec/zap-frame.ts'
import { MeshError } from '../../core/model/errors.ts'
import { openFrameStream } from './frame-stream.ts'

/** Limits of one connection; what is not given is as in `ZAP_CONNECTION_LIMITS`. */
export interface ZapConnectionLimits {
  /** Frames that came and nobody asked for; then no more is read. */
  readonly maxWaitingFrames: number
  /** Bytes of such frames. */
  readonly maxWaitingBytes: number
  /** The longest payload that is taken. */
  readonly maxFrameBytes: number
}

/** How long to wait for a frame. */
export interface ReceiveOptions {
  /** Give up after so many milliseconds. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/**
 * A connection that sends and receives frames, of bytes that mean what you like. For calls see `openZapClient` and
 * `serveZap`.
 *
 *     const connection = openZapConnection(stream)
 *     await connection.send(new TextEncoder().encode('hello'))
 *     for await (const frame of connection) console.log(frame.length)
 */
export interface ZapConnection extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /**
   * Send a frame.
   *
   * @param payload  0 to 16 MiB, not copied if longer than 4 KiB: it belongs to the connection from now on
   * @returns resolves when more should be sent, which is at once unless the other side reads too slowly
   * @throws MeshError `too-large`, `link-closed`
   */
  send(payload: Uint8Array): Promise<void>
  /**
   * Receive a frame. Several calls may wait: they are served in the order in which they were made.
   *
   * @throws MeshError `link-closed` when no frame is left and none will come, `too-large` if the other side announced a
   *   frame over the limit, `timed-out`; the reason of the signal when that fires. Neither takes a frame away
   */
  recv(options?: ReceiveOptions): Promise<Uint8Array>
  /** Frames that came and nobody asked for. */
  readonly waitingCount: number
  readonly isOpen: boolean
  /** Send what was written, end the stream and reject whoever waits. Frames that came can still be received. */
  close(): void
}

/**
 * Make a connection over a stream: a mesh connection, a socket, one end of `duplexPair()`. The stream belongs to it from
 * now on.
 */
export function openZapConnection(stream: Duplex, limits: Partial<ZapConnectionLimits> = {}): ZapConnection {
  const { maxWaitingFrames, maxWaitingBytes, maxFrameBytes } = { ...ZAP_CONNECTION_LIMITS, ...limits }
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let isPaused = false
  const receivers = new Set<Receiver>()
  const drained = new Set<PromiseWithResolvers<void>>()
  let ended: MeshError | undefined

  const frames = openFrameStream(
    stream,
    {
      onFrame(payload) {
        const [receiver] = receivers
        if (receiver !== undefined) return receiver.settle(() => receiver.resolve(payload))
        waiting.push(ownView(payload))
        waitingBytes += payload.length
        if (waiting.length >= maxWaitingFrames || waitingBytes >= maxWaitingBytes) {
          isPaused = true
          frames.pause()
        }
      },
      onDrain() {
        for (const { resolve } of drained) resolve()
        drained.clear()
      },
      onEnd(error) {
        ended = error
        for (const receiver of receivers) receiver.settle(() => receiver.reject(error))
        for (const { reject } of drained) reject(error)
        drained.clear()
      },
    },
    maxFrameBytes,
  )

  function take(): Uint8Array | undefined {
    const payload = waiting.shift()
    if (payload === undefined) return undefined
    waitingBytes -= payload.length
    if (isPaused && waiting.length * 2 < maxWaitingFrames && waitingBytes * 2 < maxWaitingBytes) {
      isPaused = false
      frames.resume()
    }
    return payload
  }

  async function recv(options: ReceiveOptions = {}): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    const payload = take()
    if (payload !== undefined) return payload
    if (ended !== undefined) throw ended
    return wait(receivers, options)
  }

  const connection: ZapConnection = {
    get waitingCount() {
      return waiting.length
    },
    get isOpen() {
      return ended === undefined
    },
    async send(payload) {
      checkZapLength(payload.length)
      if (ended !== undefined) throw ended
      if (frames.write(framePieces(payload))) return
      const drain = Promise.withResolvers<void>()
      drained.add(drain)
      await drain.promise
    },
    recv,
    async *[Symbol.asyncIterator]() {
      try {
        while (true) yield await recv()
      } catch (thrown) {
        if (!(thrown instanceof MeshError) || thrown.code !== 'link-closed') throw thrown
      }
    },
    close: () => frames.close(),
    async [Symbol.asyncDispose]() {
      frames.close()
    },
  }
  return connection
}

/** Somebody who waits for a frame. */
interface Receiver extends PromiseWithResolvers<Uint8Array> {
  /** Stop waiting, leave no timer or listener behind, then call. */
  settle(call: () => void): void
}

function wait(receivers: Set<Receiver>, { timeoutMs, signal }: ReceiveOptions): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  let timer: NodeJS.Timeout | undefined
  const onAbort = () => receiver.settle(() => reject(signal?.reason))
  const receiver: Receiver = {
    promise,
    resolve,
    reject,
    settle(call) {
      receivers.delete(receiver)
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      call()
    },
  }
  receivers.add(receiver)
  signal?.addEventListener('abort', onAbort)
  if (timeoutMs !== undefined) {
    timer = setTimeout(() => {
      const error = new MeshError('timed-out', `Cannot receive frame: none came in ${timeoutMs} ms`)
      receiver.settle(() => reject(error))
    }, timeoutMs)
  }
  return promise
}

/** Header and payload as one buffer, or as two where a copy would cost more. */
function framePieces(payload: Uint8Array): Uint8Array[] {
  const isLarge = payload.length > MAX_COPIED_BYTES
  const head = new Uint8Array(ZAP_HEADER_BYTES + (isLarge ? 0 : payload.length))
  writeZapHeader(head, 0, payload.length)
  if (isLarge) return [head, payload]
  head.set(payload, ZAP_HEADER_BYTES)
  return [head]
}

/** What is kept must not keep a buffer that is much larger: the bytes themselves, or a copy. */
export function ownView(bytes: Uint8Array): Uint8Array {
  return bytes.length * 2 >= bytes.buffer.byteLength ? bytes : bytes.slice()
}

/** Of a `ZapConnection`. */
export const ZAP_CONNECTION_LIMITS: ZapConnectionLimits = {
  maxWaitingFrames: 64,
  maxWaitingBytes: 1_048_576,
  maxFrameBytes: MAX_ZAP_FRAME_BYTES,
}

const MAX_COPIED_BYTES = 4_096
