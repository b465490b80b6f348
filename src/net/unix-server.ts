import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { MeshError } from '../core/model/errors.ts'
import { endGently } from './end-gently.ts'
import { HTTP1_OPTIONS, MAX_HTTP1_CONNECTIONS } from './http1-limits.ts'
import { listen } from './hub-port.ts'
import { safeBody } from './serve-routes.ts'

/**
 * Serve an application on a unix socket that only its owner may use.
 *
 * A socket left behind by a killed process is replaced: whoever calls this holds the lock of the folder.
 *
 * @param onUpgrade  hears of requests for a stream of bytes; without it they are refused
 * @throws MeshError `not-permitted`, `bad-input`
 */
export async function serveUnixSocket(
  app: Hono,
  path: string,
  onUpgrade?: (request: UpgradeRequest) => void,
): Promise<AsyncDisposable> {
  const server = createHttp1Server(app)
  // The server itself forgets a connection that left HTTP, but waits for its end.
  const streams = new Set<Duplex>()
  if (onUpgrade !== undefined)
    server.on('upgrade', (request, socket, head) => {
      streams.add(socket)
      socket.once('close', () => streams.delete(socket))
      upgrade(request, socket, head, onUpgrade)
    })
  if (process.platform === 'win32') await listen(server, { path })
  else {
    await rm(path, { force: true })
    // Between its making and a chmod anybody could connect; the mask leaves no such moment.
    const mask = process.umask(0o177)
    try {
      await listen(server, { path })
    } finally {
      process.umask(mask)
    }
    await chmod(path, 0o600)
  }
  return {
    async [Symbol.asyncDispose]() {
      const closed = closeServer(server)
      for (const stream of streams) stream.destroy()
      await closed
      await rm(path, { force: true })
    },
  }
}

/** A request to leave HTTP and go on with bytes both ways; RFC 9110, section 7.8. */
export interface UpgradeRequest {
  readonly path: string
  /** Say yes. @returns the stream of bytes */
  accept(): Duplex
  refuse(error: MeshError): void
}

function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  onUpgrade: (request: UpgradeRequest) => void,
) {
  socket.on('error', () => {})
  if (head.length > 0) socket.unshift(head)
  const say = (status: string, ...lines: string[]) => [`HTTP/1.1 ${status}`, ...lines, '', ''].join('\r\n')
  const refuse = (error: MeshError) => {
    const body = JSON.stringify(safeBody(error))
    const lines = [
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ]
    socket.write(say(`${error.kind.http} Refused`, ...lines) + body)
    endGently(socket)
  }
  if (request.headers.upgrade !== STREAM_PROTOCOL) {
    refuse(new MeshError('bad-input', `Cannot upgrade: only to ${STREAM_PROTOCOL}`))
    return
  }
  onUpgrade({
    path: request.url ?? '/',
    accept() {
      socket.write(say('101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${STREAM_PROTOCOL}`))
      return socket
    },
    refuse,
  })
}

/** The name of plain bytes, both ways, in an upgrade. */
export const STREAM_PROTOCOL = 'ztm-stream'

/** An HTTP/1.1 server for an application, with its limits set; it does not listen yet. */
export function createHttp1Server(app: Hono, options: ServerOptions = {}): Server {
  const serverOptions = { ...HTTP1_OPTIONS, ...options }
  const server = createAdaptorServer({ fetch: app.fetch, createServer, serverOptions }) as Server
  server.maxConnections = MAX_HTTP1_CONNECTIONS
  return server
}

/** Stop a server and the connections it has. */
export function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
