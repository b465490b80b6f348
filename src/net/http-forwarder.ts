import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type {
  Forwarding,
  ForwardLimits,
  ForwardRecord,
  HttpTarget,
  RequestHead,
} from '../core/gateway/forwarding.ts'
import { hostsOf } from '../core/gateway/request-host.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { answerError } from './http-answer.ts'
import { exchange, type Onward } from './http-exchange.ts'
import { MAX_PUBLIC_HEADERS, type PublicRequest, type PublicResponse } from './public-server.ts'
import { tooLarge } from './request-body.ts'
import { serviceError } from './service-streams.ts'
import { createStreamHttpServer, type StreamHttpServer } from './stream-http-server.ts'
import { createTargetStreams, type TargetStreams } from './target-streams.ts'
import { dispatchInTurn } from './target-tries.ts'
import { createWebSockets, type WebSockets } from './web-socket.ts'

// What apps see of it is declared by their own side, in sdk/app.ts: the types here are what fits there.

/** How a forwarder is made. */
export interface HttpForwarderOptions<C extends object> {
  readonly limits: ForwardLimits
  /**
   * Where a request goes. @param caller  as `accept` was given it
   * @throws MeshError why nowhere: it is answered with the status that fits, and its message where it is the caller's fault
   */
  decide(request: RequestHead, caller: C): Forwarding
  onDone(record: ForwardRecord, caller: C): void
  onBug(error: MeshError): void
}

/** Speaks HTTP on streams, and passes their requests on. */
export interface HttpForwarder<C extends object> extends AsyncDisposable {
  accept(stream: Duplex, caller: C): void
  readonly streamCount: number
  readonly openCount: number
  probe(target: HttpTarget, question: ProbeQuestion): Promise<number>
}

/** A request of one's own. */
export interface ProbeQuestion {
  readonly path: string
  /** Names and values in turn, `host` first. */
  readonly headers: readonly string[]
  readonly timeoutMs: number
}

/** Make one. */
export function createHttpForwarder<C extends object>(options: HttpForwarderOptions<C>): HttpForwarder<C> {
  return new StreamForwarder(options)
}

interface OpenRecord<C> extends ExchangeRecord {
  readonly caller: C
  readonly method: string
  readonly host: string
  readonly path: string
  readonly protocol: string
  route: string | undefined
  target: HttpTarget | undefined
}

class StreamForwarder<C extends object> implements HttpForwarder<C> {
  readonly #options: HttpForwarderOptions<C>
  readonly #server: StreamHttpServer<C>
  readonly #streams: TargetStreams
  readonly #webSockets: WebSockets<undefined>
  readonly #prefix = randomBytes(6).toString('base64url')
  #count = 0
  #openCount = 0
  #isDisposed = false

  constructor(options: HttpForwarderOptions<C>) {
    this.#options = options
    this.#streams = createTargetStreams(options.limits.maxConnectionsPerTarget)
    this.#webSockets = createWebSockets<undefined, OpenRecord<C>>({
      begin: request => this.#begin(request),
      admit: async (request, record) => this.#admit(request, record),
      refuse: (...refusal) => this.#refuse(...refusal),
      end: record => this.#end(record),
    })
    this.#server = createStreamHttpServer<C>(
      {
        onRequest: (request, response, isExpecting) => this.#take(request, response, isExpecting),
        onUpgrade: (request, socket, head) => this.#webSockets.upgrade(request, socket, head, undefined),
        onConnect: (request, response) => this.#webSockets.connect(request, response, undefined),
        onGarbage: () => {},
      },
      options.limits,
    )
  }

  accept(stream: Duplex, caller: C): void {
    this.#server.accept(stream, caller)
  }

  get streamCount(): number {
    return this.#server.streamCount
  }

  get openCount(): number {
    return this.#openCount
  }

  probe(target: HttpTarget, { path, headers, timeoutMs }: ProbeQuestion): Promise<number> {
    return new Promise((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined
      let byteCount = 0
      const timer = setTimeout(() => {
        reject(new MeshError('timed-out', `Cannot check ${path}: no answer within ${timeoutMs} ms`))
        controller?.abort(new Error('too late'))
      }, timeoutMs)
      const request = { method: 'GET' as const, path, headers: [...headers] }
      this.#streams.dispatch(target, timeoutMs, request, {
        onRequestStart(given) {
          controller = given
        },
        onResponseStart(_, status) {
          clearTimeout(timer)
          if (status >= 200) resolve(status)
        },
        onResponseData(given, chunk) {
          byteCount += chunk.length
          if (byteCount > MAX_PROBE_BYTES) given.abort(new Error('enough'))
        },
        onResponseEnd() {},
        onResponseError(_, error) {
          clearTimeout(timer)
          reject(serviceError(error))
        },
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    this.#webSockets.close()
    this.#server.destroy()
    await this.#streams.close()
  }

  #begin(request: PublicRequest): OpenRecord<C> {
    const { rawHeaders, url = '', method = '', httpVersion } = request
    const caller = this.#server.callerOf(request)
    const query = url.indexOf('?')
    this.#count += 1
    this.#openCount += 1
    return {
      id: `${this.#prefix}-${this.#count.toString(36)}`,
      startedMs: performance.now(),
      caller,
      method,
      host: hostsOf(rawHeaders)[0] ?? '',
      path: query === -1 ? url : url.slice(0, query),
      protocol: httpVersion === '2.0' ? 'h2' : `http/${httpVersion}`,
      route: undefined,
      target: undefined,
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
      firstByteMs: undefined,
      tries: 0,
      error: undefined,
    }
  }

  #take(request: PublicRequest, response: PublicResponse, isExpecting: boolean): void {
    const record = this.#begin(request)
    response.once('close', () => queueMicrotask(() => this.#end(record)))
    try {
      const onward = this.#admit(request, record)
      exchange({ ...onward, request, response, isExpecting, isLast: () => this.#isDisposed, record })
    } catch (thrown) {
      this.#refuse(request, response, record, thrown)
    }
  }

  #admit(request: PublicRequest, record: OpenRecord<C>): Onward {
    const { rawHeaders, method = '', url = '', httpVersion } = request
    if (rawHeaders.length / 2 > MAX_PUBLIC_HEADERS)
      throw new MeshError('too-large', `Cannot take request: over ${MAX_PUBLIC_HEADERS} headers`)
    // It would show the caller what was added for the target.
    if (method === 'TRACE') throw new MeshError('unsupported', 'Cannot take request: no TRACE here')
    const { decide } = this.#options
    const forwarding = decide({ method, url, headers: rawHeaders, httpVersion }, record.caller)
    const { terms, path, headers, responseHeaders, route } = forwarding
    record.route = route
    if (Number(request.headers['content-length'] ?? 0) > terms.maxBody) throw tooLarge(terms.maxBody)
    const all = [...headers, 'x-request-id', record.id]
    const dispatch = dispatchInTurn(this.#streams, forwarding, target => {
      record.target = target
    })
    return { terms, target: path, headers: all, responseHeaders, dispatch }
  }

  #refuse(request: PublicRequest, response: PublicResponse, record: OpenRecord<C>, thrown: unknown): void {
    const error = toMeshError(thrown)
    if (error.code === 'bug') this.#options.onBug(error)
    answerError(request, response, error, record)
  }

  #end(record: OpenRecord<C>): void {
    this.#openCount -= 1
    const { id: _, startedMs, caller, ...rest } = record
    this.#options.onDone({ ...rest, durationMs: performance.now() - startedMs }, caller)
  }
}

/** What is read of the answer to a check, so that its connection can be used again. */
const MAX_PROBE_BYTES = 65_536
