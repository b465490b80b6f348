import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { forwardResponseHeaders } from '../core/gateway/forward-headers.ts'
import type { MeshError } from '../core/model/errors.ts'
import { answerUpgrade, type PublicRequest, type PublicResponse } from '../net/public-server.ts'
import { type ServiceStreams, serviceError } from '../net/service-streams.ts'
import { splice } from '../net/splice.ts'
import type { AccessRecord } from './access-record.ts'
import type { Admitted, Entrance, EntranceDoor } from './entrance.ts'
import { createWatchdog } from './watchdog.ts'

/** Joins WebSockets of the public to services. */
export interface WebSockets {
  /** One by HTTP/1.1. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, door: EntranceDoor): void
  /** One by HTTP/2, RFC 8441. */
  connect(request: Http2ServerRequest, response: Http2ServerResponse, door: EntranceDoor): void
  readonly openCount: number
  /** Break all. */
  close(): void
}

/** What the two ways to ask differ in. */
interface Asker {
  readonly request: PublicRequest
  /** For an answer that is no WebSocket. */
  readonly response: () => PublicResponse
  /** Say yes. @returns what carries it from then on */
  accept(headers: Record<string, string | string[]>): Duplex
}

/** Make them. */
export function createWebSockets(entrance: Entrance, streams: ServiceStreams): WebSockets {
  const open = new Set<() => void>()

  function join(
    asker: Asker,
    record: AccessRecord,
    { route, target, headers, responseHeaders }: Admitted,
  ): void {
    record.tries = 1
    let controller: Dispatcher.DispatchController | undefined
    let isOver = false
    const fail = (error: MeshError) => {
      if (isOver) return
      isOver = true
      watchdog.stop()
      controller?.abort(error)
      entrance.refuse(asker.request, asker.response(), record, error)
    }
    const watchdog = createWatchdog(0, fail)
    watchdog.guard(route.timeouts.connect + route.timeouts.firstByte, 'opening a WebSocket')
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started
        if (isOver) started.abort(new Error('nobody wants it any more'))
      },
      onRequestUpgrade(_controller, _status, given, far) {
        if (isOver) return void far.destroy()
        isOver = true
        record.status = 101
        record.firstByteMs = performance.now() - record.startedMs
        const near = asker.accept(forwardResponseHeaders(given, responseHeaders))
        const joined = splice(near, far)
        open.add(joined.cut)
        const idle = createWatchdog(0, () => joined.cut())
        idle.guard(route.timeouts.idle, 'a WebSocket')
        for (const side of [near, far]) side.on('data', () => idle.touch())
        near.on('data', (chunk: Buffer) => {
          record.bytesIn += chunk.length
        })
        far.on('data', (chunk: Buffer) => {
          record.bytesOut += chunk.length
        })
        watchdog.stop()
        void joined.closed.then(() => {
          idle.stop()
          open.delete(joined.cut)
          entrance.end(record)
        })
      },
      onResponseStart(_controller, status, given) {
        if (isOver || status < 200) return
        isOver = true
        watchdog.stop()
        record.status = status
        const response = asker.response()
        const forwarded = forwardResponseHeaders(given, responseHeaders)
        response.writeHead(status, forwarded)
        handler.onResponseData = (_, chunk) => void response.write(chunk)
        handler.onResponseEnd = () => void response.end()
        handler.onResponseError = () => response.destroy()
      },
      onResponseError: (_controller, error) => fail(serviceError(error)),
      onResponseData() {},
      onResponseEnd() {},
    }
    const { connect } = route.timeouts
    const request = { method: 'GET', path: target, headers, upgrade: 'websocket' } as const
    try {
      streams.dispatch(route.service, connect, request, handler)
    } catch (error) {
      fail(serviceError(error))
    }
  }

  function ask(asker: Asker, door: EntranceDoor, more: readonly string[] = []): void {
    const record = entrance.begin(asker.request, door)
    entrance.admit(asker.request, record).then(
      admitted => join(asker, record, { ...admitted, headers: [...admitted.headers, ...more] }),
      error => entrance.refuse(asker.request, asker.response(), record, error),
    )
  }

  return {
    upgrade(request, socket, head, door) {
      socket.on('error', () => {})
      let answer: PublicResponse | undefined
      const response = () => {
        answer ??= answerUpgrade(request, socket)
        return answer
      }
      const accept = (headers: Record<string, string | string[]>) => {
        const lines = Object.entries(headers).flatMap(([name, value]) =>
          [value].flat().map(one => `${name}: ${one}`),
        )
        socket.write(
          [
            'HTTP/1.1 101 Switching Protocols',
            'upgrade: websocket',
            'connection: upgrade',
            ...lines,
            '\r\n',
          ].join('\r\n'),
        )
        if (head.length > 0) socket.unshift(head)
        return socket
      }
      ask({ request, response, accept }, door)
    },
    connect(request, response, door) {
      if (request.headers[':protocol'] !== 'websocket') {
        response.writeHead(501).end()
        return
      }
      const accept = (headers: Record<string, string | string[]>) => {
        const { 'sec-websocket-accept': _, ...rest } = headers
        response.stream.respond({ ':status': 200, ...rest })
        return response.stream
      }
      // HTTP/2 has no such key: it proves that a server knows WebSockets, which `:protocol` does.
      ask({ request, response: () => response as unknown as PublicResponse, accept }, door, [
        'sec-websocket-key',
        randomBytes(16).toString('base64'),
      ])
    },
    get openCount() {
      return open.size
    },
    close() {
      for (const cut of open) cut()
    },
  }
}
