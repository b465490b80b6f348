import type { Context } from 'hono'
import { parseAppRef } from '../../core/app/manifest.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { answerError } from '../../net/serve-routes.ts'
import type { AppCaller } from '../../sdk/app.ts'
import type { Packages } from './packages.ts'
import { requirePackages } from './packages.ts'

/** A request to an app from elsewhere. */
export interface InstalledRequest {
  readonly packages: Packages | undefined
  /** `alice/notes` */
  readonly name: string
  /** The path that the app's own begins below, as it stands in the URL. */
  readonly base: string
  readonly caller: AppCaller
}

/**
 * Pass a request on to an app from elsewhere, and its answer back. Of the headers only those that say what the body is go
 * either way: no cookie or token of the agent reaches the app, and nothing it answers acts on the origin it is asked at.
 */
export async function requestInstalled(
  context: Context,
  { packages, name, base, caller }: InstalledRequest,
): Promise<Response> {
  try {
    const { apps } = requirePackages(packages)
    const app = parseAppRef(name)
    const url = new URL(context.req.url)
    if (!url.pathname.startsWith(`${base}/`))
      throw new MeshError('not-found', `Cannot use app "${name}": no such path`)
    const headers: Record<string, string> = {}
    for (const header of PASSED_ON) {
      const value = context.req.header(header)
      if (value !== undefined) headers[header] = value
    }
    const answer = await apps.request(app, {
      method: context.req.method,
      path: url.pathname.slice(base.length) + url.search,
      headers,
      body: await readBody(context.req.raw),
      caller,
    })
    const shown = new Headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    for (const header of PASSED_BACK) {
      const value = answer.headers[header]
      if (value !== undefined) shown.set(header, value)
    }
    const isEmpty = answer.status === 204 || answer.status === 304
    return new Response(isEmpty ? null : Buffer.from(answer.body), { status: answer.status, headers: shown })
  } catch (thrown) {
    return answerError(context, toMeshError(thrown))
  }
}

const PASSED_ON = ['content-type', 'accept', 'accept-language'] as const
const PASSED_BACK = ['content-type', 'etag', 'last-modified'] as const
/** The largest body of a request to an app, in bytes. */
const MAX_APP_BODY_BYTES = 1_048_576

async function readBody({ body }: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > MAX_APP_BODY_BYTES)
      throw new MeshError('too-large', `Cannot ask app: body over ${MAX_APP_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
