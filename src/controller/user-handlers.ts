import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { UserDetail } from '../core/api/people-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { UserInfo } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import { describeInvitation } from './invitation-handlers.ts'
import type { Invitations } from './invitations.ts'
import { type Members, ROOT_USER } from './members.ts'
import type { Presence } from './presence.ts'
import type { EndpointRecord } from './records.ts'
import type { Roles } from './roles.ts'
import type { Standing } from './standing.ts'
import type { Role, StandingChanges } from './standing-changes.ts'
import { isUsable, type Users } from './users.ts'

/** Serve users: seen by members, changed by administrators. */
export function createUserHandlers(
  { clock, exclusive, limits }: Pick<Context, 'clock' | 'exclusive' | 'limits'>,
  parts: {
    endpoints: Pick<Endpoints, 'ofUser'>
    users: Users
    members: Members
    presence: Pick<Presence, 'addressOf' | 'lastSeenMs'>
    invitations: Pick<Invitations, 'values'>
    evictions: Pick<Evictions, 'against'>
    roles: Roles
    standing: Standing
    changes: Pick<StandingChanges, 'setRole'>
    decisions: Decisions
  },
): Pick<Handlers<typeof CONTROLLER_API, Caller>, 'listUsers' | 'showUser' | 'updateUser'> {
  const { endpoints, users, members, presence, invitations, evictions, roles, standing, decisions } = parts

  function describe(name: UserName): UserInfo {
    const owned = endpoints.ofUser(name)
    const lastSeenMs = owned.reduce((last, { id }) => Math.max(last, presence.lastSeenMs(id, clock.now())), 0)
    return {
      name,
      isAdmin: standing.isAdmin(name),
      endpointCount: owned.length,
      onlineCount: owned.filter(({ id }) => presence.addressOf(id) !== undefined).length,
      isEvicted: users.isEvicted(name, clock.now()),
      groups: [...standing.groupsOf(name)],
      ...(lastSeenMs > 0 && { lastSeenMs }),
    }
  }

  function describeInFull(name: UserName, asking: EndpointRecord): UserDetail {
    const role = standing.isAdmin(name) ? roles.get(name) : undefined
    const open = [...invitations.values()].filter(
      one => one.user === name && isUsable(one, evictions, clock.now()),
    )
    return {
      ...describe(name),
      ...(role && { admin: { by: role.by, sinceMs: role.grantedAtMs } }),
      ...(decisions.administer(asking).allow && {
        invitations: open.map(one => describeInvitation(one, evictions, clock.now())),
      }),
    }
  }

  function requireKnown(name: UserName, what: string): void {
    if (users.has(name)) return
    throw new MeshError('not-found', `Cannot ${what} ${quote(name)}: there is none: list the users`)
  }

  async function setRole(user: UserName, role: Role, by: UserName): Promise<void> {
    const what = role === 'admin' ? `make an administrator of ${user}` : `make a plain member of ${user}`
    if (user === ROOT_USER) {
      if (role === 'admin') return
      throw new MeshError('denied', `Cannot ${what}: root always administers the mesh: invite other users`)
    }
    if (isIdentityUser(user)) {
      throw new MeshError(
        'denied',
        `Cannot ${what}: it is an identity of the controller: update the identity`,
      )
    }
    requireKnown(user, 'update user')
    if (standing.isAdmin(user) === (role === 'admin')) return
    if (role === 'admin' && users.isEvicted(user, clock.now())) {
      throw new MeshError('denied', `Cannot ${what}: they were evicted: invite them again`)
    }
    if (role === 'admin' && roles.size >= limits.administrators && roles.get(user) === undefined) {
      throw new MeshError(
        'too-many',
        `Cannot ${what}: at most ${limits.administrators}: make members of some`,
      )
    }
    await parts.changes.setRole(user, role, by)
  }

  return {
    async listUsers({ query: { keyword = '', limit, offset }, caller }) {
      members.require(caller)
      const wanted = keyword.toLowerCase()
      const found = [...users.names()].filter(name => name.toLowerCase().includes(wanted)).sort()
      const end = limit === undefined ? undefined : offset + limit
      return { users: found.slice(offset, end).map(describe), total: found.length }
    },
    async showUser({ params, caller }) {
      const asking = members.require(caller)
      requireKnown(params.user, 'show user')
      return describeInFull(params.user, asking)
    },
    updateUser: ({ params, body, caller }) =>
      exclusive(async () => {
        const asking = members.require(caller)
        decisions.requireAdminister(asking, `update user ${params.user}`)
        await setRole(params.user, body.role, asking.user)
        return describeInFull(params.user, asking)
      }),
  }
}
