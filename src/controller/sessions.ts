import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import { MeshError } from '../core/model/errors.ts'
import type { HubId, MeshId } from '../core/model/ids.ts'
import type { ServiceName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import type { Decision } from '../core/policy/rule.ts'
import { explain } from '../core/policy/standing-rules.ts'
import type { HubTokenSigner } from '../pki/hub-token.ts'
import { sealSessionTicket } from '../pki/session-ticket.ts'
import type { DialGate } from './billing/billing.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { Hostings } from './hostings.ts'
import type { Members } from './members.ts'
import type { EndpointRecord } from './records.ts'
import type { ServiceView } from './service-view.ts'
import type { Standing } from './standing.ts'

/**
 * Serve `openSession`. A service that the caller may not dial is answered `denied` with the rule's name, one that
 * nobody hosts `not-found`: names are unique in the mesh, so whoever tries to host one learns as much.
 */
export function createSessionHandlers(
  { clock, log, random }: Pick<Context, 'clock' | 'log' | 'random'>,
  parts: {
    hostings: Hostings
    members: Members
    decisions: Decisions
    standing: Pick<Standing, 'groupsOfEndpoint'>
    view: ServiceView
    mesh: MeshId
    hub: HubId
    /** The hub's own identity, as it is at the time of the call. */
    signer: () => HubTokenSigner
    /** Whether who dials can pay. */
    gate: DialGate
    /** The member may have streams to the service open from now on. */
    noteDial: (member: EndpointRecord, service: ServiceName) => void
    isDeclared: (service: ServiceName) => boolean
  },
): Pick<Handlers<typeof CONTROLLER_API, Caller>, 'openSession'> {
  const { hostings, members, decisions, view, mesh, hub, signer, gate } = parts
  return {
    async openSession({ body, caller }) {
      const record = members.require(caller)
      const service = hostings.service(body.service)
      const quoted = quote(body.service)
      if (
        service === undefined &&
        parts.isDeclared(body.service) &&
        decisions.isByPolicy(record, body.service)
      ) {
        throw new MeshError(
          'offline',
          `Cannot dial ${quoted}: nobody hosts it now: start a program that does`,
        )
      }
      if (service === undefined) {
        throw new MeshError('not-found', `Cannot dial ${quoted}: nobody hosts it: list the services`)
      }
      let refusal: Decision = { allow: false, rule: undefined }
      const allowed = [...service.hostings.values()].filter(hosting => {
        const decision = decisions.dial(record, service, hosting)
        if (!decision.allow && decision.rule !== undefined) refusal = decision
        return decision.allow
      })
      if (allowed.length === 0) {
        const rule = refusal.rule?.id
        log.info('session.denied', { service: body.service, user: record.user, endpoint: record.id, rule })
        throw new MeshError(
          'denied',
          `Cannot dial ${quoted}: ${explain(refusal)}: ask its owner to let you in`,
        )
      }
      const { user, id: endpoint } = record
      const metering = await gate.check({ user, endpoint, service: service.name })
      const claims = {
        hub: { kind: 'hub', mesh, hub },
        dialler: { kind: 'endpoint', mesh, user, endpoint },
        service: service.name,
        owner: service.owner,
        id: metering?.session ?? Buffer.from(random(16)).toString('base64url'),
        ...(metering !== undefined && { reportEveryMs: metering.reportEveryMs }),
        isByPolicy: decisions.isByPolicy(record, service.name),
        groups: parts.standing.groupsOfEndpoint(record),
      } as const
      parts.noteDial(record, service.name)
      const { ticket, expiresAtMs } = await sealSessionTicket(signer(), claims, clock.now())
      log.debug('session.opened', { service: body.service, user, endpoint })
      const described = view.describe(service, allowed, record)
      return { ticket, expiresAtMs, service: described, ...(metering && { metering }) }
    },
  }
}
