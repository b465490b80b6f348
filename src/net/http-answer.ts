import { publicError } from '../core/gateway/public-error.ts'
import type { MeshError } from '../core/model/errors.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { breakResponse, type PublicRequest, type PublicResponse } from './public-server.ts'

/**
 * Answer with an error, or break the answer that has begun. A request whose body was not read ends its connection.
 *
 * @param headers  further ones: `www-authenticate`, `retry-after`
 */
export function answerError(
  request: PublicRequest,
  response: PublicResponse,
  error: MeshError,
  record: ExchangeRecord,
  headers: Record<string, string> = {},
): void {
  record.error = error.code
  if (response.headersSent || response.destroyed) {
    breakResponse(response)
    return
  }
  const { status, body, retryAfter } = publicError(error, { requestId: record.id })
  const text = JSON.stringify(body)
  sendAnswer(request, response, record, {
    status,
    headers: {
      'content-type': 'application/json',
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      ...headers,
    },
    body: text,
  })
}

/** Send an answer of one's own. */
export function sendAnswer(
  request: PublicRequest,
  response: PublicResponse,
  record: ExchangeRecord,
  answer: { status: number; headers: Record<string, string>; body?: string },
): void {
  const { status, headers, body = '' } = answer
  record.status = status
  const isHttp1 = !('stream' in request)
  const all: Record<string, string> = {
    ...headers,
    'x-request-id': record.id,
    ...(status !== 204 && { 'content-length': String(Buffer.byteLength(body)) }),
    ...(isHttp1 && !request.complete && { connection: 'close' }),
  }
  response.writeHead(status, all)
  // Whatever still comes of it, nobody reads.
  if (!isHttp1 && !request.complete) response.once('finish', () => request.stream.close())
  response.end(request.method === 'HEAD' ? '' : body)
}
