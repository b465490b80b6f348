import type { LogLines } from '../../core/api/shapes.ts'
import type { Log, LogLevel, LogValue } from '../../core/model/log.ts'
import { printable } from '../../core/model/quote.ts'
import type { Clock } from '../../core/model/time.ts'

/** What one app logged lately, in memory: a flood pushes out its own lines and nobody else's. */
export interface AppLog extends Log {
  /** Oldest first. */
  lines(query: { sinceMs?: number | undefined; level: LogLevel; limit: number }): LogLines
}

/** Make the log of one app. */
export function createAppLog(clock: Clock): AppLog {
  const ring: LogLines = []
  const note =
    (level: LogLevel) =>
    (event: string, fields: Record<string, LogValue> = {}) => {
      ring.push({
        timeMs: clock.now(),
        level,
        event: printable(event, MAX_WORD_LENGTH),
        fields: bounded(fields),
      })
      if (ring.length > MAX_APP_LOG_LINES) ring.shift()
    }
  return {
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    lines({ sinceMs = 0, level, limit }) {
      const least = LEVELS.indexOf(level)
      return ring.filter(line => line.timeMs >= sinceMs && LEVELS.indexOf(line.level) >= least).slice(-limit)
    },
  }
}

/** Of an app's fields what a line of log has room for, without what could act on a terminal. */
function bounded(fields: Record<string, LogValue>): Record<string, LogValue> {
  const entries = Object.entries(fields).slice(0, MAX_FIELDS)
  return Object.fromEntries(
    entries.map(([key, value]) => [
      printable(key, MAX_WORD_LENGTH),
      typeof value === 'string'
        ? printable(value, MAX_TEXT_LENGTH)
        : Array.isArray(value)
          ? value.slice(0, MAX_FIELDS).map(item => printable(String(item), MAX_WORD_LENGTH))
          : value,
    ]),
  )
}

/** Lines that are kept of one app. */
export const MAX_APP_LOG_LINES = 1_000
const MAX_FIELDS = 8
const MAX_WORD_LENGTH = 128
const MAX_TEXT_LENGTH = 1_024
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
