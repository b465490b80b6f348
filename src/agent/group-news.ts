import type { GroupChange } from '../core/api/shapes.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Name } from '../core/model/names.ts'

/**
 * The groups that an endpoint is in, by what a ticket says and what was heard since.
 *
 * @param groups      those that the ticket names
 * @param issuedAtMs  of the ticket
 * @returns `groups` itself where nothing changed
 */
export type GroupsNow = (endpoint: EndpointId, groups: readonly Name[], issuedAtMs: number) => readonly Name[]

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
  const known = new Map<EndpointId, Map<Name, News>>()
  let count = 0

  function put(endpoint: EndpointId, group: Name, news: News): void {
    const own = known.get(endpoint) ?? new Map<Name, News>()
    if (own.has(group)) count -= 1
    count += 1
    own.set(group, news)
    // The endpoint whose groups changed last comes last.
    known.delete(endpoint)
    known.set(endpoint, own)
  }

  function forgetOld(): void {
    const nowMs = now()
    for (const [endpoint, own] of known) {
      const isKept = [...own.values()].some(({ keptUntilMs }) => keptUntilMs > nowMs)
      if (isKept && count <= MAX_GROUP_NEWS) return
      known.delete(endpoint)
      count -= own.size
    }
  }

  return {
    add({ endpoints, left, joined, beforeMs }) {
      const keptUntilMs = now() + keepMs
      for (const endpoint of endpoints) {
        for (const group of left) put(endpoint, group, { isIn: false, beforeMs, keptUntilMs })
        for (const group of joined) put(endpoint, group, { isIn: true, beforeMs, keptUntilMs })
      }
      forgetOld()
    },
    groupsNow(endpoint, groups, issuedAtMs) {
      const own = known.size === 0 ? undefined : known.get(endpoint)
      if (own === undefined) return groups
      const nowMs = now()
      const fresh = [...own].filter(
        ([, { beforeMs, keptUntilMs }]) => issuedAtMs <= beforeMs && keptUntilMs > nowMs,
      )
      if (!fresh.some(([group, { isIn }]) => isIn !== groups.includes(group))) return groups
      const changed = new Map(groups.map(group => [group, true]))
      for (const [group, { isIn }] of fresh) changed.set(group, isIn)
      return [...changed].flatMap(([group, isIn]) => (isIn ? [group] : []))
    },
  }
}

/** Changes of one endpoint and group that a hosting endpoint remembers; of more the oldest go, whose tickets end within ten minutes. */
export const MAX_GROUP_NEWS = 20_000
