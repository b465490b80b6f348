import { formatTarget, type Target } from '../../core/model/address.ts'
import type { TcpConnection } from '../../sdk/app.ts'
import { createConnectionSet } from '../../sdk/for-apps/connection-set.ts'
import { join } from '../../sdk/for-apps/join.ts'
import { type Outlet, type OutletOptions, refuseClosed, refuseOver } from './outlet.ts'
import type { TargetPool } from './target-pool.ts'

/** How TCP leaves the mesh: a target is connected to for every stream, and the two are joined. */
export function createTcpOutlet({ host, pool, limits }: OutletOptions): Outlet {
  const connections = createConnectionSet<string>()
  let connectingCount = 0
  let isClosed = false

  return {
    async receive(incoming) {
      if (connections.count() + connectingCount >= limits.maxConnections)
        throw refuseOver(incoming, limits.maxConnections)
      connectingCount += 1
      try {
        const { target, connection } = await pool.connect(incoming, (candidate, timeoutMs) =>
          host.connectTcp(candidate, { timeoutMs, signal: incoming.signal }),
        )
        tellWhenClosed(connection, pool, target)
        if (isClosed) {
          connection.reset()
          throw refuseClosed(incoming)
        }
        connections.add(formatTarget(target), connection)
        join(connection, incoming.accept())
      } finally {
        connectingCount -= 1
      }
    },
    close() {
      isClosed = true
      connections.reset()
    },
    count: key => connections.count(key),
    traffic() {
      const { readBytes, writtenBytes } = connections.traffic()
      return { sentBytes: readBytes, receivedBytes: writtenBytes, droppedCount: 0 }
    },
  }
}

/** Not a function of `receive`: with it the stream's headers, its ticket among them, would live as long as the connection. */
function tellWhenClosed(connection: TcpConnection, pool: TargetPool, target: Target): void {
  connection.on('close', () => pool.closed(target))
}
