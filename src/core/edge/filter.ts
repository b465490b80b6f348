import { quote } from '../model/quote.ts'
import { EdgeError } from './edge-error.ts'
import { compileTest } from './filter-comparisons.ts'
import { FILTER_LIMITS, MAX_PAGE_COUNT } from './filter-limits.ts'
import { parseFilterText, parseSortText } from './filter-parser.ts'
import { type FilterField, type FilterSymbols, type FilterValue, findFilterField } from './filter-symbols.ts'
import { filterError } from './filter-tokens.ts'
import type {
  FilterExpression,
  FilterOperand,
  FilterQuery,
  FilterSet,
  FilterSortField,
} from './filter-tree.ts'

/** A filter that was read: which entities it takes, in what order, and which part of them. Of one use. */
export interface Query {
  /** Whether the filter takes an entity. @throws EdgeError INVALID_FILTER when the query has cost too much */
  matches(entity: unknown): boolean
  /** What to sort by, the most important first; empty when the filter does not say. */
  readonly sort: readonly SortKey[]
  /** How many to leave out at the start; undefined when the filter does not say. */
  readonly skip: number | undefined
  /** How many at most, from 1 to `MAX_PAGE_COUNT`; undefined when the filter does not say. */
  readonly limit: number | undefined
}

/** One field to sort by. */
export interface SortKey {
  readonly name: string
  readonly isDescending: boolean
  /** What an entity is sorted by; undefined stands for null. */
  read(entity: unknown): FilterValue | undefined
}

/**
 * Read a filter of OpenZiti's language for entities that have `symbols`.
 *
 * @throws EdgeError INVALID_FILTER with the position of what cannot be read, is unknown, or has no such comparison;
 *   INVALID_SORT_IDENTIFIER for an unknown field to sort by
 * @see docs/protocol.md, "Filters"
 */
export function parseFilter(text: string, symbols: FilterSymbols): Query {
  return compileQuery(parseFilterText(text), symbols, createMeter())
}

/**
 * Read what to sort by, as `name, createdAt desc`.
 *
 * @throws EdgeError INVALID_SORT_IDENTIFIER for all that cannot be sorted by
 */
export function parseSort(text: string, symbols: FilterSymbols): readonly SortKey[] {
  let fields: FilterSortField[]
  try {
    fields = parseSortText(text)
  } catch (error) {
    if (error instanceof EdgeError) throw new EdgeError('INVALID_SORT_IDENTIFIER', error.message)
    throw error
  }
  return compileSort(fields, symbols)
}

/**
 * A sorted copy; equals stay in their order. Null comes before all else, texts go by their UTF-16 units.
 *
 * @param keys  the most important first
 */
export function sortEntities<Entity>(entities: readonly Entity[], keys: readonly SortKey[]): Entity[] {
  if (keys.length === 0) return [...entities]
  return entities
    .map(entity => ({ entity, values: keys.map(key => key.read(entity)) }))
    .sort((a, b) => {
      for (const [index, { isDescending }] of keys.entries()) {
        const order = compareValues(a.values[index], b.values[index])
        if (order !== 0) return isDescending ? -order : order
      }
      return 0
    })
    .map(({ entity }) => entity)
}

/** Counts the comparisons of a query, so that none can take a core for long. */
interface Meter {
  step(): void
}

function createMeter(): Meter {
  let steps = 0
  return {
    step() {
      steps += 1
      if (steps > FILTER_LIMITS.maxSteps)
        throw new EdgeError('INVALID_FILTER', 'Cannot answer the filter: it takes too many comparisons')
    },
  }
}

type Predicate = (entity: unknown) => boolean

function compileQuery(query: FilterQuery, symbols: FilterSymbols, meter: Meter): Query {
  const { skip, limit } = query
  return {
    matches: compileExpression(query.where, symbols, meter),
    sort: compileSort(query.sort, symbols),
    skip: skip === undefined ? undefined : Math.max(0, skip),
    limit: limit === undefined || limit <= 0 ? undefined : Math.min(limit, MAX_PAGE_COUNT),
  }
}

function compileExpression(expression: FilterExpression, symbols: FilterSymbols, meter: Meter): Predicate {
  switch (expression.kind) {
    case 'constant':
      return () => expression.value
    case 'flag':
      return compileFlag(expression, symbols, meter)
    case 'not': {
      const inner = compileExpression(expression.inner, symbols, meter)
      return entity => !inner(entity)
    }
    case 'and': {
      const parts = expression.parts.map(part => compileExpression(part, symbols, meter))
      return entity => parts.every(part => part(entity))
    }
    case 'or': {
      const parts = expression.parts.map(part => compileExpression(part, symbols, meter))
      return entity => parts.some(part => part(entity))
    }
    case 'empty': {
      const items = compileSet(expression.set, symbols, meter)
      return entity => items(entity).length === 0
    }
    case 'compare':
      return compileComparison(expression, symbols, meter)
  }
}

function compileFlag(
  { name, at }: { readonly name: string; readonly at: number },
  symbols: FilterSymbols,
  meter: Meter,
): Predicate {
  const field = findPlain(name, at, symbols)
  if (field.type !== 'boolean' && field.type !== 'any')
    throw filterError(at, `${quote(name)} is a ${field.type}, not true or false: compare it with something`)
  return entity => {
    meter.step()
    return field.readValue(entity) === true
  }
}

function compileComparison(
  { left, test }: Extract<FilterExpression, { readonly kind: 'compare' }>,
  symbols: FilterSymbols,
  meter: Meter,
): Predicate {
  if (left.kind === 'symbol') {
    const field = findPlain(left.name, left.at, symbols)
    const passes = compileTest(test, field.type, left.name)
    return entity => {
      meter.step()
      return passes(field.readValue(entity))
    }
  }
  const items = compileSet(left.set, symbols, meter)
  if (left.kind === 'count') {
    const passes = compileTest(test, 'number', `count(${left.set.name})`)
    return entity => passes(items(entity).length)
  }
  const field = findSet(left.set, symbols)
  const passes = compileTest(test, field.type, left.set.name)
  const passesItem = (item: unknown) => {
    meter.step()
    return passes(field.readItem(item))
  }
  return quantify(left.kind, items, passesItem)
}

function quantify(
  kind: Exclude<FilterOperand['kind'], 'symbol' | 'count'>,
  items: (entity: unknown) => readonly unknown[],
  passes: Predicate,
): Predicate {
  return kind === 'anyOf' ? entity => items(entity).some(passes) : entity => items(entity).every(passes)
}

/** The items of a set, or those that a sub-query takes, in its order and within its limits. */
function compileSet(
  set: FilterSet,
  symbols: FilterSymbols,
  meter: Meter,
): (entity: unknown) => readonly unknown[] {
  const field = findSet(set, symbols)
  const itemsOf = (entity: unknown) => {
    meter.step()
    return field.readItems(entity)
  }
  if (set.query === undefined) return itemsOf
  if (field.of === undefined) throw filterError(set.at, `${quote(set.name)} is no set of entities to ask of`)
  const { matches, sort, skip = 0 } = compileQuery(set.query, field.of, meter)
  const limit = set.query.limit ?? Number.POSITIVE_INFINITY
  return entity => {
    const taken = itemsOf(entity).filter(item => {
      meter.step()
      return matches(item)
    })
    const ordered = sortEntities(taken, sort)
    return ordered.slice(skip, limit < 0 ? undefined : skip + limit)
  }
}

function compileSort(fields: readonly FilterSortField[], symbols: FilterSymbols): SortKey[] {
  return fields.map(({ name, isDescending }) => {
    const field = findFilterField(name, symbols)
    if (field === undefined || field.isSet)
      throw new EdgeError(
        'INVALID_SORT_IDENTIFIER',
        `Cannot sort by ${quote(name)}: ${field === undefined ? 'there is no such field' : 'it is a set'}`,
      )
    return { name, isDescending, read: field.readValue }
  })
}

function compareValues(a: FilterValue | undefined, b: FilterValue | undefined): number {
  if (a === b) return 0
  if (a === undefined) return -1
  if (b === undefined) return 1
  // Tags may have values of several types: false and true, numbers, texts.
  if (typeof a !== typeof b) return typeof a < typeof b ? -1 : 1
  return a < b ? -1 : 1
}

function findPlain(name: string, at: number, symbols: FilterSymbols): FilterField {
  const field = findFilterField(name, symbols)
  if (field === undefined) throw filterError(at, `there is no field ${quote(name)}`)
  if (field.isSet) throw filterError(at, `${quote(name)} is a set: ask with anyOf, allOf, count or isEmpty`)
  return field
}

function findSet({ name, at }: FilterSet, symbols: FilterSymbols): FilterField {
  const field = findFilterField(name, symbols)
  if (field === undefined) throw filterError(at, `there is no set ${quote(name)}`)
  if (!field.isSet) throw filterError(at, `${quote(name)} is no set`)
  return field
}
