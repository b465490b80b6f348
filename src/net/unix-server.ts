import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { HTTP1_OPTIONS, MAX_HTTP1_CONNECTIONS } from './http1-limits.ts'
import { listen } from './hub-port.ts'

/**
 * Serve an application on a unix socket that only its owner may use.
 *
 * A socket left behind by a killed process is replaced: whoever calls this holds the lock of the folder.
 *
 * @throws MeshError `not-permitted`, `bad-input`
 */
export async function serveUnixSocket(app: Hono, path: string): Promise<AsyncDisposable> {
  const server = createHttp1Server(app)
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
      await closeServer(server)
      await rm(path, { force: true })
    },
  }
}

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
