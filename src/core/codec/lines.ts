import { MeshError } from '../model/errors.ts'
import { createPendingBytes } from './pending-bytes.ts'

/** Cuts a stream of bytes into lines of text. */
export interface LineSplitter {
  /**
   * Take the next bytes of the stream; they are not kept.
   *
   * @returns the lines that ended in them, without their newlines; empty lines are left out
   * @throws MeshError `too-large` if a line is longer than the limit, `bad-message` if one is not UTF-8. The stream
   *   is useless from there on: every later call throws again
   */
  push(chunk: Uint8Array): string[]
  /** Bytes of a line that has not ended yet. */
  readonly pendingByteCount: number
}

/**
 * Split newline-delimited JSON (or any text without bare newlines) as its bytes come in.
 *
 * @param maxLineBytes  the longest line that is taken, without its newline
 * @see https://github.com/ndjson/ndjson-spec
 */
export function createLineSplitter(maxLineBytes: number): LineSplitter {
  const pending = createPendingBytes()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let isBroken = false

  function decode(bytes: Uint8Array): string {
    try {
      return decoder.decode(bytes)
    } catch (cause) {
      isBroken = true
      pending.clear()
      throw new MeshError('bad-message', 'Cannot read line: not UTF-8', { cause })
    }
  }

  function checkLength(byteCount: number): void {
    if (byteCount <= maxLineBytes) return
    isBroken = true
    pending.clear()
    throw new MeshError('too-large', `Cannot read line: over ${maxLineBytes} bytes`)
  }

  return {
    get pendingByteCount() {
      return pending.length
    },
    push(chunk) {
      if (isBroken) throw new MeshError('bad-message', 'Cannot read line: stream was broken before')
      const lines: string[] = []
      let start = 0
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        checkLength(pending.length + end - start)
        let bytes = chunk.subarray(start, end)
        if (pending.length > 0) {
          pending.append(bytes)
          bytes = pending.view()
        }
        if (bytes.length > 0) lines.push(decode(bytes))
        pending.clear()
        start = end + 1
      }
      checkLength(pending.length + chunk.length - start)
      if (start < chunk.length) pending.append(chunk.subarray(start))
      return lines
    },
  }
}

const NEWLINE = 0x0a
