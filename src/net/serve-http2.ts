import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Hono } from 'hono'
import { MeshError } from '../core/model/errors.ts'
import type { AcceptedPeer } from './http2-server.ts'
import { fromNodeError } from './node-error.ts'

/** What routes served over HTTP/2 find in `context.env`. */
export interface Http2Env {
  readonly peer: AcceptedPeer
}

/** A Hono application whose requests come from HTTP/2 streams. */
export type Http2App = Hono<{ Bindings: { peer: AcceptedPeer } }>

/** Limits of one request. */
export interface Http2RequestLimits {
  readonly maxBodyBytes: number
  /** The whole body must have come within this time. */
  readonly bodyTimeoutMs: number
}

/** Default limits of a request between our own parts. */
export const REQUEST_LIMITS: Http2RequestLimits = { maxBodyBytes: 262_144, bodyTimeoutMs: 10_000 }

/**
 * Answer one request stream through the application. Never throws: what goes wrong ends this stream only.
 */
export async function serveHttp2(
  app: Http2App,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peer: AcceptedPeer,
  limits: Http2RequestLimits = REQUEST_LIMITS,
): Promise<void> {
  try {
    const method = String(headers[':method'])
    const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'DELETE'
    const body = hasBody ? await readBody(stream, limits) : undefined
    const request = new Request(`https://mesh${headers[':path']}`, {
      method,
      ...(headers['content-type'] && { headers: { 'content-type': headers['content-type'] } }),
      ...(body && { body }),
    })
    const response = await app.fetch(request, { peer })
    const answer = Buffer.from(await response.arrayBuffer())
    if (stream.destroyed) return
    stream.respond({
      ':status': response.status,
      'content-type': response.headers.get('content-type') ?? 'text/plain',
    })
    stream.end(answer)
  } catch (error) {
    refuseStream(stream, fromNodeError(error, 'Cannot read request'))
  }
}

/** Answer a stream with an error's status and JSON, and end it. */
export function refuseStream(stream: ServerHttp2Stream, error: MeshError): void {
  if (stream.destroyed || stream.headersSent) return
  stream.respond({ ':status': error.kind.http, 'content-type': 'application/json' })
  stream.end(JSON.stringify(error.toBody()))
}

async function readBody(stream: ServerHttp2Stream, limits: Http2RequestLimits): Promise<Buffer<ArrayBuffer>> {
  const timer = setTimeout(
    () =>
      stream.destroy(
        new MeshError('too-slow', `Cannot read request: body took over ${limits.bodyTimeoutMs} ms`),
      ),
    limits.bodyTimeoutMs,
  )
  const chunks: Buffer[] = []
  let byteCount = 0
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      byteCount += chunk.length
      if (byteCount > limits.maxBodyBytes) {
        throw new MeshError('too-large', `Cannot read request: body over ${limits.maxBodyBytes} bytes`)
      }
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks)
}
