import { z } from 'zod'
import type { Bridge } from '../../core/app/bridge.ts'
import { parseNetworkPattern } from '../../core/app/capabilities.ts'
import { formatAddress } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import { parseIp } from '../../core/model/ip-address.ts'
import { quote } from '../../core/model/quote.ts'
import type { Json } from '../../core/model/store.ts'
import type { Host, Listener, TcpConnection } from '../../sdk/app.ts'
import { duplexOver, joinStreams } from './bridge-duplex.ts'
import type { OperationsOptions } from './operations-options.ts'

/** Arguments of what this file does. */
export const LISTEN_SHAPES = {
  listen: z.strictObject({
    host: z.string().min(1).max(64),
    port: z.int().min(0).max(65_535),
    listening: z.int(),
  }),
  unlisten: z.strictObject({ listening: z.int() }),
} as const

/** How much of it one app has. */
export const LISTEN_LIMITS = {
  /** Ports that one app listens on. */
  maxListeners: 8,
  /** Connections to all of them: the rest of its streams is for its peers and its page, whoever knocks here. */
  maxConnections: 64,
} as const

type Args<K extends keyof typeof LISTEN_SHAPES> = z.output<(typeof LISTEN_SHAPES)[K]>

/** What listens for an app; disposing it ends the listening. The connections end with the process. */
export interface ListenDoers extends AsyncDisposable {
  readonly doers: {
    listen(args: Args<'listen'>): Promise<Json>
    unlisten(args: Args<'unlisten'>): Promise<Json>
  }
}

/** Listen where that was granted, and nowhere else. */
export function createListenDoers({ app, host, bridge }: OperationsOptions): ListenDoers {
  const granted = app.grants.listen.map(parseNetworkPattern)
  const listeners = new Map<number, Listener | undefined>()
  const open = new Set<TcpConnection>()
  let isOver = false

  function receive(connection: TcpConnection, listening: number): void {
    connection.on('error', () => {})
    if (open.size >= LISTEN_LIMITS.maxConnections) {
      connection.reset()
      return
    }
    open.add(connection)
    connection.once('close', () => open.delete(connection))
    offer(bridge(), connection, listening)
  }

  return {
    doers: {
      async listen({ host: name, port, listening }) {
        const isPlace = name === '*' || name === 'localhost' || parseIp(name) !== undefined
        if (!isPlace || !granted.some(fits => fits(name, port)))
          throw new MeshError('denied', `Cannot listen at ${quote(name)} port ${port}: not granted`)
        if (listeners.has(listening) || listeners.size >= LISTEN_LIMITS.maxListeners)
          throw new MeshError('too-many', `Cannot listen: ${LISTEN_LIMITS.maxListeners} ports at most`)
        // Its place is taken before it is open: many at once find no more room.
        listeners.set(listening, undefined)
        const listener = await openPort(host, { host: name, port }, one => receive(one, listening)).catch(
          error => {
            listeners.delete(listening)
            throw error
          },
        )
        if (isOver || !listeners.has(listening)) {
          await listener[Symbol.asyncDispose]()
          throw new MeshError('link-closed', 'Cannot listen: it was ended meanwhile')
        }
        listeners.set(listening, listener)
        return { host: listener.address.host, port: listener.address.port }
      },
      async unlisten({ listening }) {
        const listener = listeners.get(listening)
        listeners.delete(listening)
        await listener?.[Symbol.asyncDispose]()
        return null
      },
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      await Promise.all([...listeners.values()].map(one => one?.[Symbol.asyncDispose]()))
      for (const connection of open) connection.destroy()
    },
  }
}

async function openPort(
  host: Pick<Host, 'listenTcp' | 'log'>,
  at: { readonly host: string; readonly port: number },
  onConnection: (connection: TcpConnection) => void,
): Promise<Listener> {
  const listener = await host.listenTcp(at, onConnection)
  host.log.info('app.listens', { at: formatAddress(listener.address) })
  return listener
}

function offer(bridge: Bridge, connection: TcpConnection, listening: number): void {
  try {
    const near = bridge.open()
    connection.once('close', () => near.reset('The connection was closed'))
    bridge.call('connection', { stream: near.id, listening, remote: connection.remote() }).then(
      () => joinStreams(duplexOver(near), connection),
      () => connection.reset(),
    )
  } catch {
    connection.reset()
  }
}
