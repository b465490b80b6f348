import type { UserName } from '../core/model/names.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import { foldName } from './fold.ts'
import type { Invitations } from './invitations.ts'
import { ROOT_USER } from './members.ts'
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
