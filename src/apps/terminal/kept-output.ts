/** The last output of a session, for a client that comes back: at most so many bytes, counted from its beginning. */
export interface KeptOutput {
  /** Bytes that came since the beginning. */
  readonly total: number
  push(bytes: Uint8Array): void
  /** What came from there on, or from as early as is kept. @param from  counted from the beginning */
  since(from: number): { readonly from: number; readonly bytes: Uint8Array }
}

/** Keep the last `maxBytes`. */
export function createKeptOutput(maxBytes: number): KeptOutput {
  let chunks: Uint8Array[] = []
  let [keptBytes, total] = [0, 0]
  return {
    get total() {
      return total
    },
    push(bytes) {
      chunks.push(Uint8Array.from(bytes))
      total += bytes.length
      keptBytes += bytes.length
      while (keptBytes > maxBytes) {
        const [first] = chunks
        if (first === undefined) break
        const surplus = keptBytes - maxBytes
        if (first.length <= surplus) chunks.shift()
        else chunks[0] = first.subarray(surplus)
        keptBytes -= Math.min(first.length, surplus)
      }
    },
    since(from) {
      const start = total - keptBytes
      const at = Math.min(Math.max(from, start), total)
      chunks = [Buffer.concat(chunks)]
      return { from: at, bytes: (chunks[0] as Uint8Array).subarray(at - start) }
    },
  }
}
