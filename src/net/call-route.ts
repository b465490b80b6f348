import type { ClientHttp2Session } from 'node:http2'
import { type Answer, type Arguments, formatPath, type Route } from '../core/api/route.ts'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import { ENHANCE_YOUR_CALM } from './flood-guard.ts'
import { fromNodeError } from './node-error.ts'

/** How one call may take. */
export interface CallOptions {
  /** Default 10 s. */
  readonly timeoutMs?: number
  readonly maxAnswerBytes?: number
}

/**
 * Call a route over an HTTP/2 session.
 *
 * @throws MeshError the other side's own error, or `timed-out`, `link-closed`, `too-large`, `bad-message`
 */
export async function callRoute<R extends Route>(
  session: ClientHttp2Session,
  route: R,
  args: Arguments<R>,
  options: CallOptions = {},
): Promise<Answer<R>> {
  const path = formatPath(route, args.params ?? {}, args.query ?? {})
  const body = args.body === undefined ? undefined : JSON.stringify(args.body)
  const answer = await request(
    session,
    { method: route.method, path, ...(body !== undefined && { body }) },
    options,
  )
  if (route.response === undefined) return undefined as Answer<R>
  const parsed = route.response.safeParse(answer)
  if (!parsed.success)
    throw new MeshError('bad-message', `Cannot ${route.summary.toLowerCase()}: answer is not of its form`)
  return parsed.data as Answer<R>
}

/** A request with a JSON body, or none. */
export interface JsonRequest {
  readonly method: string
  readonly path: string
  /** JSON text. */
  readonly body?: string
}

/**
 * Send one request and read its JSON answer.
 *
 * @returns the parsed answer; undefined for an empty one
 * @throws MeshError as `callRoute`
 */
export async function request(
  session: ClientHttp2Session,
  request: JsonRequest,
  options: CallOptions = {},
): Promise<unknown> {
  const { status, value } = await exchange(session, request, options)
  if (status >= 200 && status < 300) return value
  throw (
    parseErrorBody(value) ??
    new MeshError('bad-message', `${actionOf(request)}: answer ${status} without an error`)
  )
}

/**
 * Send one request and read its JSON answer, whatever its status.
 *
 * @returns the status, and the parsed body; undefined for an empty one
 * @throws MeshError `timed-out`, `link-closed`, `too-large`, `too-many`; `bad-message` for what is not JSON
 */
export async function exchange(
  session: ClientHttp2Session,
  { method, path, body }: JsonRequest,
  options: CallOptions = {},
): Promise<{ status: number; value: unknown }> {
  const action = actionOf({ method, path })
  const { timeoutMs = 10_000, maxAnswerBytes = 16 * 1_048_576 } = options
  if (session.closed || session.destroyed)
    throw new MeshError('link-closed', `${action}: connection has ended`)
  const stream = session.request({
    ':method': method,
    ':path': path,
    ...(body !== undefined && { 'content-type': 'application/json' }),
  })
  let status = 0
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    stream.close(CANCEL)
  }, timeoutMs)
  stream.on('response', headers => {
    status = Number(headers[':status'])
  })
  stream.end(body)
  try {
    const chunks: Buffer[] = []
    let byteCount = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      byteCount += chunk.length
      if (byteCount > maxAnswerBytes)
        throw new MeshError('too-large', `${action}: answer over ${maxAnswerBytes} bytes`)
      chunks.push(chunk)
    }
    if (isLate) throw new MeshError('timed-out', `${action}: no answer within ${timeoutMs} ms`)
    if (status === 0) throw new MeshError('link-closed', `${action}: connection ended before the answer`)
    return { status, value: readJson(Buffer.concat(chunks), action) }
  } catch (error) {
    if (isLate) throw new MeshError('timed-out', `${action}: no answer within ${timeoutMs} ms`)
    if (stream.rstCode === ENHANCE_YOUR_CALM) {
      throw new MeshError('too-many', `${action}: other side has too many of our requests: try again`)
    }
    throw fromNodeError(error, action)
  } finally {
    clearTimeout(timer)
    if (!stream.closed) stream.close(CANCEL)
  }
}

function readJson(bytes: Buffer, action: string): unknown {
  try {
    return bytes.length === 0 ? undefined : JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new MeshError('bad-message', `${action}: answer is not JSON`, { cause })
  }
}

function actionOf({ method, path }: Pick<JsonRequest, 'method' | 'path'>): string {
  return `Cannot ${method} ${path.split('?')[0]}`
}

/** RST_STREAM code CANCEL, RFC 9113 section 7. */
const CANCEL = 0x8
