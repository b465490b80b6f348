import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { UserName } from '../core/model/names.ts'
import type { Clock } from '../core/model/time.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import { foldName } from './fold.ts'
import type { Invitations } from './invitations.ts'
import { type Members, ROOT_USER } from './members.ts'
import type { Presence } from './presence.ts'
import type { InvitationRecord } from './records.ts'

/** The users of the mesh. A user is not a record of its own: endpoints, invitations and evictions name it. */
export interface Users {
  names(): ReadonlySet<UserName>
  has(user: UserName): boolean
  /** The known user whose name reads like this one, be it this one. */
  similarTo(user: UserName): UserName | undefined
  /** Evicted, and not invited or enrolled again since. */
  isEvicted(user: UserName, now: number): boolean
}

interface Parts {
  readonly endpoints: Endpoints
  readonly invitations: Invitations
  readonly evictions: Evictions
}

/** Make the view of users that follows from the records. */
export function createUsers({ endpoints, invitations, evictions }: Parts): Users {
  const names = () =>
    new Set([
      ROOT_USER,
      ...[...endpoints.values()].map(({ user }) => user),
      ...[...invitations.values()].map(({ user }) => user),
      ...evictions.list().map(({ user }) => user),
    ])
  return {
    names,
    has: user => names().has(user),
    similarTo: user => [...names()].find(name => foldName(name) === foldName(user)),
    isEvicted(user, now) {
      const eviction = evictions.ofUser(user)
      if (eviction === undefined) return false
      const isBack = endpoints.ofUser(user).some(({ enrolledAtMs }) => enrolledAtMs >= eviction.beforeMs)
      return (
        !isBack && ![...invitations.values()].some(one => one.user === user && isUsable(one, evictions, now))
      )
    },
  }
}

/** Whether an invitation can still be used: open, in time, and no eviction of its user came after it. */
export function isUsable(
  record: InvitationRecord,
  evictions: Pick<Evictions, 'against'>,
  now: number,
): boolean {
  const { state, expiresAtMs, createdAtMs, user } = record
  return state.is === 'open' && now < expiresAtMs && evictions.against({ user }, createdAtMs) === undefined
}

/** Serve `listUsers`. */
export function createUserHandlers(
  clock: Clock,
  parts: Pick<Parts, 'endpoints'> & { users: Users; members: Members; presence: Presence },
): Pick<Handlers<typeof CONTROLLER_API, Caller>, 'listUsers'> {
  const { endpoints, users, members, presence } = parts
  return {
    async listUsers({ caller }) {
      members.require(caller)
      const infos = [...users.names()].sort().map(name => {
        const owned = endpoints.ofUser(name)
        return {
          name,
          isAdmin: name === ROOT_USER,
          endpointCount: owned.length,
          onlineCount: owned.filter(({ id }) => presence.addressOf(id) !== undefined).length,
          isEvicted: users.isEvicted(name, clock.now()),
        }
      })
      return { users: infos }
    },
  }
}
