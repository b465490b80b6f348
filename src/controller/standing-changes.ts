import type { EndpointId } from '../core/model/ids.ts'
import type { Name, UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import type { EdgeState } from './edge/edge-state.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import type { Groups } from './groups.ts'
import type { Hostings } from './hostings.ts'
import type { Roles } from './roles.ts'

/** What a user is in the mesh. */
export type Role = 'admin' | 'member'

/** Changes what users are to policy, and tells those whom it concerns. All of it within a turn of `exclusive`. */
export interface StandingChanges {
  /** Say which groups some users left or joined, once that is stored. */
  regrouped(
    users: readonly UserName[],
    change: { readonly left?: readonly Name[]; readonly joined?: readonly Name[] },
  ): void
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
    endpoints: Pick<Endpoints, 'ofUser'>
    hostings: Pick<Hostings, 'services'>
    evictions: Pick<Evictions, 'goodFromMs'>
    edge: Pick<EdgeState, 'attributesChanged' | 'adminEnded'>
  },
): StandingChanges {
  const { groups, roles, endpoints, hostings, evictions, edge } = parts

  const regrouped: StandingChanges['regrouped'] = (users, { left = [], joined = [] }) => {
    if (users.length === 0) return
    const concerned = new Set<EndpointId>(users.flatMap(user => endpoints.ofUser(user).map(({ id }) => id)))
    // Any app may have asked for groups, whatever the access list of its service says.
    for (const service of hostings.services()) {
      for (const endpoint of service.hostings.keys()) concerned.add(endpoint)
    }
    const change = { users: [...users], left: [...left], joined: [...joined], beforeMs: clock.now() }
    emit({ change: 'groups-changed', groups: change, concerned: [...concerned] })
    edge.attributesChanged(users)
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
    regrouped,
    setRole,
    async end(user, by) {
      if (roles.get(user) !== undefined) await setRole(user, 'member', by)
      for (const name of groups.of(user)) {
        const group = groups.get(name)
        if (group === undefined) continue
        const users = group.users.filter(one => one !== user)
        await groups.put({ ...group, users, changedAtMs: clock.now() })
        log.warn('group.changed', { group: name, removed: [user], userCount: users.length, by })
        regrouped([user], { left: [name] })
      }
    },
  }
}
