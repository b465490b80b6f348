import { pino } from 'pino'

import { MeshError } from '../core/model/errors.ts'
import type { Log, LogLevel, LogValue } from '../core/model/log.ts'
import { type Clock, ms } from '../core/model/time.ts'
import { LineOutput } from './line-output.ts'
import { safeFields } from './log-fields.ts'
import { formatLogLine } from './log-line.ts'
import { RotatingFile } from './rotating-file.ts'
import { storageError } from './storage-error.ts'

/** Where events are written, and how much of them is kept. */
export interface LogFileOptions {
  /** The current file; its folder must exist. Older ones stand beside it as `file.1`, `file.2` … */
  readonly file: string
  /** Events below it are not written; default `info`. */
  readonly level?: LogLevel
  /** When a new file begins, bytes; default 10,000,000. */
  readonly maxBytes?: number
  /** How many files are kept, the current one among them; default 3. */
  readonly keepCount?: number
  /** Also show each event as a line for a person, for a daemon in the foreground. */
  readonly alsoTo?: 'stderr-pretty'
  /** Default: the computer's. */
  readonly clock?: Clock
}

/** A log with a file; after it is disposed events go nowhere. */
export interface LogFile extends Log, AsyncDisposable {
  /** Events below it are not written; may be set at any time. */
  level: LogLevel
}

/**
 * Open a log of JSON lines, `{"level":"info","time":"2026-11-20T19:22:01.000Z","event":"link.opened", ...fields}`,
 * of mode 0600.
 *
 * Logging never throws: what cannot be written while a disk is full is kept up to 1 MiB, then dropped, and
 * `log.lost` tells how many lines that were. Secrets are hidden as `safeFields` tells.
 *
 * @throws MeshError `storage-failed`, `storage-full` or `not-permitted` if the file cannot be opened, `bad-input` for
 *   a limit below 1
 */
export function openLogFile(options: LogFileOptions): LogFile {
  const { file, level = 'info', maxBytes = 10_000_000, keepCount = 3, alsoTo } = options
  const clock = options.clock ?? { now: () => ms(Date.now()) }
  if (!(maxBytes >= 1 && keepCount >= 1)) {
    throw new MeshError('bad-input', `Cannot open log ${file}: maxBytes and keepCount must be at least 1`)
  }
  const out = openFile({ file, maxBytes, keepCount })
  const screen = alsoTo === 'stderr-pretty' ? new LineOutput(STDERR_FD, MAX_SCREEN_BYTES) : undefined
  let nowMs = clock.now()
  const logger = pino(
    {
      level,
      base: null,
      formatters: { level: label => ({ level: label }) },
      timestamp: () => `,"time":"${new Date(nowMs).toISOString()}"`,
    },
    out,
  )

  function write(eventLevel: LogLevel, event: string, fields: Record<string, LogValue>): void {
    nowMs = clock.now()
    const safe = safeFields(fields)
    logger[eventLevel]({ event, ...safe })
    screen?.write(`${formatLogLine({ timeMs: nowMs, level: eventLevel, event, fields: safe })}\n`)
  }

  function emit(eventLevel: LogLevel, event: string, fields: Record<string, LogValue> = {}): void {
    if (!logger.isLevelEnabled(eventLevel)) return
    try {
      const lostCount = out.takeLostCount()
      if (lostCount > 0) write('error', 'log.lost', { lostCount })
      write(eventLevel, event, fields)
    } catch {
      // A field that cannot even be read: the caller's work goes on.
    }
  }

  return {
    get level() {
      return logger.level as LogLevel
    },
    set level(next) {
      logger.level = next
    },
    debug: (event, fields) => emit('debug', event, fields),
    info: (event, fields) => emit('info', event, fields),
    warn: (event, fields) => emit('warn', event, fields),
    error: (event, fields) => emit('error', event, fields),
    [Symbol.asyncDispose]: () => out[Symbol.asyncDispose](),
  }
}

function openFile(options: ConstructorParameters<typeof RotatingFile>[0]): RotatingFile {
  try {
    return new RotatingFile(options)
  } catch (thrown) {
    throw storageError(`Cannot open log ${options.file}`, thrown)
  }
}

const STDERR_FD = 2

// A terminal that is stopped or gone must not stop the mesh.
const MAX_SCREEN_BYTES = 256 * 1024
