import type { Dispatcher } from 'undici'
import { forwardResponseHeaders, type HeaderChanges } from '../core/gateway/forward-headers.ts'
import type { ExchangeTerms } from '../core/gateway/forwarding.ts'
import { MeshError } from '../core/model/errors.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { answerError } from './http-answer.ts'
import { breakResponse, type PublicRequest, type PublicResponse } from './public-server.ts'
import { hasBody, RequestBody } from './request-body.ts'
import { type RequestHandler, serviceError } from './service-streams.ts'
import { createWatchdog, type Watchdog } from './watchdog.ts'

/** What of a request goes on, and how. */
export interface Onward {
  readonly terms: ExchangeTerms
  /** Path and query for the service. */
  readonly target: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly responseHeaders: HeaderChanges
  /** Send it: what comes of it, an error too, goes to the handler. Called once for each try. */
  dispatch(request: Omit<Dispatcher.DispatchOptions, 'origin'>, handler: RequestHandler): void
}

/** A request that may be sent on to its service. */
export interface ExchangeJob extends Onward {
  readonly request: PublicRequest
  readonly response: PublicResponse
  /** The client waits for `100 Continue`. */
  readonly isExpecting: boolean
  /** End the client's connection after this answer. */
  readonly isLast: () => boolean
  readonly record: ExchangeRecord
}

/** Send a request on to its service and the answer back, both as they come. What goes wrong is answered or breaks the answer. */
export function exchange(job: ExchangeJob): void {
  new Exchange(job).send()
}

class Exchange implements RequestHandler {
  readonly #job: ExchangeJob
  readonly #watchdog: Watchdog
  #body: RequestBody | undefined
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  /** While the stream has no path. */
  #lostTimer: NodeJS.Timeout | undefined

  constructor(job: ExchangeJob) {
    this.#job = job
    this.#watchdog = createWatchdog(job.terms.timeouts.total, error => this.#fail(error))
    job.response.once('close', () => this.#clientClosed())
    job.response.on('error', () => {})
    job.request.on('error', () => {})
  }

  send(): void {
    const { request, response, terms, target, headers, isExpecting, record } = this.#job
    record.tries += 1
    if (hasBody(request)) {
      this.#body = new RequestBody(request, {
        maxBytes: terms.maxBody,
        onWanted: () => {
          if (isExpecting && !response.headersSent) response.writeContinue()
        },
        onBytes: byteCount => {
          record.bytesIn += byteCount
          this.#watchdog.touch()
        },
      })
    }
    this.#watchdog.guard(terms.timeouts.connect, 'opening a stream to the service')
    const method = request.method as Dispatcher.HttpMethod
    try {
      this.#job.dispatch(
        { method, path: target, headers: headers as string[], body: this.#body ?? null },
        this,
      )
    } catch (error) {
      this.#fail(serviceError(error))
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) {
      controller.abort(new Error('nobody wants it any more'))
      return
    }
    const { idle, firstByte } = this.#job.terms.timeouts
    if (this.#body === undefined) this.#watchdog.guard(firstByte, 'the answer')
    else this.#watchdog.guard(idle, 'the next part of the request')
  }

  /** What waits for its answer does not wait for long: the host may be gone, and there may be another. */
  onPath(isLost: boolean): void {
    clearTimeout(this.#lostTimer)
    const { request, record } = this.#job
    if (!isLost || this.#isOver || record.firstByteMs !== undefined) return
    const isRepeated = IDEMPOTENT.has(request.method ?? '') && !hasBody(request)
    const error = new MeshError('link-closed', 'Request failed: the path to the service was lost')
    this.#lostTimer = setTimeout(
      () => this.#controller?.abort(error),
      isRepeated ? LOST_REPEAT_MS : LOST_PATIENCE_MS,
    )
  }

  onRequestSent(): void {
    if (this.#body !== undefined && this.#job.record.firstByteMs === undefined)
      this.#watchdog.guard(this.#job.terms.timeouts.firstByte, 'the answer')
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const { request, response, terms, responseHeaders, isLast, record } = this.#job
    if (this.#isOver) return
    const isHttp1 = !('stream' in request)
    try {
      const forwarded = forwardResponseHeaders(headers, responseHeaders)
      if (status < 200) {
        if (status === 103) response.writeEarlyHints(forwarded)
        return
      }
      clearTimeout(this.#lostTimer)
      record.status = status
      record.firstByteMs = performance.now() - record.startedMs
      forwarded['x-request-id'] = record.id
      if (isHttp1 && isLast()) forwarded.connection = 'close'
      this.#watchdog.guard(terms.timeouts.idle, 'the next part of the answer')
      response.writeHead(status, forwarded)
      // The head does not wait for the first bytes of the body, which may be long in coming; those that came with it go
      // together with it.
      queueMicrotask(() => {
        if (record.bytesOut === 0 && !response.writableEnded && !response.destroyed) response.flushHeaders()
      })
    } catch (error) {
      controller.abort(error as Error)
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response, record } = this.#job
    record.bytesOut += chunk.length
    this.#watchdog.touch()
    if (this.#isOver || response.destroyed) return
    if (response.write(chunk)) return
    controller.pause()
    response.once('drain', () => {
      this.#watchdog.touch()
      controller.resume()
    })
  }

  onResponseEnd(
    _controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[] | undefined>,
  ): void {
    const { request, response } = this.#job
    if (this.#isOver) return
    this.#isOver = true
    this.#watchdog.guard(this.#job.terms.timeouts.idle, 'taking the answer')
    const names = Object.keys(trailers)
    if (names.length > 0) response.addTrailers(trailers as Record<string, string>)
    response.end()
    this.#body?.destroy()
    // Whatever the client still sends of a request that was answered, nobody reads.
    if (!request.complete) response.once('finish', () => endUnread(request))
  }

  onResponseError(_controller: Dispatcher.DispatchController, thrown: Error): void {
    clearTimeout(this.#lostTimer)
    const error = serviceError(this.#body?.errored ?? thrown)
    if (this.#isOver) return
    if (this.#mayRetry(error)) {
      this.#body = undefined
      this.send()
    } else this.#fail(error)
  }

  /** Only what changes nothing when it comes twice, of which nothing was answered, and whose body was not read. */
  #mayRetry(error: MeshError): boolean {
    const { request, response, terms, record } = this.#job
    if (response.headersSent || record.tries > terms.retries) return false
    return (
      IDEMPOTENT.has(request.method ?? '') &&
      error.kind.retry &&
      error.code !== 'timed-out' &&
      !hasBody(request)
    )
  }

  #fail(error: MeshError): void {
    if (this.#isOver) {
      // The answer was whole, but nobody takes it.
      breakResponse(this.#job.response)
      return
    }
    this.#isOver = true
    this.#watchdog.stop()
    clearTimeout(this.#lostTimer)
    const { request, response, record } = this.#job
    this.#controller?.abort(error)
    this.#body?.destroy()
    answerError(request, response, error, record)
  }

  #clientClosed(): void {
    this.#watchdog.stop()
    clearTimeout(this.#lostTimer)
    if (this.#isOver) return
    this.#isOver = true
    this.#job.record.error = 'client-gone'
    this.#controller?.abort(new Error('the client is gone'))
    this.#body?.destroy()
  }
}

function endUnread(request: PublicRequest): void {
  if ('stream' in request) request.stream.close()
  else request.socket.destroySoon()
}

/** A request that may be repeated is, when its stream has no path for so long before anything was answered. */
const LOST_REPEAT_MS = 2_000
/** Any other is given up then: its answer may still come when the path is back. */
const LOST_PATIENCE_MS = 15_000
/** Methods whose repetition changes nothing, RFC 9110 section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
