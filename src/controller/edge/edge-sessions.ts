import { createHash } from 'node:crypto'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { entityBase, entityRef } from '../../core/edge/envelope.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { EndpointId, HubId, MeshId } from '../../core/model/ids.ts'
import { ms } from '../../core/model/time.ts'
import type { HubTokenSigner } from '../../pki/hub-token.ts'
import { sealSessionTicket } from '../../pki/session-ticket.ts'
import type { DialGate } from '../billing/billing.ts'
import type { Hostings } from '../hostings.ts'
import type { Standing } from '../standing.ts'
import { meshNameOf, ownerOf } from './declared-services.ts'
import type { Asker } from './edge-call.ts'
import type { EdgeRouterRecord, SessionRecord } from './edge-records.ts'
import type { EdgeRouters } from './edge-routers.ts'
import type { HubAccess } from './hub-access.ts'
import { idOf, type VisibleService, type VisibleServices } from './visible-services.ts'

/** A session, and what it is for. */
export interface ShownSession extends SessionRecord {
  readonly serviceName: string
}

/** For whom a session is, and for what. */
export interface SessionOrder {
  readonly apiSessionId: string
  readonly identityId: string
  readonly service: { readonly id: string; readonly name: string }
  readonly type: 'Dial' | 'Bind'
}

/** Rights to dial or bind that were asked for. They follow from policies and are not stored. */
export interface EdgeSessions {
  /** @throws EdgeError NOT_FOUND, COULD_NOT_VALIDATE, NO_EDGE_ROUTERS_AVAILABLE, INSUFFICIENT_BALANCE */
  open(asker: Asker, serviceId: string, type: 'Dial' | 'Bind', now: number): Promise<ShownSession>
  /** Somebody asked for it over a link, and got it. @param apiSessionId  or the id of the endpoint of the mesh */
  note(order: SessionOrder, now: number): void
  /** Those of one API session, or of all. */
  list(apiSessionId?: string): ShownSession[]
  get(id: string): ShownSession | undefined
  delete(id: string): void
  /** Forget those that are over. */
  endOf(apiSessionId: string): void
  endWhere(isOver: (session: ShownSession) => boolean): void
  /** With a token made now, which a dialler needs and who pays is asked for. */
  show(session: ShownSession, asker: Asker, now: number): Promise<object>
  /** Without one. */
  showInList(session: ShownSession, asker: Asker): object
  routersFor(asker: Asker, service: VisibleService | undefined): EdgeRouterRecord[]
}

/** Make the one place where sessions of the client API live. */
export function createEdgeSessions(parts: {
  readonly services: VisibleServices
  readonly hubs: HubAccess
  readonly hostings: Pick<Hostings, 'service'>
  readonly standing: Pick<Standing, 'groupsOfEndpoint' | 'attributesOf'>
  readonly mesh: MeshId
  readonly hub: { readonly id: HubId }
  readonly routers: EdgeRouters
  readonly signer: () => HubTokenSigner
  readonly random: (byteCount: number) => Uint8Array
  /** Streams may be open by it from now on. */
  readonly noteDial: (subject: string, serviceId: string) => void
  /** Whether who dials can pay. */
  readonly gate: DialGate
  readonly sessionsChanged: () => void
}): EdgeSessions {
  const { services, hubs, hostings, standing, mesh, hub, signer, random, noteDial, gate, routers } = parts
  const sessions = new Map<string, ShownSession>()
  const byApiSession = new Map<string, Set<string>>()

  const attributesOf = (asker: Asker): readonly string[] =>
    asker.kind === 'session' ? asker.identity.roleAttributes : standing.attributesOf(asker.member)

  function routersFor(asker: Asker, service: VisibleService | undefined): EdgeRouterRecord[] {
    const subject = { id: idOf(asker), ids: [asker.member.user], attributes: attributesOf(asker) }
    const found =
      service === undefined
        ? hubs.ofIdentity(subject)
        : hubs.common(subject, { id: service.id, ids: [], attributes: service.roleAttributes })
    return found.filter(({ disabled }) => !disabled)
  }

  function remove(id: string): void {
    const session = sessions.get(id)
    if (session === undefined) return
    sessions.delete(id)
    parts.sessionsChanged()
    const ids = byApiSession.get(session.apiSessionId)
    ids?.delete(id)
    if (ids?.size === 0) byApiSession.delete(session.apiSessionId)
  }

  function keep({ apiSessionId, identityId, service, type }: SessionOrder, now: number): ShownSession {
    const id = sessionIdOf(apiSessionId, type, service.id)
    const known = sessions.get(id)
    if (known !== undefined) return known
    const ids = byApiSession.get(apiSessionId) ?? new Set()
    const base = { version: 1, id, createdAtMs: now, updatedAtMs: now, tags: {} } as const
    const session = {
      ...base,
      identityId,
      apiSessionId,
      serviceId: service.id,
      type,
      serviceName: service.name,
    }
    // Whoever comes back for one that was forgotten gets the same again.
    const [oldest] = sessions.keys()
    if (oldest !== undefined && sessions.size >= MAX_EDGE_SESSIONS) remove(oldest)
    sessions.set(id, session)
    byApiSession.set(apiSessionId, ids.add(id))
    parts.sessionsChanged()
    return session
  }

  /** A ticket of the mesh for a dial; a bind is asked for over the link, where a policy is what counts. */
  async function tokenOf(session: ShownSession, asker: Asker, now: number): Promise<string> {
    if (session.type === 'Bind') return session.id
    const visible = services.get(asker, session.serviceId)
    const name = meshNameOf({ name: session.serviceName })
    const owner = visible?.declared === undefined ? hostings.service(name)?.owner : ownerOf(visible.declared)
    if (owner === undefined) return session.id
    const { user, id: endpoint } = asker.member
    const metering = await pay(gate.check({ user, endpoint, service: name }))
    const isByPolicy = visible?.declared !== undefined
    if (isByPolicy) noteDial(idOf(asker), session.serviceId)
    const claims = {
      hub: { kind: 'hub', mesh, hub: hub.id },
      dialler: { kind: 'endpoint', mesh, user, endpoint },
      service: name,
      owner,
      isByPolicy,
      groups: standing.groupsOfEndpoint(asker.member),
      id: metering?.session ?? Buffer.from(random(16)).toString('base64url'),
      ...(metering !== undefined && { reportEveryMs: metering.reportEveryMs }),
    } as const
    return (await sealSessionTicket(signer(), claims, ms(now))).ticket
  }

  return {
    async open(asker, serviceId, type, now) {
      const service = services.get(asker, serviceId)
      if (service === undefined) throw new EdgeError('NOT_FOUND', 'There is no such service')
      if (!service.permissions.includes(type)) throw fieldError('ServiceId', 'service not found', serviceId)
      if (routersFor(asker, service).length === 0) {
        throw new EdgeError(
          'NO_EDGE_ROUTERS_AVAILABLE',
          'No hub that this identity and this service may both use is online: look at the edge router policies',
        )
      }
      return keep({ apiSessionId: asker.member.id, identityId: idOf(asker), service, type }, now)
    },
    note: (order, now) => void keep(order, now),
    list(apiSessionId) {
      if (apiSessionId === undefined) return [...sessions.values()]
      return [...(byApiSession.get(apiSessionId) ?? [])].flatMap(id => sessions.get(id) ?? [])
    },
    get: id => sessions.get(id),
    delete: remove,
    endOf(apiSessionId) {
      for (const id of [...(byApiSession.get(apiSessionId) ?? [])]) remove(id)
    },
    endWhere(isOver) {
      for (const session of [...sessions.values()]) if (isOver(session)) remove(session.id)
    },
    async show(session, asker, now) {
      return { ...describe(session, asker), token: await tokenOf(session, asker, now) }
    },
    showInList: describe,
    routersFor,
  }

  function hostsOf({ serviceName }: ShownSession): EndpointId[] {
    return [...(hostings.service(meshNameOf({ name: serviceName }))?.hostings.keys() ?? [])]
  }

  function describe(session: ShownSession, asker: Asker): object {
    const service = services.get(asker, session.serviceId)
    return {
      ...entityBase('sessions', session),
      type: session.type,
      token: session.id,
      serviceId: session.serviceId,
      service: entityRef('services', session.serviceId, session.serviceName),
      apiSessionId: session.apiSessionId,
      apiSession: entityRef('api-sessions', session.apiSessionId, ''),
      identityId: session.identityId,
      edgeRouters: routers
        .nearestFirst(routersFor(asker, service), asker.member.id, hostsOf(session))
        .map(routers.show),
    }
  }
}

/** @throws EdgeError INSUFFICIENT_BALANCE, TIMEOUT */
async function pay(check: ReturnType<DialGate['check']>): ReturnType<DialGate['check']> {
  try {
    return await check
  } catch (thrown) {
    const { code, message } = toMeshError(thrown)
    if (code === 'insufficient-balance') throw new EdgeError('INSUFFICIENT_BALANCE', message)
    if (code === 'billing-failed') throw new EdgeError('TIMEOUT', message)
    throw thrown
  }
}

/** The same for the same login, service and type: asked for twice, it is one session. */
function sessionIdOf(apiSessionId: string, type: string, serviceId: string): string {
  const hex = createHash('sha256').update(`session ${apiSessionId} ${type} ${serviceId}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Sessions that are remembered at one time; the oldest makes room. */
export const MAX_EDGE_SESSIONS = 200_000
