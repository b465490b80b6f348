import type { TcpConnection } from '../app.ts'

/** The open TCP connections of one end of a tunnel, and what all of them carried since the start. */
export interface ConnectionSet<K> {
  /** Keep it until it closes. @param key  what it belongs to: a listen, a target */
  add(key: K, connection: TcpConnection): void
  /** Reset those of `key`, or all. */
  reset(key?: K): void
  count(key?: K): number
  /** Bytes read from all connections, and written to them. */
  traffic(): { readonly readBytes: number; readonly writtenBytes: number }
}

/** Make an empty set. */
export function createConnectionSet<K>(): ConnectionSet<K> {
  const open = new Map<TcpConnection, K>()
  const counts = new Map<K, number>()
  let readBytes = 0
  let writtenBytes = 0
  return {
    add(key, connection) {
      open.set(connection, key)
      counts.set(key, (counts.get(key) ?? 0) + 1)
      connection.on('close', () => {
        open.delete(connection)
        const count = (counts.get(key) ?? 1) - 1
        if (count > 0) counts.set(key, count)
        else counts.delete(key)
        readBytes += connection.bytesRead
        writtenBytes += connection.bytesWritten
      })
    },
    reset(key) {
      for (const [connection, owner] of open) {
        if (key === undefined || owner === key) connection.reset()
      }
    },
    count: key => (key === undefined ? open.size : (counts.get(key) ?? 0)),
    traffic() {
      const sum = { readBytes, writtenBytes }
      for (const connection of open.keys()) {
        sum.readBytes += connection.bytesRead
        sum.writtenBytes += connection.bytesWritten
      }
      return sum
    },
  }
}
