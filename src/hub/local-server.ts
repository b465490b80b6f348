import { Hono } from 'hono'
import { HUB_LOCAL_API } from '../core/api/hub-local-api.ts'
import type { Handlers } from '../core/api/route.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import type { MeshId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import { serveRoutes } from '../net/serve-routes.ts'
import { serveUnixSocket } from '../net/unix-server.ts'
import type { Hub } from './hub.ts'
import type { HubHandlersOptions } from './hub-handlers.ts'

/** What the hub serves to its own computer. */
export interface HubLocalServerOptions {
  readonly hub: Hub
  readonly mesh: MeshId
  readonly dataFolder: string
  readonly socketPath: string
  readonly endpointCount: () => number
  /** The root permit's text; a new one if asked. */
  readonly permit: (isNew: boolean) => Promise<string>
  readonly readLog: HubHandlersOptions['readLog']
  readonly metrics: () => Promise<string>
  readonly stop: () => void
  readonly log: Log
}

/** Serve status, log, permit and stop on the unix socket of the state folder. */
export function startHubLocalServer(options: HubLocalServerOptions): Promise<AsyncDisposable> {
  const app = new Hono()
  serveRoutes(app, HUB_LOCAL_API, createHandlers(options), { log: options.log, caller: () => undefined })
  app.get('/metrics', async context => context.text(await options.metrics()))
  return serveUnixSocket(app, options.socketPath)
}

function createHandlers(options: HubLocalServerOptions): Handlers<typeof HUB_LOCAL_API, undefined> {
  const { hub, mesh, dataFolder } = options
  const listen = (address: Address) => formatAddress(address)
  return {
    async showStatus() {
      return {
        ...hub.describe(),
        mesh,
        pid: process.pid,
        listen: listen(hub.address),
        dataFolder,
        endpointCount: options.endpointCount(),
        memoryBytes: process.memoryUsage.rss(),
      }
    },
    async stop() {
      options.stop()
      return undefined
    },
    async showLog({ query }) {
      const { sinceMs, level, limit } = query
      return { lines: await options.readLog({ level, limit, ...(sinceMs !== undefined && { sinceMs }) }) }
    },
    async showPermit({ body }) {
      return { permit: await options.permit(body.isNew) }
    },
  }
}
