import type { Duplex, Readable } from 'node:stream'
import { encodeTerminalFrames, type TerminalFrameKind } from '../../core/codec/terminal-frame.ts'

/**
 * Give what comes on standard input to several streams, as fast as the slowest of them takes it. Those that are gone are left out.
 *
 * @returns what stops it
 */
export function spreadInput(input: Readable, streams: readonly Duplex[]): Disposable {
  const write = (kind: TerminalFrameKind, bytes: Uint8Array) => {
    for (const stream of streams) {
      if (stream.destroyed || stream.writableEnded) continue
      for (const piece of encodeTerminalFrames(kind, bytes)) stream.write(piece)
    }
  }
  const goOn = () => {
    if (streams.every(stream => stream.destroyed || !stream.writableNeedDrain)) input.resume()
  }
  const onData = (chunk: Uint8Array) => {
    write('input', chunk)
    if (streams.some(stream => !stream.destroyed && stream.writableNeedDrain)) input.pause()
  }
  const onEnd = () => write('input-end', new Uint8Array(0))
  for (const stream of streams) stream.on('drain', goOn).on('close', goOn)
  input.on('data', onData)
  input.once('end', onEnd)
  input.resume()
  return {
    [Symbol.dispose]() {
      input.off('data', onData)
      input.off('end', onEnd)
      input.pause()
    },
  }
}
