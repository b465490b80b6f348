import { formatPath, type Route } from '../../core/api/route.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { Json } from '../../core/model/store.ts'
import type { AppCaller, Host } from '../app.ts'

/** A call of a route whose path names an endpoint. */
export interface EndpointCall {
  readonly params: { readonly endpoint: string }
  readonly query?: object | undefined
  readonly body?: unknown
  readonly caller: AppCaller
}

/**
 * Serve a call here, or pass it on whole to the endpoint its path names.
 *
 * What another endpoint passed on to us is never passed on again: it asks with our rights then, not its own.
 *
 * @throws MeshError `denied` for that, `not-found`, `offline`, or what the other endpoint throws
 */
export async function atEndpoint<T>(
  host: Host,
  route: Route,
  call: EndpointCall,
  serve: () => T | Promise<T>,
): Promise<T> {
  const endpoint = await otherEndpoint(host, call)
  if (endpoint === undefined) return serve()
  const answer = await host.request(endpoint, {
    method: route.method,
    path: formatPath(route, { ...call.params, endpoint }, (call.query ?? {}) as Record<string, unknown>),
    ...(call.body !== undefined && { body: call.body as Json }),
  })
  if (route.response === undefined) return undefined as T
  const parsed = route.response.safeParse(answer)
  if (parsed.success) return parsed.data as T
  throw new MeshError(
    'bad-message',
    `Cannot ${route.summary.toLowerCase()}: answer of endpoint "${call.params.endpoint}" is not of its form: is its version another?`,
  )
}

/** The endpoint that is meant, or undefined if it is this one. */
async function otherEndpoint(host: Host, { params, caller }: EndpointCall): Promise<EndpointId | undefined> {
  const wanted = params.endpoint
  const { id, name } = host.endpoint
  if (wanted === id || wanted === name) return undefined
  if (caller.source === 'peer') {
    throw new MeshError(
      'denied',
      `Cannot manage endpoint ${JSON.stringify(wanted)}: ask it directly, not by "${name}"`,
    )
  }
  const found = await host.findEndpoint(wanted)
  return found.id === id ? undefined : found.id
}
