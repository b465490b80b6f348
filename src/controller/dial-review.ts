import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { AccessRevocation } from '../core/api/shapes.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName, UserName } from '../core/model/names.ts'
import { explain } from '../core/policy/standing-rules.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { Endpoints } from './endpoints.ts'
import type { Hostings } from './hostings.ts'
import type { Members } from './members.ts'

/**
 * Serve the question of a host whose link was away: which of its open streams would not be let in any more. What was revoked
 * meanwhile was told to nobody there, and a direct stream needs no hub to go on.
 */
export function createDialReview(
  { clock, log }: Pick<Context, 'clock' | 'log'>,
  parts: {
    readonly members: Pick<Members, 'require' | 'isEvicted'>
    readonly endpoints: Pick<Endpoints, 'get'>
    readonly hostings: Pick<Hostings, 'service'>
    readonly decisions: Pick<Decisions, 'dial'>
  },
): Pick<Handlers<typeof CONTROLLER_API, Caller>, 'reviewDiallers'> {
  const { members, endpoints, hostings, decisions } = parts

  /** Undefined for who may dial, and where this endpoint does not host as far as is known here. */
  function whyNot(
    host: EndpointId,
    name: ServiceName,
    dialler: { readonly user: UserName; readonly endpoint: EndpointId },
  ): string | undefined {
    const service = hostings.service(name)
    const hosting = service?.hostings.get(host)
    if (service === undefined || hosting === undefined) return undefined
    const from = endpoints.get(dialler.endpoint)
    if (from?.user !== dialler.user || members.isEvicted(from)) {
      return 'the other side is no member of the mesh any more'
    }
    const decision = decisions.dial(from, service, hosting)
    return decision.allow ? undefined : explain(decision)
  }

  return {
    async reviewDiallers({ caller, body }) {
      const host = members.require(caller)
      const refused = body.open.flatMap(({ service: name, user, endpoint }): AccessRevocation[] => {
        const why = whyNot(host.id, name, { user, endpoint })
        if (why === undefined) return []
        const reason = { code: 'denied', message: `Stream ended: ${why}` } as const
        return [{ user, endpoint, services: [name], beforeMs: clock.now(), reason }]
      })
      if (refused.length > 0) log.info('dial.reviewed', { host: host.id, refusedCount: refused.length })
      return { refused }
    },
  }
}
