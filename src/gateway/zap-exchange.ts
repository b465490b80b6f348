import { once } from 'node:events'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { answerError, sendAnswer } from '../net/http-answer.ts'
import type { PublicRequest, PublicResponse } from '../net/public-server.ts'
import { hasBody, RequestBody } from '../net/request-body.ts'
import { serviceError } from '../net/service-streams.ts'
import type { AccessRecord } from './access-record.ts'
import type { LiveRoute } from './live-routes.ts'
import type { ZapClients } from './zap-clients.ts'
import type { ZapForm } from './zap-forms.ts'

/** A request that becomes a call. */
export interface ZapJob {
  readonly request: PublicRequest
  readonly response: PublicResponse
  readonly route: LiveRoute
  readonly form: ZapForm
  /** Of the path. */
  readonly parameters: Readonly<Record<string, string>>
  /** Path and query. */
  readonly target: string
  readonly isExpecting: boolean
  readonly record: AccessRecord
  readonly clients: ZapClients
}

/**
 * Make a call of a request, and its result the answer: JSON, or for a stream events or lines of JSON as they come. The call
 * is cancelled when the client goes away.
 */
export function callZap(job: ZapJob): void {
  const giveUp = new AbortController()
  job.response.once('close', () => giveUp.abort(new MeshError('link-closed', 'The client is gone')))
  job.response.on('error', () => {})
  job.request.on('error', () => {})
  run(job, giveUp.signal).catch(thrown => {
    if (!job.response.destroyed) answerError(job.request, job.response, toMeshError(thrown), job.record)
    else job.record.error = 'client-gone'
  })
}

async function run(job: ZapJob, signal: AbortSignal): Promise<void> {
  const { request, response, route, form, record, clients } = job
  const { connect, firstByte, total } = route.timeouts
  const params = form.params(await readParams(job))
  record.tries = 1
  const client = await clients.client(route.service, connect).catch(error => {
    throw serviceError(error)
  })
  if (form.stream !== undefined) {
    const options = { signal, ...(total > 0 && { deadlineMs: total }) }
    return await answerStream(job, form.stream, client.stream(form.method, params, options))
  }
  const limits = [firstByte, total].filter(limit => limit > 0)
  const options = { signal, ...(limits.length > 0 && { deadlineMs: Math.min(...limits) }) }
  const body = form.result(await client.call(form.method, params, options))
  record.firstByteMs = performance.now() - record.startedMs
  record.bytesOut = Buffer.byteLength(body)
  sendAnswer(request, response, record, {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body,
  })
}

/** Params from the body, or of a GET from the query; those of the path over both. */
async function readParams(job: ZapJob): Promise<unknown> {
  const { request, parameters, target } = job
  const named = Object.keys(parameters).length > 0
  if (request.method === 'GET') {
    const query = target.indexOf('?')
    const entries = query === -1 ? [] : [...new URLSearchParams(target.slice(query + 1))]
    return { ...Object.fromEntries(entries), ...parameters }
  }
  if (request.method !== 'POST')
    throw new MeshError('bad-input', 'Cannot take request: calls are POST or GET')
  const body = await readBody(job)
  if (!named) return body
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new MeshError('bad-input', 'Cannot read request: its body must be an object')
  }
  return { ...body, ...parameters }
}

async function readBody({ request, response, route, isExpecting, record }: ZapJob): Promise<unknown> {
  if (!hasBody(request)) return {}
  const chunks: Buffer[] = []
  const body = new RequestBody(request, {
    maxBytes: Math.min(route.maxBody, MAX_CALL_BODY_BYTES),
    onWanted: () => {
      if (isExpecting) response.writeContinue()
    },
    onBytes: byteCount => {
      record.bytesIn += byteCount
    },
  })
  const { idle } = route.timeouts
  const timer =
    idle === 0
      ? undefined
      : setTimeout(() => body.destroy(new MeshError('too-slow', `Request not whole in ${idle} ms`)), idle)
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk)
  } finally {
    clearTimeout(timer)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (cause) {
    throw new MeshError('bad-input', 'Cannot read request: its body is not JSON', { cause })
  }
}

async function answerStream(
  job: ZapJob,
  kind: 'sse' | 'ndjson',
  items: AsyncIterable<unknown>,
): Promise<void> {
  const { response, form, record } = job
  const isSse = kind === 'sse'
  const begin = () => {
    record.status = 200
    record.firstByteMs = performance.now() - record.startedMs
    response.writeHead(200, {
      'content-type': isSse ? 'text/event-stream' : 'application/x-ndjson',
      'cache-control': 'no-store',
      'x-request-id': record.id,
    })
  }
  try {
    for await (const item of items) {
      if (!response.headersSent) begin()
      const text = form.result(item)
      const bytes = Buffer.from(isSse ? `data: ${text}\n\n` : `${text}\n`)
      record.bytesOut += bytes.length
      if (!response.write(bytes)) await Promise.race([once(response, 'drain'), once(response, 'close')])
    }
  } catch (thrown) {
    // Once an answer has begun its status stands: events can tell what went wrong, lines can only break off.
    if (!isSse || !response.headersSent || response.destroyed) throw thrown
    const { code, message } = toMeshError(thrown)
    record.error = code
    response.write(Buffer.from(`event: error\ndata: ${JSON.stringify({ code, message })}\n\n`))
  }
  if (!response.headersSent) begin()
  response.end()
}

/** Frames of ZAP take 16 MiB; some of it is the envelope's. */
const MAX_CALL_BODY_BYTES = 16_773_120
