import { chmod, rm } from 'node:fs/promises'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import type { Hono } from 'hono'
import { listen } from './hub-port.ts'

/**
 * Serve an application on a unix socket that only its owner may use.
 *
 * A socket left behind by a killed process is replaced: whoever calls this holds the lock of the folder.
 *
 * @throws MeshError `not-permitted`, `bad-input`
 */
export async function serveUnixSocket(app: Hono, path: string): Promise<AsyncDisposable> {
  const server = createAdaptorServer({ fetch: app.fetch })
  if (process.platform === 'win32') await listen(server as never, { path })
  else {
    await rm(path, { force: true })
    // Between its making and a chmod anybody could connect; the mask leaves no such moment.
    const mask = process.umask(0o177)
    try {
      await listen(server as never, { path })
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

/** Stop a server and the connections it has. */
export function closeServer(server: ServerType): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
}
