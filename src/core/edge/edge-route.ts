import type { z } from 'zod'
import type { EdgeErrorCode } from './edge-error.ts'

/** Who may ask. */
export type EdgeNeeds = 'nothing' | 'session' | 'admin'

/** What an answer is: one thing, a page of a list, a create, nothing, or something of its own. */
export type EdgeAnswerKind = 'one' | 'list' | 'create' | 'empty' | 'raw'

/**
 * One operation of an Edge API, as data: the server validates by it and the OpenAPI document is made from it. Paths are
 * below the API's own and have parameters in braces: `/services/{id}`.
 */
export interface EdgeRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly summary: string
  readonly needs: EdgeNeeds
  readonly answer: EdgeAnswerKind
  readonly body?: z.ZodType
  /** A request without a body is one with `{}`. */
  readonly isBodyOptional?: boolean
  /** PEM is taken beside JSON; the handler is given its text as `clientCsr`. */
  readonly takesPem?: boolean
  /** `data` of the answer, or of each thing in a list. */
  readonly data?: z.ZodType
  /** Names of query parameters, beside those of lists. */
  readonly query?: readonly string[]
  readonly errors?: readonly EdgeErrorCode[]
}

/** Give a route its exact type. */
export function defineEdgeRoute<const R extends EdgeRoute>(route: R): R {
  return route
}
