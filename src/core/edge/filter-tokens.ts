import { quote } from '../model/quote.ts'
import { EdgeError } from './edge-error.ts'
import { FILTER_LIMITS } from './filter-limits.ts'

/**
 * A piece of a filter. `at` counts UTF-16 units from 0.
 *
 * - `word`: a keyword or the name of a symbol; one in single quotes is never a keyword (`isQuoted`)
 * - `sign`: one of `( ) [ ] , = != < <= > >=`
 * - `datetime`: of `datetime(…)`, in ms since the epoch
 * - `end`: after the last
 */
export type FilterToken =
  | { readonly kind: 'word'; readonly text: string; readonly isQuoted: boolean; readonly at: number }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly value: string; readonly at: number }
  | { readonly kind: 'number'; readonly value: number; readonly at: number }
  | { readonly kind: 'datetime'; readonly value: number; readonly at: number }
  | { readonly kind: 'end'; readonly at: number }

/** The error of a filter that cannot be read; `at` goes into its text and, as `position`, into its data. */
export function filterError(at: number, reason: string): EdgeError {
  return new EdgeError('INVALID_FILTER', `Cannot read the filter at position ${at}: ${reason}`, {
    data: { position: at },
  })
}

/**
 * Cut a filter into its pieces, the last of them `end`. Takes time in proportion to the length.
 *
 * @throws EdgeError INVALID_FILTER with the position, for a text that is too long or has something else in it
 */
export function readFilterTokens(text: string): FilterToken[] {
  const { maxLength } = FILTER_LIMITS
  if (text.length > maxLength) throw filterError(maxLength, `it is longer than ${maxLength} characters`)
  const tokens: FilterToken[] = []
  let at = skipSpace(text, 0)
  while (at < text.length) {
    const { token, end } = readToken(text, at)
    tokens.push(token)
    at = skipSpace(text, end)
  }
  tokens.push({ kind: 'end', at: text.length })
  return tokens
}

interface ReadToken {
  readonly token: FilterToken
  readonly end: number
}

function readToken(text: string, at: number): ReadToken {
  const datetime = matchAt(DATETIME, text, at)
  if (datetime !== undefined) return readDatetime(datetime, at)
  const word = matchAt(WORD, text, at)
  if (word !== undefined) {
    const isQuoted = word.startsWith("'")
    const name = isQuoted ? word.slice(1, -1) : word
    return { token: { kind: 'word', text: name, isQuoted, at }, end: at + word.length }
  }
  const number = matchAt(NUMBER, text, at)
  if (number !== undefined) {
    const value = Number(number)
    if (!Number.isFinite(value)) throw filterError(at, `${quote(number, 20)} is too large a number`)
    return { token: { kind: 'number', value, at }, end: at + number.length }
  }
  if (text[at] === '"') return readString(text, at)
  const sign = matchAt(SIGN, text, at)
  if (sign !== undefined) return { token: { kind: 'sign', text: sign, at }, end: at + sign.length }
  throw filterError(at, `${quote(text.slice(at, at + 1))} has no meaning here`)
}

function readDatetime(text: string, at: number): ReadToken {
  const inside = text.slice('datetime('.length, -1).trim()
  const value = parseRfc3339(inside)
  if (value === undefined)
    throw filterError(at, `${quote(inside)} is not a time of RFC 3339, as 2026-01-31T12:00:00Z`)
  return { token: { kind: 'datetime', value, at }, end: at + text.length }
}

function readString(text: string, start: number): ReadToken {
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] as string
    if (character === '"') return { token: { kind: 'string', value, at: start }, end: at + 1 }
    if (character < ' ') throw filterError(at, 'a string may not have control characters')
    if (character === '\\') {
      at += 1
      const escaped = ESCAPES[text[at] ?? '']
      if (escaped === undefined)
        throw filterError(at - 1, 'a backslash stands before one of " \\ f n r t only')
      value += escaped
    } else value += character
  }
  throw filterError(start, 'the string does not end')
}

/** @returns ms since the epoch, or undefined when it is not a time of RFC 3339 with zone */
export function parseRfc3339(text: string): number | undefined {
  if (text.length > 64 || !RFC3339.test(text)) return undefined
  const value = Date.parse(text.toUpperCase())
  return Number.isNaN(value) ? undefined : value
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at += 1
  return at
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}
// Sticky, so that nothing behind the place is looked at; no part of one can match the same text in two ways.
const DATETIME = /datetime\([^()"]{0,80}\)/iy
const WORD = /[A-Za-z_][\w-]*(?:\.[\w-]+)*|'[A-Za-z_][\w-]*(?:\.[\w-]+)*'/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SIGN = /!=|[<>]=?|[=()[\],]/y
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i
