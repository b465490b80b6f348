import type { z } from 'zod'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import type { EdgeRoute } from '../../core/edge/edge-route.ts'
import { parseStrictJson } from '../../core/edge/strict-json.ts'

/**
 * Read and check the body of a request, as its route wants it.
 *
 * @param maxBytes  what is longer is not read to its end
 * @throws EdgeError INVALID_CONTENT_TYPE, REQUEST_ENTITY_TOO_LARGE, COULD_NOT_PARSE_BODY, COULD_NOT_VALIDATE, TIMEOUT,
 *   COULD_NOT_READ_BODY
 */
export async function readEdgeBody(route: EdgeRoute, request: Request, maxBytes: number): Promise<unknown> {
  if (route.body === undefined) return undefined
  const type = (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase()
  const isPem = route.takesPem === true && PEM_TYPES.has(type ?? '')
  const bytes = await readBytes(request, maxBytes)
  if (bytes.length > 0 && !isPem && type !== 'application/json') {
    throw new EdgeError('INVALID_CONTENT_TYPE', 'The body has to be application/json')
  }
  const text = decode(bytes)
  if (isPem) return checkShape(route.body, { clientCsr: text })
  if (bytes.length === 0 && route.isBodyOptional !== true) {
    throw new EdgeError('COULD_NOT_PARSE_BODY', 'The body of the request is missing')
  }
  return checkShape(route.body, bytes.length === 0 ? {} : parseStrictJson(text))
}

/** The value as the shape reads it. @throws EdgeError COULD_NOT_VALIDATE that names the first field at fault */
export function checkShape<S extends z.ZodType>(shape: S, value: unknown): z.output<S> {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.') || 'body'
  if (issue?.code === 'unrecognized_keys') {
    throw fieldError([...issue.path, issue.keys[0]].join('.'), 'there is no such field')
  }
  const given = valueAt(value, issue?.path ?? [])
  const reason = given === undefined ? 'is required' : (issue?.message ?? 'is not of its form')
  throw fieldError(field, reason, typeof given === 'object' ? undefined : given)
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value
  for (const key of path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key]
  return found
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(request.headers.get('content-length') ?? 0)
  if (announced > maxBytes) throw tooLarge(maxBytes)
  const reader = request.body?.getReader()
  if (reader === undefined) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let byteCount = 0
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new EdgeError('TIMEOUT', 'The body took too long')), BODY_TIMEOUT_MS)
  })
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late])
      if (done) return Buffer.concat(chunks)
      byteCount += value.length
      if (byteCount > maxBytes) throw tooLarge(maxBytes)
      chunks.push(value)
    }
  } catch (error) {
    reader.cancel().catch(() => {})
    if (error instanceof EdgeError) throw error
    throw new EdgeError('COULD_NOT_READ_BODY', 'The body of the request could not be read')
  } finally {
    clearTimeout(timer)
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new EdgeError('COULD_NOT_PARSE_BODY', 'The body of the request cannot be parsed: not UTF-8')
  }
}

function tooLarge(maxBytes: number): EdgeError {
  return new EdgeError('REQUEST_ENTITY_TOO_LARGE', `The body of the request is over ${maxBytes} bytes`)
}

const PEM_TYPES: ReadonlySet<string> = new Set(['application/x-pem-file', 'application/pkcs10', 'text/plain'])

/** The whole body of a request must have come within this time. */
export const BODY_TIMEOUT_MS = 10_000
