import type { AccessRevocation, Rank } from '../../core/api/shapes.ts'
import type { PermittedPair } from '../../core/edge/service-policies.ts'
import { toMeshError } from '../../core/model/errors.ts'
import { type EndpointId, parseEndpointId } from '../../core/model/ids.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { Context } from '../context.ts'
import type { Hostings } from '../hostings.ts'
import type { Presence } from '../presence.ts'
import type { HostingRecord } from '../records.ts'
import { meshNameOf, ownerOf } from './declared-services.ts'
import type { ApiSessionRecord, ServiceRecord, SessionRecord } from './edge-records.ts'
import type { EdgeSessions, ShownSession } from './edge-sessions.ts'
import type { EdgeEnds, EdgeState } from './edge-state.ts'

/** What ends with something else. All of it within a turn of `exclusive`, but for `permissionsLost`. */
export interface EdgeConsequences extends EdgeEnds {
  /** The certificates of a session that were made so far are good no more. */
  membershipEnded(session: ApiSessionRecord): Promise<void>
  /** Nobody hosts a declared service under its name any more. */
  dropHostings(service: ServiceRecord): Promise<void>
  dropHosting(hosting: HostingRecord): Promise<void>
  /** An administrator says how a hosting ranks. Within a turn of `exclusive`. */
  rankHosting(hosting: HostingRecord, rank: Rank): Promise<void>
  /** An administrator ended a session: its streams end, and it may be asked for again. */
  endSession(session: ShownSession): void
  /** Streams of a dialler to some services end, and tickets that it has are void. */
  endStreams(dialler: Dialler, services: readonly ServiceName[]): void
}

/** A user with all their endpoints, or one endpoint. */
export type Dialler = Pick<AccessRevocation, 'user' | 'endpoint'>

/** Make the one place that says what ends with a login, a permission or a service. */
export function createEdgeConsequences(
  { emit, exclusive, log, clock }: Pick<Context, 'emit' | 'exclusive' | 'log' | 'clock'>,
  parts: {
    readonly state: Pick<EdgeState, 'tables' | 'grants' | 'subjectOf' | 'endpoints'>
    readonly hostings: Hostings
    readonly presence: Pick<Presence, 'forget'>
    readonly edgeSessions: Pick<EdgeSessions, 'endOf' | 'endWhere'>
  },
): EdgeConsequences {
  const { state, hostings, presence, edgeSessions } = parts
  const { tables, grants } = state

  async function membershipEnded(session: ApiSessionRecord): Promise<void> {
    const endpoint = parseEndpointId(session.id)
    const services = hostings.ofEndpoint(endpoint).map(({ service }) => service)
    await hostings.dropEndpoint(endpoint)
    presence.forget(endpoint)
    emit({ change: 'endpoint-removed', endpoint })
    // Tickets that it has would open streams until they end.
    const granted = [...grants.pairs(session.identityId)].flatMap(({ serviceId }) => {
      const record = tables.services.get(serviceId)
      return record === undefined ? [] : [meshNameOf(record)]
    })
    if (granted.length > 0) endStreams({ user: session.identityId as UserName, endpoint }, granted)
    if (services.length > 0) emit({ change: 'services-changed', services })
  }

  async function dropHosting(hosting: HostingRecord): Promise<void> {
    await hostings.delete(hosting)
    emit({ change: 'hosting-ended', endpoint: hosting.endpoint, service: hosting.service })
    emit({ change: 'services-changed', services: [hosting.service] })
  }

  function endStreams(dialler: Dialler, services: readonly ServiceName[]): void {
    const hosts = new Set<EndpointId>()
    for (const name of services) {
      for (const endpoint of hostings.service(name)?.hostings.keys() ?? []) hosts.add(endpoint)
    }
    const message = 'Stream ended: no service policy allows it any more: ask an administrator'
    const reason = { code: 'denied', message } as const
    for (let at = 0; at < services.length; at += MAX_REVOKED_AT_ONCE) {
      const some = services.slice(at, at + MAX_REVOKED_AT_ONCE)
      const revocation = { ...dialler, services: some, beforeMs: clock.now(), reason }
      emit({ change: 'access-revoked', revocation, hosts: [...hosts] })
    }
  }

  /** The identity with all its sessions, or the endpoint. */
  function diallerOf(subject: string): Dialler | undefined {
    if (tables.identities.get(subject) !== undefined) return { user: subject as UserName }
    const endpoint = state.endpoints.get(subject as EndpointId)
    return endpoint && { user: endpoint.user, endpoint: endpoint.id }
  }

  /** Who may not bind any more hosts no more. */
  async function dropUnpermitted(pairs: readonly PermittedPair[]): Promise<void> {
    for (const { identityId, serviceId } of pairs) {
      for (const hosting of hostingsOf(serviceId)) {
        const host = state.endpoints.get(hosting.endpoint)
        if (host !== undefined && state.subjectOf(host) === identityId) await dropHosting(hosting)
      }
    }
  }

  function hostingsOf(serviceId: string): HostingRecord[] {
    const owner = ownerOf({ id: serviceId })
    const record = tables.services.get(serviceId)
    const service = record && hostings.service(meshNameOf(record))
    return service?.owner === owner ? [...service.hostings.values()] : []
  }

  return {
    membershipEnded,
    dropHosting,
    async rankHosting(hosting, rank) {
      await hostings.put({ ...hosting, adminRank: rank })
      log.info('hosting.ranked', { service: hosting.service, endpoint: hosting.endpoint, ...rank })
      emit({ change: 'services-changed', services: [hosting.service] })
    },
    endStreams,
    endSession({ apiSessionId, identityId, serviceName, type }) {
      if (type !== 'Dial') return
      const endpoint = parseEndpointId(apiSessionId)
      const user = tables.apiSessions.get(apiSessionId)?.identityId ?? state.endpoints.get(endpoint)?.user
      endStreams({ user: (user ?? identityId) as UserName, endpoint }, [meshNameOf({ name: serviceName })])
    },
    async sessionEnded(session) {
      edgeSessions.endOf(session.id)
      if (session.certificates.length > 0) await membershipEnded(session)
      const isLast = tables.apiSessions.by('identityId', session.identityId).length === 0
      if (isLast) grants.forget(session.identityId)
    },
    permissionsLost(pairs, deleted) {
      const lost = new Map<string, ServiceName[]>()
      for (const { identityId, serviceId, type } of pairs) {
        const isIt = (one: SessionRecord) =>
          one.identityId === identityId && one.serviceId === serviceId && one.type === type
        edgeSessions.endWhere(isIt)
        const record = tables.services.get(serviceId) ?? (deleted?.id === serviceId ? deleted : undefined)
        if (type !== 'Dial' || record === undefined) continue
        lost.set(identityId, [...(lost.get(identityId) ?? []), meshNameOf(record)])
      }
      for (const [subject, services] of lost) {
        const dialler = diallerOf(subject)
        log.info('access.revoked', { subject, services: services.slice(0, 50) })
        if (dialler !== undefined) endStreams(dialler, services)
      }
      const binds = pairs.filter(({ type }) => type === 'Bind')
      if (binds.length === 0) return
      // The change is stored and being told; what follows from it waits for its own turn.
      exclusive(() => dropUnpermitted(binds)).catch(error =>
        log.error('hosting.not-dropped', { code: toMeshError(error).code }),
      )
    },
    async dropHostings(record) {
      const service = hostings.service(meshNameOf(record))
      if (service?.owner !== ownerOf(record)) return
      for (const hosting of [...service.hostings.values()]) await dropHosting(hosting)
    },
  }
}

/** What one event holds; see `accessRevocationShape`. */
const MAX_REVOKED_AT_ONCE = 1_000
