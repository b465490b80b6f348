import { CHANGE_KINDS, type ChangeKind } from '../core/edge/change-kinds.ts'
import type { EndpointRecord } from './records.ts'

/** Who may see that a kind of things changed. */
export type Audience = 'everybody' | 'administrators'

/** What a member who is no administrator sees of things that are not shown to everybody alike. */
export interface MemberView {
  isAdmin(member: EndpointRecord): boolean
  /** A short text for each kind that is another one if what they see is, and the same otherwise; at most 12 letters and digits. */
  seenBy(member: EndpointRecord): Partial<Record<ChangeKind, string>>
}

/** Which kinds of things changed last, as far as who asks may see them. */
export interface KindChanges {
  note(kinds: readonly ChangeKind[], audience: Audience): void
  /**
   * What changed for a member after a mark.
   *
   * @param mark  that of the answer before; of one that says nothing, everything may have changed
   * @returns nothing of what they may not see, and a mark that does not tell of it either
   */
  since(member: EndpointRecord, mark: string): { kinds: ChangeKind[]; mark: string }
}

/**
 * Make an empty list. Administrators see all kinds and are told by name. To others the controller shows a part, which may
 * change by anybody's change of anything: what they see is compared with what they saw, so that a change of what is hidden from
 * them leaves no trace, be it one of a number.
 */
export function createKindChanges(view: MemberView): KindChanges {
  const log = { everybody: createKindLog(), administrators: createKindLog() }
  return {
    note(kinds, audience) {
      log.administrators.note(kinds)
      if (audience === 'everybody') log.everybody.note(kinds)
    },
    since(member, mark) {
      const isAdmin = view.isAdmin(member)
      const { count, since } = isAdmin ? log.administrators : log.everybody
      const views = isAdmin
        ? []
        : Object.entries(view.seenBy(member)).map(([kind, text]) => `${kind}=${text}`)
      const [letter, before = '', ...seen] = mark.split('.')
      const named = letter === (isAdmin ? 'a' : 'm') ? since(before) : undefined
      const isOther = (kind: ChangeKind) =>
        views.some(text => text.startsWith(`${kind}=`) && !seen.includes(text))
      return {
        kinds: CHANGE_KINDS.filter(kind => named === undefined || named.has(kind) || isOther(kind)),
        mark: [isAdmin ? 'a' : 'm', count(), ...views].join('.'),
      }
    },
  }
}

/** When each kind changed last, in changes. */
function createKindLog() {
  const changedAt = new Map<ChangeKind, number>()
  let now = 0
  return {
    count: () => now,
    note(kinds: readonly ChangeKind[]): void {
      now += 1
      for (const kind of kinds) changedAt.set(kind, now)
    },
    /** Undefined if that is no count of this log. */
    since(text: string): ReadonlySet<ChangeKind> | undefined {
      const count = Number(text)
      if (!/^\d{1,15}$/.test(text) || count > now) return undefined
      return new Set([...changedAt].flatMap(([kind, at]) => (at > count ? kind : [])))
    },
  }
}
