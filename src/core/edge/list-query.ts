import { EdgeError } from './edge-error.ts'
import { parseFilter, parseSort, type Query, type SortKey, sortEntities } from './filter.ts'
import { DEFAULT_PAGE_COUNT, MAX_PAGE_COUNT } from './filter-limits.ts'
import type { FilterSymbols } from './filter-symbols.ts'

/** The query parameters of a list, as they came; those that are missing are undefined. */
export interface ListParameters {
  readonly filter?: string | undefined
  readonly sort?: string | undefined
  readonly limit?: string | undefined
  readonly offset?: string | undefined
}

/** What a caller wants of a list. Of one use. */
export interface ListQuery {
  matches: Query['matches']
  readonly sort: readonly SortKey[]
  /** How many to leave out at the start. */
  readonly offset: number
  /** How many at most, from 1 to `MAX_PAGE_COUNT`. */
  readonly limit: number
}

/** A part of a list, as it stands in an answer: entities, and `meta.pagination`. */
export interface Page<Entity> {
  readonly entities: readonly Entity[]
  readonly pagination: { readonly limit: number; readonly offset: number; readonly totalCount: number }
}

/**
 * Read the parameters of a list. What stands in a parameter of its own goes before what the filter says.
 *
 * A limit that is missing or below 1 means `DEFAULT_PAGE_COUNT`, one that is too large `MAX_PAGE_COUNT`.
 *
 * @throws EdgeError INVALID_FILTER, INVALID_SORT_IDENTIFIER, INVALID_PAGINATION
 */
export function parseListQuery(parameters: ListParameters, symbols: FilterSymbols): ListQuery {
  const query = parseFilter(parameters.filter ?? '', symbols)
  const limit = readWhole('limit', parameters.limit) ?? query.limit ?? DEFAULT_PAGE_COUNT
  const offset = readWhole('offset', parameters.offset) ?? query.skip ?? 0
  if (offset < 0)
    throw new EdgeError('INVALID_PAGINATION', 'Cannot start a list before its first: offset is below 0')
  const sort = parameters.sort === undefined ? [] : parseSort(parameters.sort, symbols)
  return {
    matches: query.matches,
    sort: sort.length > 0 ? sort : query.sort,
    offset,
    limit: limit <= 0 ? DEFAULT_PAGE_COUNT : Math.min(limit, MAX_PAGE_COUNT),
  }
}

/**
 * The page of `entities` that a query asks for. Equals stay in the order in which they came.
 *
 * @throws EdgeError INVALID_FILTER when the filter takes too many comparisons
 */
export function takePage<Entity>(entities: Iterable<Entity>, query: ListQuery): Page<Entity> {
  const { matches, sort, offset, limit } = query
  const taken: Entity[] = []
  for (const entity of entities) if (matches(entity)) taken.push(entity)
  return {
    entities: sortEntities(taken, sort).slice(offset, offset + limit),
    pagination: { limit, offset, totalCount: taken.length },
  }
}

function readWhole(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (name === 'limit' && text.toLowerCase() === 'none') return MAX_PAGE_COUNT
  if (!/^-?\d{1,15}$/.test(text))
    throw new EdgeError('INVALID_PAGINATION', `Cannot read ${name}: it is no whole number`)
  return Number(text)
}
