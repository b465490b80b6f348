import { createHash } from 'node:crypto'
import type { UserName } from '../core/model/names.ts'
import type { EdgeState } from './edge/edge-state.ts'
import type { Hostings } from './hostings.ts'
import type { MemberView } from './kind-changes.ts'
import type { EndpointRecord } from './records.ts'
import type { ServiceView } from './service-view.ts'
import type { Standing } from './standing.ts'
import type { Users } from './users.ts'

/** What each member sees, in a few letters. */
export interface MemberViews extends MemberView {
  /** What members see may be another now: it is looked at anew. */
  changed(): void
  /** Streams of these users were reported. */
  noteUsage(users: readonly UserName[]): void
}

/** Make it from what the controller shows. */
export function createMemberViews(parts: {
  hostings: Pick<Hostings, 'services'>
  view: Pick<ServiceView, 'show'>
  standing: Pick<Standing, 'isAdmin' | 'attributesOf'>
  users: Users
  edge: Pick<EdgeState, 'access' | 'subjectOf' | 'tables'>
  now: () => number
}): MemberViews {
  const { hostings, view, standing, users, edge } = parts
  const usageOf = new Map<UserName, number>()
  const kept = new WeakMap<EndpointRecord, { readonly at: number; readonly seen: Seen }>()
  let revision = 0
  let peopleAt: { readonly at: number; readonly text: string } | undefined

  /** Who is there, whom an invitation or an endpoint makes known. */
  function people(): string {
    if (peopleAt?.at === revision) return peopleAt.text
    const now = parts.now()
    const text = digest([...users.names()].sort().map(name => `${name} ${users.isEvicted(name, now)}`))
    peopleAt = { at: revision, text }
    return text
  }

  function services(member: EndpointRecord): string {
    const seen: string[] = []
    for (const service of hostings.services()) {
      const shown = view.show(service, member)
      if (shown === undefined) continue
      // Whether a host is connected, its endpoint tells.
      const hosts = shown.hostings.map(({ isOnline: _, ...host }) => host)
      seen.push(JSON.stringify({ ...shown, hostings: hosts }))
    }
    const { services: declared, configs } = edge.tables
    for (const [id, { dial, bind }] of edge.access.servicesOf(edge.subjectOf(member))) {
      const record = declared.get(id)
      const configTimes = record?.configs.map(config => configs.get(config)?.updatedAtMs) ?? []
      seen.push([id, dial && 'dial', bind && 'bind', record?.updatedAtMs, ...configTimes].join(' '))
    }
    return digest(seen.sort())
  }

  return {
    isAdmin: ({ user }) => standing.isAdmin(user),
    seenBy(member) {
      const before = kept.get(member)
      const seen =
        before?.at === revision
          ? before.seen
          : { service: services(member), identity: digest(standing.attributesOf(member)), user: people() }
      kept.set(member, { at: revision, seen })
      return { ...seen, usage: (usageOf.get(member.user) ?? 0).toString(36) }
    },
    changed() {
      revision += 1
    },
    noteUsage(named) {
      for (const user of named) {
        const count = (usageOf.get(user) ?? 0) + 1
        usageOf.delete(user)
        usageOf.set(user, count)
      }
      // Whoever is forgotten looks at their usage once more.
      for (const user of usageOf.keys()) {
        if (usageOf.size <= MAX_USERS_NOTED) break
        usageOf.delete(user)
      }
    },
  }
}

type Seen = Readonly<Record<'service' | 'identity' | 'user', string>>

/** 72 bits. */
function digest(texts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(text).update('\0')
  return hash.digest('base64url').slice(0, 12)
}

/** Users of whom is known when their usage was last reported; 100 bytes each. */
const MAX_USERS_NOTED = 10_000
