import type { Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import type { Call, Handlers, Route } from '../core/api/route.ts'
import { type ErrorBody, type ErrorCode, MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'

/** How an API is served. */
export interface ServeOptions<C> {
  /** Who asks, as the transport proved it. @throws MeshError if nobody may */
  readonly caller: (context: Context) => C
  readonly log: Log
  /** Largest request body; default 256 KiB. */
  readonly maxBodyBytes?: number
}

/**
 * Bind routes to their handlers. Input is validated by the route's own schemas; whatever a handler throws becomes
 * the JSON of its MeshError, and a bug's cause goes to the log, never to the caller.
 */
export function serveRoutes<A extends Record<string, Route>, C>(
  app: Hono,
  api: A,
  handlers: Handlers<A, C>,
  options: ServeOptions<C>,
): void {
  const limit = bodyLimit({
    maxSize: options.maxBodyBytes ?? 262_144,
    onError: context => answerError(context, TOO_LARGE()),
  })
  for (const [name, route] of Object.entries(api)) {
    const handler = handlers[name as keyof A] as unknown as (call: Call<Route, C>) => Promise<unknown>
    app.on(route.method, route.path.replace(/\{(\w+)\}/g, ':$1'), limit, async context => {
      try {
        const caller = options.caller(context)
        const call = { ...(await readCall(route, context)), caller } as Call<Route, C>
        const answer = await handler(call)
        return route.response === undefined ? context.body(null, 204) : context.json(answer as object)
      } catch (thrown) {
        const error = toMeshError(thrown)
        if (error.code === 'bug')
          options.log.error('request.failed', { route: name, error: describeBug(thrown) })
        return answerError(context, error)
      }
    })
  }
}

/** Answer with an error's status and body. */
export function answerError(context: Context, error: MeshError): Response {
  return context.json(safeBody(error), error.kind.http as 400)
}

/** What the other side may see of an error: of a bug nothing but that it was one. */
export function safeBody(error: MeshError): ErrorBody {
  if (error.code !== 'bug') return error.toBody()
  return { code: 'bug', message: 'Unexpected failure: see the log of the other side' }
}

async function readCall(route: Route, context: Context): Promise<Omit<Call<Route, unknown>, 'caller'>> {
  return {
    params: parsePart(route.params, context.req.param(), 'path') as undefined,
    query: parsePart(route.query, context.req.query(), 'query') as undefined,
    body:
      route.body === undefined
        ? undefined
        : (parsePart(route.body, await readBody(context), 'body') as undefined),
  }
}

async function readBody(context: Context): Promise<unknown> {
  try {
    return await context.req.json()
  } catch (cause) {
    throw new MeshError('bad-input', 'Cannot read request: body is not JSON', { cause })
  }
}

function parsePart(schema: z.ZodType | undefined, value: unknown, part: string): unknown {
  if (schema === undefined) return undefined
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue?.path.length ? `${part} ${issue.path.join('.')}` : part
  const code: ErrorCode = issue?.message.startsWith('Cannot use') ? 'bad-name' : 'bad-input'
  throw new MeshError(code, `Cannot read request: ${where}: ${issue?.message ?? 'not of its form'}`)
}

function describeBug(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}

const TOO_LARGE = () => new MeshError('too-large', 'Cannot read request: body is over the limit')
