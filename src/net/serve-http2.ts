import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Hono } from 'hono'
import { MeshError } from '../core/model/errors.ts'
import { ENHANCE_YOUR_CALM } from './flood-guard.ts'
import type { AcceptedPeer } from './http2-server.ts'
import { fromNodeError } from './node-error.ts'
import type { HeldRequest } from './request-budget.ts'
import { safeBody } from './serve-routes.ts'

/** What routes served over HTTP/2 find in `context.env`. */
export interface Http2Env {
  readonly peer: AcceptedPeer
}

/** What answers requests: an application of Hono's, or less. */
export interface Http2Answerer {
  fetch(request: Request, env: Http2Env): Response | Promise<Response>
}

/** A Hono application whose requests come from HTTP/2 streams. */
export type Http2App = Hono<{ Bindings: { peer: AcceptedPeer } }>

/** Times of one request. */
export interface Http2RequestTimes {
  /** The whole body must have come within this time. */
  readonly bodyTimeoutMs: number
  /** The whole answer must have been taken within this time. */
  readonly answerTimeoutMs: number
}

/** The times between our own parts. */
export const REQUEST_TIMES: Http2RequestTimes = { bodyTimeoutMs: 10_000, answerTimeoutMs: 30_000 }

/**
 * Answer one request stream through the application. Never throws: what goes wrong ends this stream only. A session
 * that has more requests open than its budget allows has this one reset.
 */
export async function serveHttp2(
  app: Http2Answerer,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peer: AcceptedPeer,
  times: Http2RequestTimes = REQUEST_TIMES,
): Promise<void> {
  if (stream.destroyed || stream.closed) return
  const held = peer.budget.admit()
  if (held === undefined) {
    stream.close(ENHANCE_YOUR_CALM)
    return
  }
  const closed = new Promise<void>(resolve => stream.once('close', resolve))
  try {
    const request = await readRequest(stream, headers, { held, peer, times })
    const response = await app.fetch(request, { peer })
    const answer = Buffer.from(await response.arrayBuffer())
    held.hold(answer.length)
    const answerHeaders = Object.fromEntries(response.headers)
    respond(stream, { ...TEXT, ...answerHeaders, ':status': response.status }, answer)
  } catch (error) {
    refuseStream(stream, fromNodeError(error, 'Cannot read request'))
  }
  // Whoever asks and never takes the answer must not make us keep it.
  const late = setTimeout(() => stream.close(ENHANCE_YOUR_CALM), times.answerTimeoutMs)
  await closed
  clearTimeout(late)
  held.release()
}

/** Answer a stream with an error's status and JSON, and end it. A stream that is gone is left alone. */
export function refuseStream(stream: ServerHttp2Stream, error: MeshError): void {
  const headers = { ':status': error.kind.http, 'content-type': 'application/json' }
  respond(stream, headers, Buffer.from(JSON.stringify(safeBody(error))))
}

function respond(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders, answer: Buffer): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return
  stream.respond(headers)
  // The rest of a body that nobody wants would keep the stream open.
  stream.end(answer, () => stream.readableEnded || stream.close())
}

interface Reading {
  readonly held: HeldRequest
  readonly peer: AcceptedPeer
  readonly times: Http2RequestTimes
}

async function readRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  reading: Reading,
): Promise<Request> {
  const method = String(headers[':method'])
  const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'DELETE'
  const body = hasBody ? await readBody(stream, reading) : undefined
  try {
    return new Request(`https://mesh${headers[':path']}`, {
      method,
      headers: ordinaryHeaders(headers),
      ...(body && { body }),
    })
  } catch (cause) {
    throw new MeshError('bad-message', 'Cannot read request: no such method or path can be', { cause })
  }
}

/** Without those that begin with a colon, which are the request line. */
function ordinaryHeaders(headers: IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]): [string, string][] => {
    if (name.startsWith(':') || value === undefined) return []
    return [value].flat().map(one => [name, one])
  })
}

const TEXT = { 'content-type': 'text/plain' }

function readBody(stream: ServerHttp2Stream, { held, peer, times }: Reading): Promise<Buffer<ArrayBuffer>> {
  const { maxBodyBytes } = peer.budget.limits
  const { bodyTimeoutMs } = times
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let byteCount = 0
    const stop = (error: MeshError) => {
      clearTimeout(timer)
      stream.off('data', take)
      // What is not read of a stream would keep it, when it is closed without an error.
      stream.resume()
      reject(error)
    }
    const timer = setTimeout(
      () => stop(new MeshError('too-slow', `Cannot read request: body took over ${bodyTimeoutMs} ms`)),
      bodyTimeoutMs,
    )
    const take = (chunk: Buffer) => {
      byteCount += chunk.length
      if (byteCount > maxBodyBytes) {
        stop(new MeshError('too-large', `Cannot read request: body over ${maxBodyBytes} bytes`))
        return
      }
      try {
        held.hold(chunk.length)
      } catch (error) {
        stop(fromNodeError(error, 'Cannot read request'))
        return
      }
      chunks.push(chunk)
    }
    stream.on('data', take)
    stream.once('end', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks))
    })
    stream.once('close', () =>
      stop(new MeshError('link-closed', 'Cannot read request: stream ended before its body')),
    )
  })
}
