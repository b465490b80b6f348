import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { forwardResponseHeaders } from '../core/gateway/forward-headers.ts'
import { MeshError } from '../core/model/errors.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import type { Onward } from './http-exchange.ts'
import { answerUpgrade, type PublicRequest, type PublicResponse } from './public-server.ts'
import { type RequestHandler, serviceError } from './service-streams.ts'
import { type Splice, splice } from './splice.ts'
import { createWatchdog } from './watchdog.ts'

/** Who decides about requests for WebSockets. @typeParam D  what is known of where they come in */
export interface UpgradeEntrance<D, R extends ExchangeRecord> {
  /** Begin the record of a request. */
  begin(request: PublicRequest, door: D): R
  /** Check a request. @throws MeshError why it gets none */
  admit(request: PublicRequest, record: R): Promise<Onward>
  /** Answer a request that is not let in. */
  refuse(request: PublicRequest, response: PublicResponse, record: R, thrown: unknown): void
  end(record: R): void
}

/** Joins WebSockets of the public to services. */
export interface WebSockets<D> {
  /** One by HTTP/1.1. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, door: D): void
  /** One by HTTP/2, RFC 8441. */
  connect(request: Http2ServerRequest, response: Http2ServerResponse, door: D): void
  readonly openCount: number
  /** Break all. */
  close(): void
}

type Headers = Record<string, string | string[]>

/** What the two ways to ask differ in. */
interface Asker {
  readonly request: PublicRequest
  /** Closes when the client is gone. */
  readonly carrier: Duplex
  /** For an answer that is no WebSocket. Once. */
  readonly response: () => PublicResponse
  /** Say yes. @returns what carries it from then on */
  accept(headers: Headers): Duplex
}

/** Make them. */
export function createWebSockets<D, R extends ExchangeRecord>(
  entrance: UpgradeEntrance<D, R>,
): WebSockets<D> {
  const open = new Set<Splice>()

  function ask(asker: Asker, door: D, more: readonly string[] = []): void {
    const record = entrance.begin(asker.request, door)
    let isEnded = false
    const end = () => {
      if (!isEnded) entrance.end(record)
      isEnded = true
    }
    // Whatever becomes of it, this comes last: after whoever else hears of it.
    asker.carrier.once('close', () => queueMicrotask(end))
    entrance.admit(asker.request, record).then(
      admitted => {
        if (!asker.carrier.destroyed)
          join(asker, record, { ...admitted, headers: [...admitted.headers, ...more] })
      },
      error => {
        if (!asker.carrier.destroyed) entrance.refuse(asker.request, asker.response(), record, error)
      },
    )
  }

  function join(asker: Asker, record: R, admitted: Onward): void {
    const { target, headers } = admitted
    record.tries = 1
    const handler = new Handshake(asker, record, admitted, {
      onJoined(joined) {
        open.add(joined)
        void joined.closed.then(() => open.delete(joined))
      },
      onFailed: error => entrance.refuse(asker.request, asker.response(), record, error),
    })
    const request = {
      method: 'GET',
      path: target,
      headers: headers as string[],
      upgrade: 'websocket',
    } as const
    try {
      admitted.dispatch(request, handler)
    } catch (error) {
      handler.fail(serviceError(error))
    }
  }

  return {
    upgrade(request, socket, head, door) {
      socket.on('error', () => {})
      const accept = (headers: Headers) => {
        const named = Object.entries(headers).flatMap(([name, value]) =>
          [value].flat().map(one => `${name}: ${one}`),
        )
        socket.write([...SWITCHING, ...named, '\r\n'].join('\r\n'), 'latin1')
        if (head.length > 0) socket.unshift(head)
        return socket
      }
      ask({ request, carrier: socket, response: () => answerUpgrade(request, socket), accept }, door)
    },
    connect(request, response, door) {
      const { stream } = response
      stream.on('error', () => {})
      if (request.headers[':protocol'] !== 'websocket') {
        response.writeHead(501).end()
        return
      }
      const accept = ({ 'sec-websocket-accept': _, ...headers }: Headers) => {
        stream.respond({ ':status': 200, ...headers })
        return stream
      }
      const answer = () => response as unknown as PublicResponse
      // HTTP/2 has no such key: it proves that a server knows WebSockets, which `:protocol` does.
      const key = ['sec-websocket-key', randomBytes(16).toString('base64')]
      ask({ request, carrier: stream, response: answer, accept }, door, key)
    },
    get openCount() {
      return open.size
    },
    close() {
      for (const joined of open) joined.cut()
    },
  }
}

interface HandshakeEvents {
  onJoined(joined: Splice): void
  onFailed(error: MeshError): void
}

/** Asks the service for a WebSocket, and joins the two or passes its refusal on. */
class Handshake implements RequestHandler {
  readonly #asker: Asker
  readonly #record: ExchangeRecord
  readonly #admitted: Onward
  readonly #events: HandshakeEvents
  readonly #watchdog
  #controller: Dispatcher.DispatchController | undefined
  #response: PublicResponse | undefined
  #isOver = false

  constructor(asker: Asker, record: ExchangeRecord, admitted: Onward, events: HandshakeEvents) {
    this.#asker = asker
    this.#record = record
    this.#admitted = admitted
    this.#events = events
    const { connect, firstByte } = admitted.terms.timeouts
    this.#watchdog = createWatchdog(0, error => this.fail(error))
    this.#watchdog.guard(connect + firstByte, 'opening a WebSocket')
    asker.carrier.once('close', this.#gone)
  }

  fail(error: MeshError): void {
    if (this.#isOver) return
    this.#end()
    this.#controller?.abort(error)
    this.#events.onFailed(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(new Error('nobody wants it any more'))
  }

  /** A client that is refused asks again, which may lead to another host. */
  onPath(isLost: boolean): void {
    if (isLost)
      this.fail(new MeshError('link-closed', 'Cannot open WebSocket: the path to the service was lost'))
  }

  onRequestUpgrade(_: Dispatcher.DispatchController, _status: number, headers: Headers, far: Duplex): void {
    if (this.#isOver) return void far.destroy()
    this.#end()
    const record = this.#record
    const { terms, responseHeaders } = this.#admitted
    record.status = 101
    record.firstByteMs = performance.now() - record.startedMs
    const near = this.#asker.accept(forwardResponseHeaders(headers, responseHeaders))
    const joined = splice(near, far)
    const idle = createWatchdog(0, () => joined.cut())
    idle.guard(terms.timeouts.idle, 'a WebSocket')
    near.on('data', (chunk: Buffer) => {
      record.bytesIn += chunk.length
      idle.touch()
    })
    far.on('data', (chunk: Buffer) => {
      record.bytesOut += chunk.length
      idle.touch()
    })
    void joined.closed.then(() => idle.stop())
    this.#events.onJoined(joined)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (this.#isOver || status < 200) return
    this.#end()
    this.#record.status = status
    this.#response = this.#asker.response()
    this.#response.writeHead(status, forwardResponseHeaders(headers, this.#admitted.responseHeaders))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#record.bytesOut += chunk.length
    if (this.#response?.write(chunk) !== false) return
    controller.pause()
    this.#response.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.#response?.end()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#response === undefined) this.fail(serviceError(error))
    else this.#response.destroy()
  }

  readonly #gone = (): void => {
    this.#end()
    this.#record.error = 'client-gone'
    this.#controller?.abort(new Error('the client is gone'))
  }

  #end(): void {
    this.#isOver = true
    this.#watchdog.stop()
    this.#asker.carrier.off('close', this.#gone)
  }
}

const SWITCHING = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: upgrade']
