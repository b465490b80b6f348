import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Call, Handlers } from '../core/api/route.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { Endpoints } from './endpoints.ts'
import { describeEviction, type Evictions } from './evictions.ts'
import type { Hostings } from './hostings.ts'
import type { Invitations } from './invitations.ts'
import { type Members, ROOT_USER } from './members.ts'
import type { EndpointRecord, EvictionRecord } from './records.ts'
import type { StandingChanges } from './standing-changes.ts'
import type { Users } from './users.ts'

type EvictionCalls = Pick<Handlers<typeof CONTROLLER_API, Caller>, 'evict' | 'listEvictions' | 'undoEviction'>

/** Serve evictions: made and undone by administrators, seen by all. */
export function createEvictionHandlers(
  context: Context,
  parts: {
    endpoints: Endpoints
    hostings: Hostings
    invitations: Invitations
    evictions: Evictions
    members: Members
    decisions: Decisions
    users: Users
    changes: Pick<StandingChanges, 'end'>
  },
): EvictionCalls {
  const { clock, log, limits, emit, exclusive, random } = context
  const { endpoints, hostings, invitations, evictions, members, decisions, users, changes } = parts

  type Wish = Call<typeof CONTROLLER_API.evict, Caller>['body']

  /** Whom a call means. */
  function targetOf({ user, endpoint: id }: Wish): { user: UserName; endpoint?: EndpointRecord } {
    if ((user === undefined) === (id === undefined)) {
      throw new MeshError('bad-input', 'Cannot evict: name a user or an endpoint, one of the two')
    }
    if (id !== undefined) {
      const endpoint = endpoints.get(id)
      if (endpoint !== undefined) return { user: endpoint.user, endpoint }
      throw new MeshError('not-found', `Cannot evict endpoint ${id}: not in this mesh: list the endpoints`)
    }
    if (user === ROOT_USER) {
      throw new MeshError(
        'denied',
        'Cannot evict root: the mesh needs an administrator: evict single endpoints',
      )
    }
    if (user !== undefined && users.has(user)) return { user }
    throw new MeshError('not-found', `Cannot evict user ${user}: not known in this mesh: list the users`)
  }

  async function evict(wish: Wish, by: UserName) {
    const { user, endpoint } = targetOf(wish)
    if (evictions.size >= limits.evictions) {
      throw new MeshError(
        'too-many',
        `Cannot evict: ${limits.evictions} evictions are in force: undo old ones`,
      )
    }
    const record: EvictionRecord = {
      version: 1,
      id: Buffer.from(random(ID_BYTES)).toString('hex'),
      user,
      ...(endpoint && { endpoint: endpoint.id, key: endpoint.key }),
      beforeMs: momentAfter(user, endpoint),
      by,
      ...(wish.reason !== undefined && { reason: wish.reason }),
      createdAtMs: clock.now(),
    }
    const before = (endpoint ? [endpoint] : endpoints.ofUser(user)).filter(one => !members.isEvicted(one))
    await evictions.put(record)
    log.warn('member.evicted', { eviction: record.id, user, endpoint: endpoint?.id, by, reason: wish.reason })
    const out = (endpoint ? [endpoint] : endpoints.ofUser(user)).filter(members.isEvicted)
    emit({ change: 'evicted', eviction: describeEviction(record), endpoints: out.map(({ id }) => id) })
    tellServicesOf(before)
    if (endpoint === undefined) {
      await revokeInvitationsOf(user, by).catch(logUnrevoked)
      await changes.end(user, by).catch(logUnended)
    }
    return describeEviction(record)
  }

  /**
   * A moment that everything given so far came before. Certificates carry whole seconds, so one made in this very
   * second must not slip through, nor one made before the clock was set back.
   */
  function momentAfter(user: UserName, endpoint: EndpointRecord | undefined): number {
    const concerned = endpoint ? [endpoint] : endpoints.ofUser(user)
    const given = concerned.flatMap(one => [one.enrolledAtMs, one.certificate.issuedAtMs])
    const invited = [...invitations.values()].filter(one => one.user === user).map(one => one.createdAtMs)
    const last = evictions.goodFromMs({ user, endpoint: endpoint?.id, key: endpoint?.key })
    const latest = [...given, ...(endpoint ? [] : invited)].reduce((a, b) => Math.max(a, b), last)
    return Math.floor(Math.max(clock.now(), latest) / 1_000 + 1) * 1_000
  }

  function tellServicesOf(records: readonly EndpointRecord[]): void {
    const services = new Set(records.flatMap(({ id }) => hostings.ofEndpoint(id).map(one => one.service)))
    if (services.size > 0) emit({ change: 'services-changed', services: [...services] })
  }

  /** While the eviction stands they are refused anyhow; this keeps them closed when it is undone. */
  async function revokeInvitationsOf(user: UserName, by: UserName): Promise<void> {
    for (const record of invitations.values()) {
      const isOld = evictions.against({ user: record.user }, record.createdAtMs) !== undefined
      if (record.user !== user || record.state.is !== 'open' || !isOld) continue
      await invitations.put({ ...record, state: { is: 'revoked', by, atMs: clock.now() } })
      log.info('invitation.revoked', { invitation: record.id, user, by })
    }
  }

  const logUnrevoked = (error: unknown) =>
    log.warn('invitation.not-revoked', { code: toMeshError(error).code })

  const logUnended = (error: unknown) => log.warn('standing.not-ended', { code: toMeshError(error).code })

  return {
    evict: ({ body, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        decisions.requireAdminister(record, `evict ${body.user ?? body.endpoint ?? 'nobody'}`)
        return evict(body, record.user)
      }),
    async listEvictions({ caller }) {
      members.require(caller)
      return { evictions: [...evictions.list()] }
    },
    undoEviction: ({ params, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        decisions.requireAdminister(record, 'undo an eviction')
        const eviction = evictions.get(params.eviction)
        if (eviction === undefined) {
          throw new MeshError(
            'not-found',
            'Cannot undo eviction: there is none of that id: list the evictions',
          )
        }
        if (eviction.endpoint === undefined) {
          await revokeInvitationsOf(eviction.user, eviction.by)
          await changes.end(eviction.user, eviction.by)
        }
        await evictions.delete(eviction.id)
        log.warn('eviction.undone', { eviction: eviction.id, user: eviction.user, by: record.user })
        emit({ change: 'eviction-undone', id: eviction.id })
        const back = eviction.endpoint ? [endpoints.get(eviction.endpoint)] : endpoints.ofUser(eviction.user)
        tellServicesOf(back.filter(one => one !== undefined))
        return undefined
      }),
  }
}

const ID_BYTES = 8
