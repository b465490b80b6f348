import { quote } from '../model/quote.ts'
import { FILTER_LIMITS } from './filter-limits.ts'
import { type FilterToken, filterError, readFilterTokens } from './filter-tokens.ts'
import type {
  FilterExpression,
  FilterLiteral,
  FilterOperand,
  FilterQuery,
  FilterSet,
  FilterSign,
  FilterSortField,
  FilterTest,
} from './filter-tree.ts'

/**
 * Read a filter: `[expression] [sort by field [asc|desc], …] [skip N] [limit N|none]`.
 *
 * `not` binds closest, then `and`, then `or`. Keywords are read in any case. An empty text takes everything.
 *
 * @throws EdgeError INVALID_FILTER with the position
 * @see docs/protocol.md, "Filters"
 */
export function parseFilterText(text: string): FilterQuery {
  const cursor = createCursor(readFilterTokens(text))
  const query = readQuery(cursor, 0)
  cursor.expectEnd()
  return query
}

/**
 * Read fields to sort by, without `sort by` before them: `name, createdAt desc`.
 *
 * @throws EdgeError INVALID_FILTER with the position
 */
export function parseSortText(text: string): FilterSortField[] {
  const cursor = createCursor(readFilterTokens(text))
  const fields = readSortFields(cursor)
  cursor.expectEnd()
  return fields
}

type Cursor = ReturnType<typeof createCursor>

function createCursor(tokens: readonly FilterToken[]) {
  let index = 0
  let terms = 0
  // The last token is `end`, which nothing takes.
  const peek = (ahead = 0) => tokens[Math.min(index + ahead, tokens.length - 1)] as FilterToken
  const isWord = (word: string, ahead = 0) => {
    const token = peek(ahead)
    return token.kind === 'word' && !token.isQuoted && token.text.toLowerCase() === word
  }
  const isSign = (sign: string, ahead = 0) => {
    const token = peek(ahead)
    return token.kind === 'sign' && token.text === sign
  }
  const take = () => {
    const token = peek()
    index += 1
    return token
  }
  const fail = (wanted: string) => filterError(peek().at, `${describe(peek())} stands where ${wanted} should`)
  return {
    peek,
    isWord,
    isSign,
    take,
    fail,
    takeWord(word: string): boolean {
      const isThere = isWord(word)
      if (isThere) index += 1
      return isThere
    },
    takeSign(sign: string): boolean {
      const isThere = isSign(sign)
      if (isThere) index += 1
      return isThere
    },
    expectWord(word: string): void {
      if (!this.takeWord(word)) throw fail(`"${word}"`)
    },
    expectSign(sign: string): void {
      if (!this.takeSign(sign)) throw fail(`"${sign}"`)
    },
    expectEnd(): void {
      if (peek().kind !== 'end') throw fail('the end')
    },
    countTerm(at: number): void {
      terms += 1
      if (terms > FILTER_LIMITS.maxTerms) throw filterError(at, `over ${FILTER_LIMITS.maxTerms} terms`)
    },
  }
}

function readQuery(cursor: Cursor, depth: number): FilterQuery {
  const isBare = isQueryEnd(cursor) || ['sort', 'skip', 'limit'].some(word => cursor.isWord(word))
  const where: FilterExpression = isBare ? { kind: 'constant', value: true } : readOr(cursor, depth)
  let sort: FilterSortField[] = []
  if (cursor.takeWord('sort')) {
    cursor.expectWord('by')
    sort = readSortFields(cursor)
  }
  const skip = cursor.takeWord('skip') ? readCount(cursor) : undefined
  let limit: number | undefined
  if (cursor.takeWord('limit')) limit = cursor.takeWord('none') ? Number.POSITIVE_INFINITY : readCount(cursor)
  return { where, sort, skip, limit }
}

function isQueryEnd(cursor: Cursor): boolean {
  return cursor.peek().kind === 'end' || cursor.isSign(')')
}

function readCount(cursor: Cursor): number {
  const token = cursor.peek()
  if (token.kind !== 'number' || !Number.isSafeInteger(token.value)) throw cursor.fail('a whole number')
  cursor.take()
  return token.value
}

function readSortFields(cursor: Cursor): FilterSortField[] {
  const fields: FilterSortField[] = []
  do {
    const { text: name, at } = readName(cursor)
    if (fields.length === FILTER_LIMITS.maxSortFields)
      throw filterError(at, `over ${FILTER_LIMITS.maxSortFields} fields to sort by`)
    const isDescending = cursor.takeWord('desc')
    if (!isDescending) cursor.takeWord('asc')
    fields.push({ name, isDescending, at })
  } while (cursor.takeSign(','))
  return fields
}

function readOr(cursor: Cursor, depth: number): FilterExpression {
  const parts = [readAnd(cursor, depth)]
  while (cursor.takeWord('or')) parts.push(readAnd(cursor, depth))
  return parts.length === 1 ? (parts[0] as FilterExpression) : { kind: 'or', parts }
}

function readAnd(cursor: Cursor, depth: number): FilterExpression {
  const parts = [readNot(cursor, depth)]
  while (cursor.takeWord('and')) parts.push(readNot(cursor, depth))
  return parts.length === 1 ? (parts[0] as FilterExpression) : { kind: 'and', parts }
}

function readNot(cursor: Cursor, depth: number): FilterExpression {
  const { at } = cursor.peek()
  if (depth > FILTER_LIMITS.maxDepth) throw filterError(at, `nested deeper than ${FILTER_LIMITS.maxDepth}`)
  if (cursor.takeWord('not')) return { kind: 'not', inner: readNot(cursor, depth + 1) }
  if (cursor.takeSign('(')) {
    const inner = readOr(cursor, depth + 1)
    cursor.expectSign(')')
    return inner
  }
  cursor.countTerm(at)
  if (cursor.takeWord('true')) return { kind: 'constant', value: true }
  if (cursor.takeWord('false')) return { kind: 'constant', value: false }
  if (cursor.isWord('isempty') && cursor.isSign('(', 1)) {
    cursor.take()
    return { kind: 'empty', set: readSet(cursor, depth) }
  }
  const left = readOperand(cursor, depth)
  const test = readTest(cursor)
  if (test !== undefined) return { kind: 'compare', left, test }
  if (left.kind === 'symbol') return { kind: 'flag', name: left.name, at: left.at }
  throw cursor.fail('a comparison')
}

function readOperand(cursor: Cursor, depth: number): FilterOperand {
  const { at } = cursor.peek()
  for (const kind of ['anyOf', 'allOf', 'count'] as const) {
    if (!cursor.isWord(kind.toLowerCase()) || !cursor.isSign('(', 1)) continue
    cursor.take()
    return { kind, set: readSet(cursor, depth), at }
  }
  return { kind: 'symbol', name: readName(cursor).text, at }
}

function readSet(cursor: Cursor, depth: number): FilterSet {
  cursor.expectSign('(')
  const isSubQuery = cursor.isWord('from') && cursor.peek(1).kind === 'word'
  if (isSubQuery) cursor.take()
  const { text: name, at } = readName(cursor)
  if (!isSubQuery) {
    cursor.expectSign(')')
    return { name, at }
  }
  cursor.expectWord('where')
  const query = readQuery(cursor, depth + 1)
  cursor.expectSign(')')
  return { name, at, query }
}

function readTest(cursor: Cursor): FilterTest | undefined {
  const { at } = cursor.peek()
  for (const op of SIGNS) if (cursor.takeSign(op)) return { op, value: readLiteral(cursor), at }
  const isNegated = cursor.takeWord('not')
  if (cursor.takeWord('in')) return { op: 'in', isNegated, values: readList(cursor), at }
  if (cursor.takeWord('between')) {
    const low = readLiteral(cursor)
    cursor.expectWord('and')
    return { op: 'between', isNegated, low, high: readLiteral(cursor), at }
  }
  for (const op of ['contains', 'icontains'] as const)
    if (cursor.takeWord(op)) return { op, isNegated, value: readLiteral(cursor), at }
  if (isNegated) throw cursor.fail('"in", "between", "contains" or "icontains"')
  return undefined
}

function readList(cursor: Cursor): FilterLiteral[] {
  cursor.expectSign('[')
  const values: FilterLiteral[] = []
  do {
    cursor.countTerm(cursor.peek().at)
    values.push(readLiteral(cursor))
  } while (cursor.takeSign(','))
  cursor.expectSign(']')
  return values
}

function readLiteral(cursor: Cursor): FilterLiteral {
  const token = cursor.peek()
  const { at } = token
  if (token.kind === 'string') return finish({ type: 'string', value: token.value, at })
  if (token.kind === 'number') return finish({ type: 'number', value: token.value, at })
  if (token.kind === 'datetime') return finish({ type: 'datetime', value: token.value, at })
  if (cursor.isWord('true')) return finish({ type: 'boolean', value: true, at })
  if (cursor.isWord('false')) return finish({ type: 'boolean', value: false, at })
  if (cursor.isWord('null')) return finish({ type: 'null', value: null, at })
  throw cursor.fail('a value')

  function finish(literal: FilterLiteral): FilterLiteral {
    cursor.take()
    return literal
  }
}

function readName(cursor: Cursor): { readonly text: string; readonly at: number } {
  const token = cursor.peek()
  if (token.kind !== 'word' || (!token.isQuoted && RESERVED.has(token.text.toLowerCase())))
    throw cursor.fail('the name of a field')
  cursor.take()
  return token
}

function describe(token: FilterToken): string {
  switch (token.kind) {
    case 'end':
      return 'the end'
    case 'datetime':
      return 'a datetime'
    case 'string':
    case 'number':
      return quote(token.value, 40)
    case 'word':
    case 'sign':
      return quote(token.text, 40)
  }
}

const SIGNS: readonly FilterSign[] = ['=', '!=', '<=', '<', '>=', '>']
// Not names, unless in single quotes.
const RESERVED = new Set(
  'and or not in between contains icontains true false null sort by skip limit where from asc desc none'.split(
    ' ',
  ),
)
