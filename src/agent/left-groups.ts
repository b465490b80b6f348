import type { GroupChange } from '../core/api/shapes.ts'
import type { Name, UserName } from '../core/model/names.ts'

/** Whether a user is in a group no more, of which a ticket said that they are. @param issuedAtMs  of the ticket */
export type HasLeft = (user: UserName, group: Name, issuedAtMs: number) => boolean

/** Remembers which groups users left while session tickets may still say that they are in them. */
export interface LeftGroups {
  add(change: GroupChange): void
  /** Of the groups that a ticket names, those that its user did not leave since. @param issuedAtMs  of the ticket */
  without(user: UserName, groups: readonly Name[], issuedAtMs: number): readonly Name[]
}

/**
 * Make an empty memory.
 *
 * @param keepMs  how long a ticket of before may still be shown: after that it is void by its own end
 */
export function createLeftGroups(keepMs: number, now: () => number): LeftGroups {
  const known = new Map<string, { readonly beforeMs: number; readonly keptUntilMs: number }>()

  function forgetOld(): void {
    const nowMs = now()
    // In the order of their ends, as all are kept for the same time.
    for (const [key, { keptUntilMs }] of known) {
      if (keptUntilMs > nowMs && known.size <= MAX_LEFT_GROUPS) return
      known.delete(key)
    }
  }

  return {
    add({ users, left, beforeMs }) {
      for (const group of left) {
        for (const user of users) {
          const key = keyOf(user, group)
          known.delete(key)
          known.set(key, { beforeMs, keptUntilMs: now() + keepMs })
        }
      }
      forgetOld()
    },
    without(user, groups, issuedAtMs) {
      if (known.size === 0 || groups.length === 0) return groups
      const hasLeft = (group: Name) => {
        const found = known.get(keyOf(user, group))
        return found !== undefined && issuedAtMs <= found.beforeMs && found.keptUntilMs > now()
      }
      return groups.some(hasLeft) ? groups.filter(group => !hasLeft(group)) : groups
    },
  }
}

function keyOf(user: UserName, group: Name): string {
  // A user's name has no slash.
  return `${user}/${group}`
}

/** Users and groups that a hosting endpoint remembers; of more the oldest go, whose tickets end within ten minutes. */
export const MAX_LEFT_GROUPS = 20_000
