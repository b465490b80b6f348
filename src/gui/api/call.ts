import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import { formatPath } from '../../core/api/route.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { KEY_HEADER, readKey } from './login.ts'

/**
 * Call a route of the agent's API, or of an app's. What may be asked and what is answered is known from the route, the one
 * the server validates by and the OpenAPI document is made from.
 *
 * @param prefix  where the app's API is: `/api/meshes/home/apps/ztm/tunnel`; empty for the agent's own
 * @throws MeshError what the agent answered; `unreachable` if it did not
 */
export async function call<R extends Route>(
  route: R,
  wish: Arguments<R>,
  { prefix = '', signal }: { readonly prefix?: string; readonly signal?: AbortSignal } = {},
): Promise<Answer<R>> {
  const { params, query, body }: { params?: Values | undefined; query?: Values | undefined; body?: unknown } =
    wish
  const path = formatPath(route, params, query)
  const request: RequestInit = { method: route.method, headers: { [KEY_HEADER]: readKey() } }
  if (signal !== undefined) request.signal = signal
  if (body !== undefined) {
    request.body = JSON.stringify(body)
    request.headers = { ...request.headers, 'content-type': 'application/json' }
  }
  let answer: Response
  try {
    answer = await fetch(prefix + path, request)
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new MeshError(
      'unreachable',
      'Cannot reach the agent: it does not run: start it with `ztm start agent`',
      { cause },
    )
  }
  const said: unknown = answer.status === 204 ? undefined : await answer.json().catch(() => undefined)
  if (!answer.ok)
    throw parseErrorBody(said) ?? new MeshError('bad-message', `The agent answered with ${answer.status}`)
  return said as Answer<R>
}

/** Whether a call failed before there was an answer, as where a connection broke: to ask once more may help. */
export function isUnanswered(error: unknown): boolean {
  return !(error instanceof MeshError) || (error.code === 'unreachable' && error.cause !== undefined)
}

type Values = Record<string, unknown>
