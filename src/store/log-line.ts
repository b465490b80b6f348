import type { LogLevel, LogValue } from '../core/model/log.ts'

/** One event as it was logged. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly timeMs: number
  readonly level: LogLevel
  readonly event: string
  readonly fields: Readonly<Record<string, LogValue>>
}

/**
 * Read one line of a log file, `{"level", "time", "event", ...fields}`.
 *
 * @returns undefined for what is no such line: cut short by a full disk, or another program's
 */
export function parseLogLine(text: string): LogLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { time, level, event, ...rest } = value as Record<string, unknown>
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (Number.isNaN(timeMs) || !isLogLevel(level) || typeof event !== 'string') return undefined
  const fields = Object.entries(rest).filter((field): field is [string, LogValue] => isLogValue(field[1]))
  return { timeMs, level, event, fields: Object.fromEntries(fields) }
}

/**
 * A line for a person, without its end: `2026-11-20 19:22:01 info link.opened peer=bob rttMs=3`, in local time.
 *
 * Nothing in it moves the cursor or reorders text: such characters are escaped, and text that has them, or blanks,
 * quotes or `=`, is quoted as in JSON.
 */
export function formatLogLine({ timeMs, level, event, fields }: LogLine): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${formatText(name)}=${formatValue(value)}`)
  return [formatTime(timeMs), level, formatText(event), ...shown].join(' ')
}

/** Whether an event of level `level` belongs into a log that shows `least` and above. */
export function isShown(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least)
}

/** Whether `value` is the name of a level. */
export function isLogLevel(value: unknown): value is LogLevel {
  return LOG_LEVELS.some(level => level === value)
}

/** The levels, the least important first. */
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

function isLogValue(value: unknown): value is LogValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return true
  if (typeof value === 'boolean') return true
  return Array.isArray(value) && value.every(entry => typeof entry === 'string')
}

function formatTime(timeMs: number): string {
  const at = new Date(timeMs)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`
}

function formatValue(value: LogValue): string {
  if (typeof value === 'string') return formatText(value)
  if (typeof value === 'object' && value !== null) return `[${value.map(formatText).join(',')}]`
  return String(value)
}

function formatText(text: string): string {
  if (PLAIN.test(text)) return text
  return JSON.stringify(text).replace(UNPRINTABLE, character =>
    Array.from({ length: character.length }, (_, index) => escapeUnit(character.charCodeAt(index))).join(''),
  )
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

// \p{C}: control, format (direction marks among them), surrogate, private, unassigned.
const PLAIN = /^[^\s"'=,[\]\\\p{C}]+$/u
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu
