/** What to do with keys that were typed. */
export interface TypedKeys {
  /** For the far end. */
  readonly bytes: Uint8Array
  /** `~.` was typed at the beginning of a line: leave, and let it run. */
  readonly isDetach: boolean
}

/**
 * Finds ssh's escape in what is typed: `~.` at the beginning of a line. `~~` there is one `~`; anything else goes on as it was
 * typed.
 */
export function createEscapeKeys(): { push(bytes: Uint8Array): TypedKeys } {
  let isLineStart = true
  let isHeld = false
  return {
    push(bytes) {
      const out: number[] = []
      for (const byte of bytes) {
        if (isHeld) {
          isHeld = false
          if (byte === DOT) return { bytes: Uint8Array.from(out), isDetach: true }
          if (byte !== TILDE) out.push(TILDE)
          out.push(byte)
          isLineStart = byte === RETURN || byte === NEWLINE
        } else if (isLineStart && byte === TILDE) isHeld = true
        else {
          out.push(byte)
          isLineStart = byte === RETURN || byte === NEWLINE
        }
      }
      return { bytes: Uint8Array.from(out), isDetach: false }
    },
  }
}

const [TILDE, DOT, RETURN, NEWLINE] = [0x7e, 0x2e, 0x0d, 0x0a]
