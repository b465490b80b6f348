import type { z } from 'zod'
import type { ErrorCode } from '../model/errors.ts'

/** The methods our APIs use. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * One operation of an HTTP API, as data: servers validate by it, clients are typed by it, the OpenAPI document is
 * made from it. Paths have parameters in braces: `/api/meshes/{mesh}`; each is declared in `params`.
 */
export interface Route {
  readonly method: Method
  readonly path: string
  /** One sentence for the OpenAPI document. */
  readonly summary: string
  readonly params?: z.ZodObject
  /** Query values arrive as text; schemas coerce. */
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  /** Shape of the JSON answer; absent where the answer has no body (204). */
  readonly response?: z.ZodType
  /** Codes this operation may answer with, beside `bad-input`, `too-large` and `bug`. */
  readonly errors?: readonly ErrorCode[]
}

/** Give a route its exact type. */
export function defineRoute<const R extends Route>(route: R): R {
  return route
}

type Output<S> = S extends z.ZodType ? z.output<S> : undefined
type Input<S> = S extends z.ZodType ? z.input<S> : undefined

/** What a handler is given: everything already parsed. `C` is who asks, as the transport proved it. */
export interface Call<R extends Route, C> {
  readonly params: Output<R['params']>
  readonly query: Output<R['query']>
  readonly body: Output<R['body']>
  readonly caller: C
}

/** Serves one route. Throws MeshError for every failure. */
export type Handler<R extends Route, C> = (call: Call<R, C>) => Promise<Output<R['response']>>

/** One handler for each route of an API. */
export type Handlers<A extends Record<string, Route>, C> = { readonly [K in keyof A]: Handler<A[K], C> }

/** What a client passes to call a route. */
export type Arguments<R extends Route> = (R extends { params: z.ZodType }
  ? { params: Input<R['params']> }
  : { params?: undefined }) &
  (R extends { query: z.ZodType } ? { query?: Input<R['query']> } : { query?: undefined }) &
  (R extends { body: z.ZodType } ? { body: Input<R['body']> } : { body?: undefined })

/** What a client gets back. */
export type Answer<R extends Route> = Output<R['response']>

/**
 * The path of a route with its parameters filled in and its query appended, percent-encoded.
 *
 * @param params  one value for each `{name}` of the path
 */
export function formatPath(
  route: Route,
  params: Record<string, unknown> = {},
  query: Record<string, unknown> = {},
): string {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
}
