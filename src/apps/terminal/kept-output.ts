/** The last output of a session, for whoever looks at it: at most so many bytes, counted from its beginning. */
export interface KeptOutput {
  /** Bytes that came since the beginning. */
  readonly total: number
  /** Where what is kept begins. */
  readonly start: number
  push(bytes: Uint8Array): void
  /**
   * What came from there on, or from as early as is kept.
   *
   * @param from      counted from the beginning
   * @param maxBytes  at most so many
   * @returns a copy
   */
  since(from: number, maxBytes?: number): { readonly from: number; readonly bytes: Uint8Array }
}

/** Keep the last `maxBytes`. Memory grows with what comes, up to that. */
export function createKeptOutput(maxBytes: number): KeptOutput {
  // The byte that came as number n is at n % ring.length.
  let ring = new Uint8Array(Math.min(maxBytes, FIRST_BYTES))
  let total = 0
  const start = () => Math.max(0, total - ring.length)

  function copy(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(to - from)
    for (let at = from; at < to; ) {
      const place = at % ring.length
      const part = ring.subarray(place, Math.min(ring.length, place + to - at))
      bytes.set(part, at - from)
      at += part.length
    }
    return bytes
  }

  function put(bytes: Uint8Array, from: number): void {
    for (let done = 0; done < bytes.length; ) {
      const place = (from + done) % ring.length
      const part = bytes.subarray(done, done + ring.length - place)
      ring.set(part, place)
      done += part.length
    }
  }

  function growTo(length: number): void {
    const from = start()
    const kept = copy(from, total)
    let size = ring.length
    while (size < length && size < maxBytes) size *= 2
    ring = new Uint8Array(Math.min(size, maxBytes))
    put(kept, from)
  }

  return {
    get total() {
      return total
    },
    get start() {
      return start()
    },
    push(bytes) {
      if (total + bytes.length > ring.length && ring.length < maxBytes) growTo(total + bytes.length)
      const last = bytes.subarray(Math.max(0, bytes.length - ring.length))
      put(last, total + bytes.length - last.length)
      total += bytes.length
    },
    since(from, most = maxBytes) {
      const at = Math.min(Math.max(from, start()), total)
      return { from: at, bytes: copy(at, Math.min(total, at + most)) }
    },
  }
}

const FIRST_BYTES = 8_192
