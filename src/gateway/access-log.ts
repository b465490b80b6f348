import { pino } from 'pino'
import { MeshError } from '../core/model/errors.ts'

/** Where the access log goes, as JSON lines. */
export interface AccessLog {
  write(line: Record<string, unknown>): void
  /** Open the file anew: it was moved away. */
  reopen(): void
  close(): void
}

/**
 * Open an access log. Lines are collected and written every second, or when there are 8 KiB of them.
 *
 * @param place  `stdout`, `off`, or a file, which is made with mode 0600
 * @throws MeshError `storage-failed`
 */
export function openAccessLog(place: string): AccessLog {
  if (place === 'off') return { write() {}, reopen() {}, close() {} }
  const isFile = place !== 'stdout'
  let out: ReturnType<typeof pino.destination>
  try {
    out = pino.destination({
      dest: isFile ? place : 1,
      sync: true,
      minLength: 8_192,
      maxLength: 4_194_304,
      periodicFlush: 1_000,
      mode: 0o600,
    })
  } catch (cause) {
    throw new MeshError('storage-failed', `Cannot open access log ${place}: ${(cause as Error).message}`, {
      cause,
    })
  }
  // A full disk must not stop the gateway: what it does not take is lost.
  out.on('error', () => {})
  const logger = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    out,
  )
  const flush = () => {
    try {
      out.flushSync()
    } catch {
      // As above.
    }
  }
  return {
    write: line => logger.info(line),
    reopen() {
      flush()
      if (isFile) out.reopen()
    },
    close() {
      flush()
      if (isFile) out.end()
    },
  }
}
