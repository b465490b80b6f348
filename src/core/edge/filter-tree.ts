/** What a filter says, as its parser read it; names are not looked up yet. `at` counts UTF-16 units from 0. */
export type FilterExpression =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'flag'; readonly name: string; readonly at: number }
  | { readonly kind: 'not'; readonly inner: FilterExpression }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly FilterExpression[] }
  | { readonly kind: 'empty'; readonly set: FilterSet }
  | { readonly kind: 'compare'; readonly left: FilterOperand; readonly test: FilterTest }

/** The left side of a comparison: a symbol, the number of items of a set, or any or all items of one. */
export type FilterOperand =
  | { readonly kind: 'symbol'; readonly name: string; readonly at: number }
  | { readonly kind: 'anyOf' | 'allOf' | 'count'; readonly set: FilterSet; readonly at: number }

/** A set by its name, or those of its items that a sub-query takes. */
export interface FilterSet {
  readonly name: string
  readonly at: number
  readonly query?: FilterQuery
}

/** What a comparison asks of each value. */
export type FilterTest = { readonly at: number } & (
  | { readonly op: FilterSign; readonly value: FilterLiteral }
  | { readonly op: 'in'; readonly isNegated: boolean; readonly values: readonly FilterLiteral[] }
  | {
      readonly op: 'between'
      readonly isNegated: boolean
      readonly low: FilterLiteral
      readonly high: FilterLiteral
    }
  | {
      readonly op: 'contains' | 'icontains'
      readonly isNegated: boolean
      readonly value: FilterLiteral
    }
)

/** The signs that compare. */
export type FilterSign = '=' | '!=' | '<' | '<=' | '>' | '>='

/** A value in a filter. A datetime is in ms since the epoch. */
export type FilterLiteral = { readonly at: number } & (
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'datetime'; readonly value: number }
  | { readonly type: 'null'; readonly value: null }
)

/** A field to sort by. */
export interface FilterSortField {
  readonly name: string
  readonly isDescending: boolean
  readonly at: number
}

/** A whole filter. A `limit` of `none` is infinity. */
export interface FilterQuery {
  readonly where: FilterExpression
  readonly sort: readonly FilterSortField[]
  readonly skip: number | undefined
  readonly limit: number | undefined
}
