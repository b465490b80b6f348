import { quote } from '../model/quote.ts'
import type { FilterType, FilterValue } from './filter-symbols.ts'
import { filterError, parseRfc3339 } from './filter-tokens.ts'
import type { FilterLiteral, FilterSign, FilterTest } from './filter-tree.ts'

/** A comparison made ready: whether a value passes it; undefined stands for null. */
export type ValueTest = (value: FilterValue | undefined) => boolean

/**
 * Make a comparison ready for the values of a field.
 *
 * Null equals nothing but null; it is neither smaller nor larger than anything, and passes what is negated. `between`
 * takes its lower bound in and leaves its upper bound out. Values of tags (`any`) pass no test of another type.
 *
 * @param name  of the field, for the error
 * @throws EdgeError INVALID_FILTER when the field's type has no such comparison
 */
export function compileTest(test: FilterTest, type: FilterType, name: string): ValueTest {
  switch (test.op) {
    case 'in':
      return compileIn(test.values, test.isNegated, type, name)
    case 'between':
      return compileBetween(test, type, name)
    case 'contains':
    case 'icontains':
      return compileContains(test, type, name)
    default:
      return compileSign(test, type, name)
  }
}

/** A value that orders, from a literal; checks that the field can have such. */
function constantOf(literal: FilterLiteral, type: FilterType, name: string): FilterValue {
  if (literal.type === 'null') throw filterError(literal.at, 'null goes with "=" and "!=" only')
  if (type !== 'any' && type !== literal.type)
    throw filterError(literal.at, `${quote(name)} is a ${type}, ${describe(literal)} is a ${literal.type}`)
  return literal.value
}

/** How a value of the field is read to be compared with `literal`: as a time, when it is one in a tag. */
function readerFor(
  literal: FilterLiteral,
  type: FilterType,
): (value: FilterValue) => FilterValue | undefined {
  if (type !== 'any') return value => value
  if (literal.type !== 'datetime') return value => (typeof value === literal.type ? value : undefined)
  return value => (typeof value === 'string' ? parseRfc3339(value) : undefined)
}

type SignTest = Extract<FilterTest, { readonly op: FilterSign }>

function compileSign({ op, value: literal, at }: SignTest, type: FilterType, name: string): ValueTest {
  const isEquality = op === '=' || op === '!='
  if (literal.type === 'null') {
    if (!isEquality) throw filterError(at, 'null goes with "=" and "!=" only')
    return value => (value === undefined) === (op === '=')
  }
  const constant = constantOf(literal, type, name)
  if (typeof constant === 'boolean') {
    if (!isEquality) throw filterError(at, 'true and false go with "=" and "!=" only')
    // A flag that is not set is false.
    return value => ((value ?? (type === 'boolean' ? false : undefined)) === constant) === (op === '=')
  }
  const read = readerFor(literal, type)
  return value => {
    const known = value === undefined ? undefined : read(value)
    return known === undefined ? op === '!=' : ORDERS[op](known, constant)
  }
}

function compileIn(
  values: readonly FilterLiteral[],
  isNegated: boolean,
  type: FilterType,
  name: string,
): ValueTest {
  const constants = new Set(values.map(literal => constantOf(literal, type, name)))
  if (type === 'any' && values.some(literal => literal.type === 'datetime')) {
    const tests = values.map(value => compileSign({ op: '=', value, at: value.at }, type, name))
    return value => tests.some(test => test(value)) !== isNegated
  }
  return value => (value !== undefined && constants.has(value)) !== isNegated
}

type BetweenTest = Extract<FilterTest, { readonly op: 'between' }>

function compileBetween(
  { low, high, isNegated, at }: BetweenTest,
  type: FilterType,
  name: string,
): ValueTest {
  if (low.type !== high.type || (low.type !== 'number' && low.type !== 'datetime'))
    throw filterError(at, '"between" goes with two numbers or two datetimes')
  const [from, to] = [constantOf(low, type, name), constantOf(high, type, name)]
  const read = readerFor(low, type)
  return value => {
    const known = value === undefined ? undefined : read(value)
    return (known !== undefined && known >= from && known < to) !== isNegated
  }
}

type ContainsTest = Extract<FilterTest, { readonly op: 'contains' | 'icontains' }>

function compileContains(
  { op, value: part, isNegated, at }: ContainsTest,
  type: FilterType,
  name: string,
): ValueTest {
  if (part.type !== 'string' && part.type !== 'number')
    throw filterError(part.at, `"${op}" goes with a string or a number`)
  if (type === 'boolean' || type === 'datetime')
    throw filterError(at, `${quote(name)} is a ${type}, which contains nothing`)
  const fold = (text: string) => (op === 'icontains' ? text.toLowerCase() : text)
  const wanted = fold(String(part.value))
  return value =>
    (value !== undefined && typeof value !== 'boolean' && fold(String(value)).includes(wanted)) !== isNegated
}

function describe(literal: FilterLiteral): string {
  return literal.type === 'datetime' ? 'the value' : quote(literal.value, 40)
}

const ORDERS: Readonly<Record<FilterSign, (a: FilterValue, b: FilterValue) => boolean>> = {
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}
