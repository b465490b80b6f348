import net, { type Socket } from 'node:net'
import { clientGroup } from '../core/gateway/client-address.ts'
import type { Address } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { listen } from './hub-port.ts'
import { resetSocket } from './reset-socket.ts'
import { watchGone } from './watch-gone.ts'

/** Counts connections, of several ports together. */
export interface ConnectionCount {
  readonly openCount: number
  /** Take a connection in. @returns false if there is no room for it */
  admit(socket: Socket): boolean
}

/** How many connections there may be; read anew for each. */
export interface ConnectionLimits {
  readonly maxConnections: number
  readonly maxPerAddress: number
}

/** Make a count. */
export function createConnectionCount(limits: () => ConnectionLimits): ConnectionCount {
  const byAddress = new Map<string, number>()
  let openCount = 0
  return {
    get openCount() {
      return openCount
    },
    admit(socket) {
      const address = clientGroup(socket.remoteAddress ?? 'gone')
      const { maxConnections, maxPerAddress } = limits()
      const count = byAddress.get(address) ?? 0
      if (openCount >= maxConnections || count >= maxPerAddress) return false
      openCount += 1
      byAddress.set(address, count + 1)
      socket.once('close', () => {
        openCount -= 1
        const left = (byAddress.get(address) ?? 1) - 1
        if (left === 0) byAddress.delete(address)
        else byAddress.set(address, left)
      })
      return true
    },
  }
}

/** A port that takes connections of the public. */
export interface PublicPort extends AsyncDisposable {
  readonly address: Address
}

/** What a port does with connections. */
export interface PublicPortOptions {
  readonly count: ConnectionCount
  /** Half-closed connections stay: for what is joined to a stream. */
  readonly allowHalfOpen: boolean
  readonly onConnection: (socket: Socket) => void
  readonly onRefused: () => void
}

/**
 * Take connections at an address; `*` is every address of the computer. Disposing stops that, and leaves those that
 * were taken alone.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export async function openPublicPort(at: Address, options: PublicPortOptions): Promise<PublicPort> {
  const { count, allowHalfOpen, onConnection, onRefused } = options
  const open = async (host: string) => {
    const server = net.createServer({
      allowHalfOpen,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    })
    server.on('connection', socket => {
      socket.on('error', () => {})
      if (count.admit(socket)) {
        watchGone(socket)
        onConnection(socket)
      } else {
        onRefused()
        resetSocket(socket)
      }
    })
    await listen(server, { host, port: at.port })
    return server
  }
  const server = await openAny(at.host, open)
  const { address, port } = server.address() as net.AddressInfo
  return {
    address: { host: address, port },
    async [Symbol.asyncDispose]() {
      // Its callback waits for connections to end, which is not ours to do.
      server.close()
    },
  }
}

async function openAny<T>(host: string, open: (host: string) => Promise<T>): Promise<T> {
  if (host !== '*') return await open(host)
  try {
    return await open('::')
  } catch (error) {
    if (!(error instanceof MeshError && ['bad-input', 'unsupported'].includes(error.code))) throw error
    return await open('0.0.0.0')
  }
}
