import type { Caller } from '../../core/api/caller.ts'
import type { EdgeRoute } from '../../core/edge/edge-route.ts'
import type { EndpointRecord } from '../records.ts'
import type { ApiSessionRecord, IdentityRecord } from './edge-records.ts'

/** Who asks, proven by the token of a session or by a certificate of the mesh. */
export type Asker =
  | {
      readonly kind: 'session'
      readonly identity: IdentityRecord
      readonly session: ApiSessionRecord
      /** As it was shown; absent where the session's certificate proved it. */
      readonly token: string | undefined
      readonly isAdmin: boolean
      /** As a member of the mesh. */
      readonly member: EndpointRecord
    }
  | { readonly kind: 'endpoint'; readonly isAdmin: boolean; readonly member: EndpointRecord }

/** One request, parsed. */
export interface EdgeCall<B = unknown> {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly body: B
  readonly headers: Headers
  readonly caller: Caller
  /** Undefined on routes that need nothing, where nothing good was shown. */
  readonly asker: Asker | undefined
  /** Ms since the epoch. */
  readonly now: number
  /** `host:port` that the client asked. */
  readonly host: string
}

/** What a handler answers. */
export interface EdgeReply {
  /** The whole body; JSON unless it is text. */
  readonly body: object | string
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** The request brought good credentials, whoever asked before. */
  readonly isLogin?: boolean
}

/** Serves one route. @throws EdgeError, and MeshError for what the controller cannot do */
export type EdgeHandler<R extends EdgeRoute = EdgeRoute> = (
  call: EdgeCall<R extends { body: { _output: infer B } } ? B : unknown>,
) => EdgeReply | Promise<EdgeReply>

/** A route with what serves it. */
export interface ServedRoute {
  readonly route: EdgeRoute
  readonly handler: EdgeHandler
}

/** One handler for each route of an API. */
export type EdgeHandlers<A extends Record<string, EdgeRoute>> = { readonly [K in keyof A]: EdgeHandler<A[K]> }

/** Put routes and handlers together. */
export function serveEdge<A extends Record<string, EdgeRoute>>(
  api: A,
  handlers: EdgeHandlers<A>,
): ServedRoute[] {
  return Object.entries(api).map(([name, route]) => ({
    route,
    handler: handlers[name as keyof A] as unknown as EdgeHandler,
  }))
}
