import type { GroupChange } from '../core/api/shapes.ts'
import type { Name, UserName } from '../core/model/names.ts'

/**
 * The groups that a user is in, by what a ticket says and what was heard since.
 *
 * @param groups      those that the ticket names
 * @param issuedAtMs  of the ticket
 * @returns `groups` itself where nothing changed
 */
export type GroupsNow = (user: UserName, groups: readonly Name[], issuedAtMs: number) => readonly Name[]

/** Remembers how groups changed while session tickets may still say what was. */
export interface GroupNews {
  add(change: GroupChange): void
  readonly groupsNow: GroupsNow
}

interface News {
  readonly isIn: boolean
  readonly beforeMs: number
  readonly keptUntilMs: number
}

/**
 * Make an empty memory.
 *
 * @param keepMs  how long a ticket of before may still be shown: after that it is void by its own end
 */
export function createGroupNews(keepMs: number, now: () => number): GroupNews {
  const known = new Map<UserName, Map<Name, News>>()
  let count = 0

  function put(user: UserName, group: Name, news: News): void {
    const ofUser = known.get(user) ?? new Map<Name, News>()
    if (ofUser.has(group)) count -= 1
    count += 1
    ofUser.set(group, news)
    // The user whose groups changed last comes last.
    known.delete(user)
    known.set(user, ofUser)
  }

  function forgetOld(): void {
    const nowMs = now()
    for (const [user, ofUser] of known) {
      const isKept = [...ofUser.values()].some(({ keptUntilMs }) => keptUntilMs > nowMs)
      if (isKept && count <= MAX_GROUP_NEWS) return
      known.delete(user)
      count -= ofUser.size
    }
  }

  return {
    add({ users, left, joined, beforeMs }) {
      const keptUntilMs = now() + keepMs
      for (const user of users) {
        for (const group of left) put(user, group, { isIn: false, beforeMs, keptUntilMs })
        for (const group of joined) put(user, group, { isIn: true, beforeMs, keptUntilMs })
      }
      forgetOld()
    },
    groupsNow(user, groups, issuedAtMs) {
      const ofUser = known.size === 0 ? undefined : known.get(user)
      if (ofUser === undefined) return groups
      const nowMs = now()
      const fresh = [...ofUser].filter(
        ([, { beforeMs, keptUntilMs }]) => issuedAtMs <= beforeMs && keptUntilMs > nowMs,
      )
      if (!fresh.some(([group, { isIn }]) => isIn !== groups.includes(group))) return groups
      const changed = new Map(groups.map(group => [group, true]))
      for (const [group, { isIn }] of fresh) changed.set(group, isIn)
      return [...changed].flatMap(([group, isIn]) => (isIn ? [group] : []))
    },
  }
}

/** Changes of one user and group that a hosting endpoint remembers; of more the oldest go, whose tickets end within ten minutes. */
export const MAX_GROUP_NEWS = 20_000
