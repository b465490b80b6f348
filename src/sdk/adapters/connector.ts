import type { Connection } from '../connection.ts'
import type { Dialler } from './dialler.ts'

/** Options for clients that take a connection of one's own; spread them into the client's. */
export interface Connector {
  /** `new pg.Client({ ...connector.pg('db'), user, database })`, and the same for `pg.Pool`. */
  pg(service: string): { readonly stream: () => Connection }
  /** `new Redis({ ...connector.redis('cache') })` of ioredis; its type is that package's own. */
  redis(service: string): { readonly Connector: never }
  /** `client.connect({ ...connector.ssh('shell'), username })` of ssh2. */
  ssh(service: string): { readonly sock: Connection }
  /** `new WebSocket('ws://any/', connector.ws('feed'))` of ws. */
  ws(service: string): { readonly createConnection: () => Connection }
}

/** Make it for a context. */
export function createConnector(dialler: Dialler): Connector {
  const connect = (service: string) => dialler.connect(service, { endsTogether: true })
  return {
    // pg asks for its stream when it is made and tells it to connect later.
    pg: service => ({ stream: () => dialler.connect(service, { endsTogether: true, isLazy: true }) }),
    redis: service => ({ Connector: redisConnector(() => connect(service)) as never }),
    ssh: service => ({ sock: connect(service) }),
    ws: service => ({ createConnection: () => connect(service) }),
  }
}

/** What ioredis wants in place of its own way to connect. */
function redisConnector(open: () => Connection) {
  return class {
    connecting = false
    firstError: Error | undefined
    #stream: Connection | undefined

    check(): boolean {
      return true
    }

    async connect(): Promise<Connection> {
      this.connecting = true
      this.#stream = open()
      return this.#stream
    }

    disconnect(): void {
      this.connecting = false
      this.#stream?.end()
    }
  }
}
