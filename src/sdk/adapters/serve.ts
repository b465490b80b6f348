import type { Listener } from '../listener.ts'

/** A server of `node:http`, `node:https`, `node:net` or anything that takes connections by this event. */
export interface ServiceServer {
  emit(event: 'connection', connection: unknown): boolean
}

/** Hand every connection of a listener to a server, as if it had come by a port of its own. */
export function serveConnections(listener: Listener, server: ServiceServer): void {
  listener.onConnection(connection => {
    if (!server.emit('connection', connection)) connection.destroy()
  })
}
