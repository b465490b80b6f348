import type { Address } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Dialing, Host, TcpConnection } from '../../sdk/app.ts'
import { createConnectionSet } from '../../sdk/for-apps/connection-set.ts'
import { join } from '../../sdk/for-apps/join.ts'
import type { Intake, IntakeOptions } from './intake.ts'
import type { ListenPlace } from './listen-place.ts'

/** How TCP comes into the mesh: a stream is dialled for every accepted connection, and the two are joined. */
export function createTcpIntake(host: Host, { service, dialer, limits }: IntakeOptions): Intake {
  const connections = createConnectionSet<ListenPlace>()

  function receive(connection: TcpConnection, place: ListenPlace): void {
    if (connections.count() >= limits.maxConnections) {
      dialer.refuse(
        new MeshError(
          'too-many',
          `Cannot take connection for "${service}": ${limits.maxConnections} are open: close some`,
        ),
      )
      connection.reset()
      return
    }
    connections.add(place, connection)
    carry(connection, place.rangeIndex)
  }

  function carry(connection: TcpConnection, port: number | undefined): void {
    let dialing: Dialing | undefined
    const begin = () => {
      const begun = dialer.dial(port)
      begun.opened.then(
        ({ stream }) => {
          connection.off('close', giveUp)
          connection.off('data', sendEarly)
          join(connection, stream)
        },
        () => connection.reset(),
      )
      return begun
    }
    const sendEarly = (bytes: Uint8Array) => {
      dialing ??= begin()
      if (!dialing.write(bytes)) connection.pause()
    }
    const giveUp = () => dialing?.cancel()
    connection.on('data', sendEarly)
    connection.on('close', giveUp)
    afterFirstRead(() => {
      if (!connection.destroyed) dialing ??= begin()
    })
  }

  return {
    listen: (at: Address, place) => host.listenTcp(at, connection => receive(connection, place)),
    drop: place => connections.reset(place),
    count: place => connections.count(place),
    traffic() {
      const { readBytes, writtenBytes } = connections.traffic()
      return { sentBytes: readBytes, receivedBytes: writtenBytes, droppedCount: 0 }
    },
  }
}

/**
 * Most clients have said something by the time their new connection is read for the first time, in the turn after it was accepted:
 * that then travels in one packet with the request, and wakes the hub and the other agent once instead of twice.
 */
function afterFirstRead(call: () => void): void {
  setImmediate(() => setImmediate(call))
}
