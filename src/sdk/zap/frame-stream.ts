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
   * @returns false when no more should come before `onDrain`
   */
  write(pieces: readonly Uint8Array[]): boolean
  /** Take no more frames for now; those that came in the same chunk still come. */
  pause(): void
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

  const uncork = () => {
    isCorked = false
    stream.uncork()
  }

  function close(error: MeshError = closed('it was closed here')): void {
    if (!isOpen) return
    isOpen = false
    stream.off('data', onData).off('end', onEnd).off('drain', onDrain)
    // `error` stays listened to: one that comes late must not end the process.
    if (!stream.destroyed) {
      stream.resume()
      stream.end()
      const grace = setTimeout(() => stream.destroy(), CLOSE_GRACE_MS).unref()
      stream.once('finish', () => stream.destroy()).once('close', () => clearTimeout(grace))
    }
    events.onEnd(error)
  }

  function onData(chunk: Uint8Array): void {
    try {
      // No Buffer: what is cut out of it would be one too, whose `slice` is no copy.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)
      for (const payload of decoder.push(bytes)) {
        if (!isOpen) return
        events.onFrame(payload)
      }
    } catch (thrown) {
      if (!(thrown instanceof MeshError)) throw thrown
      close(thrown)
    }
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
    write(pieces) {
      if (!isOpen) return false
      if (!isCorked) {
        isCorked = true
        stream.cork()
        setImmediate(uncork)
      }
      let takesMore = true
      for (const piece of pieces) takesMore = stream.write(piece)
      return takesMore
    },
    pause: () => void (isOpen && stream.pause()),
    resume: () => void (isOpen && stream.resume()),
    close,
  }
}

function closed(why: string, cause?: unknown): MeshError {
  return new MeshError('link-closed', `ZAP connection ended: ${why}`, { cause })
}

/** A closed stream whose other side reads nothing is broken after so long. */
const CLOSE_GRACE_MS = 2_000
