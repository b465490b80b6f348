/** What the values of a symbol are; `any` is for tags, whose values may be of several types. */
export type FilterType = 'string' | 'number' | 'boolean' | 'datetime' | 'any'

/**
 * A field that may stand in a filter.
 *
 * - plain: `{ type: 'string' }`, one value or null
 * - a map: `{ type: 'any', isMap: true }`, whose values are named `tags.key`
 * - a set of values: `{ type: 'string', isSet: true }`, for anyOf, allOf, count and isEmpty
 * - a set of entities: also `of`, the symbols of each, for `anyOf(services.name)` and sub-queries; without a field
 *   behind it, an entity stands for its `id`
 *
 * A datetime is read as text of RFC 3339 or as ms since the epoch.
 */
export interface FilterSymbol {
  readonly type: FilterType
  readonly isSet?: boolean
  readonly isMap?: boolean
  readonly of?: FilterSymbols
  /** Where the value of an entity is; without it, the member of that name (`a.b` is `b` of `a`). */
  read?(entity: unknown): unknown
}

/** The symbols of a kind of entity, by their names. All else cannot be asked for. */
export type FilterSymbols = Readonly<Record<string, FilterSymbol>>

/** A value that comparisons understand; a datetime is in ms since the epoch. */
export type FilterValue = string | number | boolean

/** A name in a filter and what it stands for. */
export interface FilterField {
  readonly type: FilterType
  /** The items are entities with these symbols. */
  readonly of: FilterSymbols | undefined
  readonly isSet: boolean
  /** Of a field that is no set. */
  readValue(entity: unknown): FilterValue | undefined
  /** Of a set; what is no list has no items. */
  readItems(entity: unknown): readonly unknown[]
  /** Of an item that `readItems` gave. */
  readItem(item: unknown): FilterValue | undefined
}

/** What `name` stands for, or undefined when there is no such symbol. */
export function findFilterField(name: string, symbols: FilterSymbols): FilterField | undefined {
  if (Object.hasOwn(symbols, name)) {
    const symbol = symbols[name] as FilterSymbol
    return symbol.isMap === true ? undefined : describeSymbol(name, symbol)
  }
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const [first, rest] = [name.slice(0, dot), name.slice(dot + 1)]
    if (!Object.hasOwn(symbols, first)) continue
    const symbol = symbols[first] as FilterSymbol
    if (symbol.isMap === true) return describeMember(first, rest, symbol)
    const inner = symbol.of === undefined ? undefined : findFilterField(rest, symbol.of)
    if (inner === undefined || inner.isSet) return undefined
    const set = describeSymbol(first, symbol)
    return { ...set, type: inner.type, of: undefined, readItem: item => inner.readValue(item) }
  }
  return undefined
}

/** The names that a caller may use, for `meta.filterableFields`. */
export function listFilterableFields(symbols: FilterSymbols): string[] {
  return Object.keys(symbols)
}

function describeSymbol(name: string, symbol: FilterSymbol): FilterField {
  const { type, of } = symbol
  const read = (entity: unknown) =>
    symbol.read === undefined ? readPath(entity, name.split('.')) : symbol.read(entity)
  return {
    type,
    of,
    isSet: symbol.isSet === true || of !== undefined,
    readValue: entity => toFilterValue(read(entity), type),
    readItems: entity => {
      const items = read(entity)
      return Array.isArray(items) ? items : []
    },
    readItem: item => toFilterValue(of === undefined ? item : readPath(item, ['id']), type),
  }
}

function describeMember(map: string, key: string, symbol: FilterSymbol): FilterField {
  const { type } = symbol
  return {
    type,
    of: undefined,
    isSet: false,
    readValue(entity) {
      const members = symbol.read === undefined ? readPath(entity, map.split('.')) : symbol.read(entity)
      return toFilterValue(readPath(members, [key]), type)
    },
    readItems: () => [],
    readItem: () => undefined,
  }
}

function readPath(entity: unknown, path: readonly string[]): unknown {
  let value = entity
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

function toFilterValue(value: unknown, type: FilterType): FilterValue | undefined {
  if (type === 'datetime' && typeof value === 'string') {
    const time = Date.parse(value)
    return Number.isNaN(time) ? undefined : time
  }
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined
  const wanted = type === 'datetime' ? 'number' : type
  return type === 'any' || typeof value === wanted ? value : undefined
}
