import type { ControllerPort } from '../core/api/controller.ts'
import type { HUB_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { HubInfo, LogLines } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { LogLevel } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import { explain } from '../core/policy/standing-rules.ts'
import type { Registry, RegistryAction } from '../core/registry/registry.ts'
import { makeTicket } from './relays.ts'

/** What the hub's own routes need. */
export interface HubHandlersOptions {
  readonly registry: Registry
  readonly drive: (actions: RegistryAction[]) => void
  readonly controller: ControllerPort
  readonly describe: () => HubInfo
  readonly clock: Clock
  readonly readLog: (query: { sinceMs?: number; level: LogLevel; limit: number }) => Promise<LogLines>
}

/** Serve the hub's own routes. */
export function createHubHandlers(options: HubHandlersOptions): Handlers<typeof HUB_API, EndpointIdentity> {
  const { registry, drive, controller, clock } = options
  return {
    async openRelay({ body, caller }) {
      if (body.endpoint === caller.endpoint)
        throw new MeshError('bad-input', 'Cannot open relay: that is this endpoint itself')
      const decision = controller.mayMeet(caller, body.endpoint)
      if (!decision.allow)
        throw new MeshError('denied', `Cannot reach endpoint ${body.endpoint}: ${explain(decision)}`)
      const ticket = makeTicket()
      drive(registry.askRelay(caller.endpoint, body.endpoint, ticket, clock.now(), body.way))
      return { ticket }
    },
    async listHubs() {
      return { hubs: [options.describe()] }
    },
    async hubLog({ query, caller }) {
      const decision = controller.mayAdminister(caller)
      if (!decision.allow) throw new MeshError('denied', `Cannot read the hub's log: ${explain(decision)}`)
      const { sinceMs, level, limit } = query
      return { lines: await options.readLog({ level, limit, ...(sinceMs !== undefined && { sinceMs }) }) }
    },
  }
}
