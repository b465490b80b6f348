import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { parseAddress } from '../core/model/address.ts'

/** A connection that passes through a wire. */
export interface WiredConnection {
  readonly client: Socket
  readonly server: Socket
  /** What passed so far, as it was before it was changed. */
  readonly toServer: readonly Buffer[]
  readonly toClient: readonly Buffer[]
}

/** What somebody on the wire, a hub for instance, may do to the bytes that pass. */
export interface Meddler {
  /**
   * The first bytes of a connection came. Whoever takes it over must answer it himself.
   *
   * @returns whether it is taken over
   */
  takeOver?(client: Socket, first: Buffer): boolean
  /** @returns what is passed on instead, which may be nothing */
  change?(bytes: Buffer, direction: 'toServer' | 'toClient', connection: WiredConnection): Buffer
}

/** A TCP port that passes everything on to another one, until a test wants something else. */
export interface Wire extends AsyncDisposable {
  /** `127.0.0.1:port`, to be used in place of the other one. */
  readonly address: string
  meddler: Meddler
  readonly connections: readonly WiredConnection[]
  /** Where new connections go. */
  target: string
  /** Pass nothing on in either direction, also of new connections, and close nothing: as a frozen computer. */
  freeze(): void
  thaw(): void
  /** Reset every connection. */
  cut(): void
}

/** Lay a wire to an address. */
export async function layWire(target: string): Promise<Wire> {
  const connections: WiredConnection[] = []
  const sockets = new Set<Socket>()
  let isFrozen = false

  const hold = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    if (isFrozen) socket.pause()
  }

  function pass(connection: WiredConnection, direction: 'toServer' | 'toClient'): void {
    const [from, to] =
      direction === 'toServer'
        ? [connection.client, connection.server]
        : [connection.server, connection.client]
    from.on('data', (bytes: Buffer) => {
      const passed = connection[direction] as Buffer[]
      passed.push(bytes)
      if (!to.write(wire.meddler.change?.(bytes, direction, connection) ?? bytes)) from.pause()
    })
    to.on('drain', () => {
      if (!isFrozen) from.resume()
    })
    from.on('end', () => to.end())
    from.on('close', () => {
      if (!from.readableEnded) to.destroy()
    })
  }

  const server = net.createServer({ allowHalfOpen: true }, client => {
    hold(client)
    client.once('data', (first: Buffer) => {
      if (wire.meddler.takeOver?.(client, first)) return
      const { host, port } = parseAddress(wire.target)
      const far = net.connect({ host, port, allowHalfOpen: true })
      hold(far)
      const connection: WiredConnection = { client, server: far, toServer: [], toClient: [] }
      connections.push(connection)
      pass(connection, 'toServer')
      pass(connection, 'toClient')
      client.emit('data', first)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const wire: Wire = {
    address: `127.0.0.1:${port}`,
    meddler: {},
    connections,
    target,
    freeze() {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      isFrozen = false
      for (const socket of sockets) socket.resume()
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      wire.cut()
      await closed
    },
  }
  return wire
}
