import type { EndpointId } from '../core/model/ids.ts'
import type { Name, UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import type { EdgeState } from './edge/edge-state.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import type { Groups } from './groups.ts'
import type { Hostings } from './hostings.ts'
import type { EndpointRecord, GroupRecord } from './records.ts'
import type { Roles } from './roles.ts'
import type { Standing } from './standing.ts'

/** What a user is in the mesh. */
export type Role = 'admin' | 'member'

/** Changes what users are to policy, and tells those whom it concerns. All of it within a turn of `exclusive`. */
export interface StandingChanges {
  /** Endpoints that are in a group now, or would be. */
  membersOf(group: Pick<GroupRecord, 'users' | 'labels'>): EndpointRecord[]
  /**
   * Change something that may put endpoints into groups, or take them out, and tell what it did.
   *
   * @param ids     endpoints whose groups it may change
   * @param change  writes it down
   */
  regroup<T>(ids: Iterable<EndpointId>, change: () => Promise<T>): Promise<T>
  /** Make an administrator, or a plain member, of a user. @throws MeshError as the store; then nothing changed */
  setRole(user: UserName, role: Role, by: UserName): Promise<void>
  /** The user was evicted: should they come back, they are a plain member in no group. @throws MeshError as the store */
  end(user: UserName, by: UserName): Promise<void>
}

/** Make the one place where standing changes. */
export function createStandingChanges(
  { clock, emit, log }: Pick<Context, 'clock' | 'emit' | 'log'>,
  parts: {
    groups: Groups
    roles: Roles
    standing: Standing
    endpoints: Pick<Endpoints, 'get' | 'values' | 'ofUser'>
    hostings: Pick<Hostings, 'services'>
    evictions: Pick<Evictions, 'goodFromMs'>
    edge: Pick<EdgeState, 'attributesChanged' | 'adminEnded'>
  },
): StandingChanges {
  const { groups, roles, standing, endpoints, evictions, edge } = parts

  function groupsOf(id: EndpointId): readonly Name[] {
    const record = endpoints.get(id)
    return record === undefined ? [] : standing.groupsOfEndpoint(record)
  }

  /** Those with the same change in one event. */
  function tell(left: readonly Name[], joined: readonly Name[], changed: readonly EndpointId[]): void {
    const owners = new Set(changed.map(id => endpoints.get(id)?.user))
    const hosts = new Set<EndpointId>()
    // Any app may have asked for groups, whatever the access list of its service says; but for those that no other may dial:
    // in a mesh of thousands nearly every endpoint hosts something, most of them for its user alone.
    for (const { owner, hostings } of parts.hostings.services()) {
      for (const { endpoint, access } of hostings.values()) {
        const isShared = access.users.length + (access.groups?.length ?? 0) > 0 || access.policies === true
        if (isShared || owners.has(owner)) hosts.add(endpoint)
      }
    }
    for (let at = 0; at < changed.length; at += MAX_TOLD_AT_ONCE) {
      const some = changed.slice(at, at + MAX_TOLD_AT_ONCE)
      const change = { endpoints: some, left: [...left], joined: [...joined], beforeMs: clock.now() }
      emit({ change: 'groups-changed', groups: change, concerned: [...new Set([...some, ...hosts])] })
    }
    edge.attributesChanged(changed)
  }

  const regroup: StandingChanges['regroup'] = async (ids, change) => {
    const before = new Map([...ids].map(id => [id, groupsOf(id)]))
    const result = await change()
    const changes = new Map<string, { left: Name[]; joined: Name[]; ids: EndpointId[] }>()
    for (const [id, was] of before) {
      const is = groupsOf(id)
      const left = was.filter(group => !is.includes(group))
      const joined = is.filter(group => !was.includes(group))
      if (left.length + joined.length === 0) continue
      const key = JSON.stringify([left, joined])
      const same = changes.get(key) ?? { left, joined, ids: [] }
      same.ids.push(id)
      changes.set(key, same)
    }
    for (const { left, joined, ids: changed } of changes.values()) tell(left, joined, changed)
    return result
  }

  async function setRole(user: UserName, role: Role, by: UserName): Promise<void> {
    if (role === 'admin') {
      // An eviction reaches to the end of its second: who came back after it must not be under it.
      const grantedAtMs = Math.max(clock.now(), evictions.goodFromMs({ user }))
      await roles.put({ version: 1, user, role, by, grantedAtMs })
    } else {
      await roles.delete(user)
      edge.adminEnded(user)
    }
    log.warn('role.changed', { user, role, by })
  }

  return {
    membersOf({ users, labels }) {
      const owned = users.flatMap(user => endpoints.ofUser(user))
      if (labels.length === 0) return [...owned]
      const hasLabel = ({ givenLabels }: EndpointRecord) => givenLabels?.some(label => labels.includes(label))
      return [...new Set([...owned, ...[...endpoints.values()].filter(hasLabel)])]
    },
    regroup,
    setRole,
    async end(user, by) {
      if (roles.get(user) !== undefined) await setRole(user, 'member', by)
      const ids = endpoints.ofUser(user).map(({ id }) => id)
      await regroup(ids, async () => {
        for (const name of groups.of(user)) {
          const group = groups.get(name)
          if (group === undefined) continue
          const users = group.users.filter(one => one !== user)
          await groups.put({ ...group, users, changedAtMs: clock.now() })
          log.warn('group.changed', { group: name, removed: [user], userCount: users.length, by })
        }
      })
    },
  }
}

/** Endpoints in one event; more go in several. */
const MAX_TOLD_AT_ONCE = 1_000
