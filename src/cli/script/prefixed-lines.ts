/** Writes lines with a name before each, so that those of several endpoints can be told apart. */
export interface PrefixedLines {
  push(bytes: Uint8Array): void
  /** What is left, as a line. */
  end(): void
}

/** @param write  is given whole lines; one that is longer than `MAX_LINE_BYTES` in parts, each as a line */
export function createPrefixedLines(prefix: string, write: (bytes: Uint8Array) => void): PrefixedLines {
  const head = Buffer.from(prefix)
  let rest: Buffer = Buffer.alloc(0)
  const line = (bytes: Uint8Array) => write(Buffer.concat([head, bytes, NEWLINE]))
  return {
    push(bytes) {
      rest = Buffer.concat([rest, bytes])
      for (let at = rest.indexOf(0x0a); at !== -1; at = rest.indexOf(0x0a)) {
        line(rest.subarray(0, at))
        rest = rest.subarray(at + 1)
      }
      while (rest.length > MAX_LINE_BYTES) {
        line(rest.subarray(0, MAX_LINE_BYTES))
        rest = rest.subarray(MAX_LINE_BYTES)
      }
    },
    end() {
      if (rest.length > 0) line(rest)
      rest = Buffer.alloc(0)
    },
  }
}

const NEWLINE = Buffer.from('\n')
const MAX_LINE_BYTES = 65_536
