import type { LogValue } from '../core/model/log.ts'

/**
 * The fields of an event as they may be written: a second wall, for the day somebody logs what `Log` forbids.
 *
 * A field with a name like a secret's becomes `***` (names that end in Id, Count or Ms say something about one and
 * stay), so does text with a private key in it; text is cut after 1,024 characters and lists after 64 entries; what
 * is no `LogValue` at run time becomes its type's name. Fields named like those of every line get a `_` behind.
 *
 * @throws whatever a getter among the fields throws
 */
export function safeFields(fields: Readonly<Record<string, unknown>>): Record<string, LogValue> {
  const safe: Record<string, LogValue> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    safe[RESERVED.has(name) ? `${name}_` : name] = isSecretName(name) ? HIDDEN : safeValue(value)
  }
  return safe
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !HARMLESS_END.test(name)
}

function safeValue(value: unknown): LogValue {
  if (typeof value === 'string') return safeText(value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (Array.isArray(value)) {
    return value
      .slice(0, MAX_ENTRIES)
      .map(entry => (typeof entry === 'string' ? safeText(entry) : `[${typeof entry}]`))
  }
  return `[${typeof value}]`
}

function safeText(text: string): string {
  if (text.includes('PRIVATE KEY')) return HIDDEN
  if (text.length <= MAX_TEXT_LENGTH) return text
  // Never half of a surrogate pair at the cut.
  return `${text.slice(0, MAX_TEXT_LENGTH).replace(/[\ud800-\udbff]$/, '')}…`
}

const SECRET_NAME = /key|token|ticket|secret|password|permit|authorization|cookie/i
const HARMLESS_END = /(Id|Count|Ms)$/
const RESERVED: ReadonlySet<string> = new Set(['time', 'level', 'event'])
const HIDDEN = '***'
const MAX_TEXT_LENGTH = 1_024
const MAX_ENTRIES = 64
