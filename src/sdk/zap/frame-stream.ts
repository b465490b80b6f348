import type { Duplex } from 'node:stream'
import { createZapFrameDecoder, MAX_ZAP_FRAME_BYTES } from '../../core/codec/zap-frame.ts'
import { MeshError } from '../../core/model/errors.ts'

/** What happens on a stream of frames. */
export interface FrameEvents {
  /** A frame came. The payload is the receiver's; it may be a view of the chunk that it came in. */
  onFrame(payload: Uint8Array): void
  /** The stream takes more, after `write` said no. */
  onDrain?(): void
  /**
   * The end, once: no frame comes any more and none can be sent. `link-closed` where the stream ended, was broken or
   * closed; `too-large` for a frame over the limit. What `onFrame` throws ends the stream and is handed on here.
   */
  onEnd(error: MeshError): void
}

/** Frames over any stream of bytes. */
export interface FrameStream {
  /**
   * Send frames, each written whole: header and payload. All that is written in one turn of the event loop goes to the
   * system in one call.
   *
   * @param pieces  bytes one after another; they belong to the stream
   * @param isAlone  nothing else is about to be written: it goes now, which makes a single call a tenth cheaper
   * @returns false when no more should come before `onDrain`
   */
  write(pieces: readonly Uint8Array[], isAlone?: boolean): boolean
  /**
   * Read no more for now.
   *
   * @param holds  frames that came in the same chunk wait for `resume`, too, and are lost if the stream ends before;
   *   otherwise they still come
   */
  pause(holds?: boolean): void
  resume(): void
  readonly isOpen: boolean
  /** Send what was written, then end the stream; `onEnd` is called at once. Does nothing the second time. */
  close(error?: MeshError): void
}

/**
 * Read and write frames on `stream`, which belongs to the result from now on. Whether it is half-closed makes no
 * difference: when the other side ends, so does this.
 *
 * @param maxFrameBytes  the longest payload that is taken
 */
export function openFrameStream(
  stream: Duplex,
  events: FrameEvents,
  maxFrameBytes: number = MAX_ZAP_FRAME_BYTES,
): FrameStream {
  const decoder = createZapFrameDecoder(maxFrameBytes)
  let isOpen = true
  let isCorked = false
  let isPaused = false
  let holds = false
  /** Frames of the chunk in which the receiver paused. */
  let held: readonly Uint8Array[] = []

  const uncork = () => {
    isCorked = false
    stream.uncork()
  }

  /** Gather what is written in this turn of the event loop. It lets timers run, too, where both ends are in memory. */
  function cork(): void {
    if (isCorked) return
    isCorked = true
    stream.cork()
    setImmediate(uncork)
  }

  function close(error: MeshError = closed('it was closed here')): void {
    if (!isOpen) return
    isOpen = false
    held = []
    stream.off('data', onData).off('end', onEnd).off('drain', onDrain)
    // `error` stays listened to: one that comes late must not end the process.
    if (!stream.destroyed) {
      // What the other side still sends is passed over until it ends, too: a stream destroyed before may lose what was written.
      stream.resume()
      stream.end()
      const grace = setTimeout(() => stream.destroy(), CLOSE_GRACE_MS).unref()
      stream.once('close', () => clearTimeout(grace))
    }
    events.onEnd(error)
  }

  function onData(chunk: Uint8Array): void {
    try {
      const whole = holds ? undefined : decoder.takeWhole(chunk)
      if (whole !== undefined) {
        events.onFrame(whole)
        return
      }
      // No Buffer: what is cut out of it would be one too, whose `slice` is no copy.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)
      const payloads = decoder.push(bytes)
      if (payloads.length > 1) cork()
      deliver(payloads)
    } catch (thrown) {
      fail(thrown)
    }
  }

  function deliver(payloads: readonly Uint8Array[]): void {
    for (const [index, payload] of payloads.entries()) {
      if (!isOpen) return
      if (holds) {
        held = held.length === 0 ? payloads.slice(index) : [...held, ...payloads.slice(index)]
        return
      }
      events.onFrame(payload)
    }
  }

  function resume(): void {
    if (!isPaused) return
    isPaused = false
    holds = false
    const payloads = held
    held = []
    if (payloads.length > 1) cork()
    try {
      deliver(payloads)
    } catch (thrown) {
      fail(thrown)
    }
    if (!isPaused && isOpen) stream.resume()
  }

  function fail(thrown: unknown): void {
    if (!(thrown instanceof MeshError)) throw thrown
    close(thrown)
  }

  function onEnd(): void {
    try {
      decoder.end()
      close(closed('the other side ended it'))
    } catch (thrown) {
      close(thrown as MeshError)
    }
  }

  const onDrain = () => events.onDrain?.()
  const onClose = () => close(closed('it was broken'))
  stream.on('data', onData).on('end', onEnd).on('drain', onDrain)
  stream.on('close', onClose).on('error', cause => close(closed('it was broken', cause)))
  if (stream.destroyed) queueMicrotask(onClose)

  return {
    get isOpen() {
      return isOpen
    },
    write(pieces, isAlone = false) {
      if (!isOpen) return false
      if (!isAlone || pieces.length > 1) cork()
      let takesMore = true
      for (const piece of pieces) takesMore = stream.write(piece)
      return takesMore
    },
    pause(holdsRest = false) {
      if (!isOpen) return
      isPaused = true
      holds = holdsRest
      stream.pause()
    },
    resume,
    close,
  }
}

function closed(why: string, cause?: unknown): MeshError {
  return new MeshError('link-closed', `ZAP connection ended: ${why}`, { cause })
}

/** A closed stream whose other side neither reads nor ends is broken after so long. */
const CLOSE_GRACE_MS = 2_000
