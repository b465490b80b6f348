import type { ControllerPort } from '../core/api/controller.ts'
import type { HUB_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { HubInfo, LogLines } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { LogLevel } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import { explain } from '../core/policy/standing-rules.ts'
import type { Registry, RegistryAction } from '../core/registry/registry.ts'
import type { CandidateBook } from './candidates.ts'
import { makeTicket } from './relays.ts'

/** What the hub's own routes need. */
export interface HubHandlersOptions {
  readonly registry: Registry
  readonly drive: (actions: RegistryAction[]) => void
  readonly controller: ControllerPort
  readonly candidates: CandidateBook
  readonly describe: () => HubInfo
  /** The caller shows a chain that it says is its renewed one. @throws MeshError `not-trusted`, `evicted`, `certificate-expired` */
  readonly renewed: (caller: EndpointIdentity, chain: string) => void
  readonly clock: Clock
  readonly readLog: (query: { sinceMs?: number; level: LogLevel; limit: number }) => Promise<LogLines>
}

/** Serve the hub's own routes. */
export function createHubHandlers(options: HubHandlersOptions): Handlers<typeof HUB_API, EndpointIdentity> {
  const { registry, drive, controller, candidates, clock } = options

  function requireLeaveToMeet(caller: EndpointIdentity, endpoint: EndpointId, pass?: string): void {
    if (endpoint === caller.endpoint)
      throw new MeshError('bad-input', 'Cannot reach endpoint: that is this endpoint itself')
    const decision = controller.mayMeet(caller, endpoint, pass)
    if (!decision.allow)
      throw new MeshError('denied', `Cannot reach endpoint ${endpoint}: ${explain(decision)}`)
  }

  return {
    async openRelay({ body, caller }) {
      requireOpen(controller.isDraining())
      requireLeaveToMeet(caller, body.endpoint, body.pass)
      const ticket = makeTicket()
      drive(registry.askRelay(caller.endpoint, body.endpoint, ticket, clock.now(), body.way, caller.user))
      return { ticket }
    },
    async offerCandidates({ body, caller }) {
      if (registry.linkOf(caller.endpoint) === undefined)
        throw new MeshError('offline', 'Cannot offer addresses: open a link first')
      candidates.offer(caller.endpoint, body)
      return undefined
    },
    async introduce({ body, caller }) {
      // Two who meet directly cost the hub with the controller nothing.
      requireOpen(controller.relayHubs === undefined && controller.isDraining())
      requireLeaveToMeet(caller, body.endpoint, body.pass)
      const decision = controller.mayMeetDirectly(caller, body.endpoint, body.pass)
      if (!decision.allow)
        throw new MeshError(
          'denied',
          `Cannot meet endpoint ${body.endpoint} without a hub: ${explain(decision)}`,
        )
      const link = registry.linkOf(body.endpoint)
      if (link === undefined) {
        const message = `Cannot reach endpoint ${body.endpoint}: it is not connected to this hub`
        throw new MeshError('offline', message)
      }
      const ticket = makeTicket()
      const shown = candidates.show(caller.endpoint, body.endpoint)
      const event = { event: 'meet', ticket, peer: caller.endpoint, candidates: shown } as const
      drive([{ do: 'send', link, event }])
      return { ticket, candidates: candidates.show(body.endpoint, caller.endpoint) }
    },
    async listHubs() {
      const own = { ...options.describe(), ...(controller.isDraining() && { isDraining: true }) }
      return { hubs: [own, ...(controller.relayHubs?.list() ?? [])] }
    },
    async showCertificate({ body, caller }) {
      options.renewed(caller, body.chain)
      return undefined
    },
    async hubLog({ query, caller }) {
      const decision = controller.mayAdminister(caller)
      if (!decision.allow) throw new MeshError('denied', `Cannot read the hub's log: ${explain(decision)}`)
      const { sinceMs, level, limit } = query
      return { lines: await options.readLog({ level, limit, ...(sinceMs !== undefined && { sinceMs }) }) }
    },
  }
}

/** @throws MeshError `offline` from a hub that is being drained */
export function requireOpen(isDraining: boolean): void {
  if (isDraining) throw new MeshError('offline', 'Cannot go by this hub: it is being drained: go by another')
}
