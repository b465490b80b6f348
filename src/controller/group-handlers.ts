import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Call, Handlers } from '../core/api/route.ts'
import type { Group } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Name, UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import { MAX_TICKET_GROUP_BYTES, MAX_TICKET_GROUPS } from '../pki/session-ticket.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { EdgeState } from './edge/edge-state.ts'
import type { Groups } from './groups.ts'
import type { Members } from './members.ts'
import type { GroupRecord } from './records.ts'
import type { StandingChanges } from './standing-changes.ts'
import type { Users } from './users.ts'

type GroupCalls = Pick<
  Handlers<typeof CONTROLLER_API, Caller>,
  'listGroups' | 'showGroup' | 'createGroup' | 'updateGroup' | 'deleteGroup'
>

/** Serve groups: made and changed by administrators, seen by all, as whoever lets one in wants to know whom. */
export function createGroupHandlers(
  context: Context,
  parts: {
    groups: Groups
    changes: Pick<StandingChanges, 'regrouped'>
    members: Members
    decisions: Decisions
    users: Users
    edge: Pick<EdgeState, 'tables'>
  },
): GroupCalls {
  const { clock, log, limits, exclusive, random } = context
  const { groups, members, decisions } = parts
  const tell = parts.changes.regrouped

  function require(name: Name, what: string): GroupRecord {
    const group = groups.get(name)
    if (group !== undefined) return group
    throw new MeshError('not-found', `Cannot ${what} ${quote(name)}: there is none: list the groups`)
  }

  function refuseTakenName(name: Name, what: string, own?: GroupRecord): void {
    const similar = groups.similarTo(name)
    if (similar === undefined || similar.id === own?.id) return
    throw new MeshError(
      'name-taken',
      `Cannot ${what}: there is a group ${quote(similar.name)}: choose another name`,
    )
  }

  /** A name that nobody has yet would let in whoever gets it one day. */
  function refuseUnknown(added: readonly UserName[], what: string): void {
    const known = parts.users.names()
    const isKnown = (user: UserName) =>
      known.has(user) || (isIdentityUser(user) && parts.edge.tables.identities.get(user) !== undefined)
    const unknown = added.find(user => !isKnown(user))
    if (unknown === undefined) return
    throw new MeshError('not-found', `Cannot ${what}: there is no user ${quote(unknown)}: invite them first`)
  }

  function refuseTooMany(next: GroupRecord, known: GroupRecord | undefined, what: string): void {
    const count = groups.memberCount - (known?.users.length ?? 0) + next.users.length
    const counts: [number, number, string][] = [
      [groups.size + (known === undefined ? 1 : 0), limits.groups, 'groups'],
      [next.users.length, limits.usersPerGroup, 'users in a group'],
      [count, limits.groupMembers, 'users in all groups'],
    ]
    for (const user of next.users) {
      const names = [...groups.of(user).filter(name => name !== known?.name), next.name]
      const bytes = Buffer.byteLength(JSON.stringify(names))
      counts.push([names.length, MAX_TICKET_GROUPS, `groups of ${user}`])
      counts.push([bytes, MAX_TICKET_GROUP_BYTES, `bytes of names of the groups of ${user}`])
    }
    for (const [amount, limit, of] of counts) {
      if (amount <= limit) continue
      throw new MeshError('too-many', `Cannot ${what}: at most ${limit} ${of}: remove some`)
    }
  }

  async function create(
    { name, users }: Call<typeof CONTROLLER_API.createGroup, Caller>['body'],
    by: UserName,
  ) {
    const what = `create group ${quote(name)}`
    refuseTakenName(name, what)
    refuseUnknown(users, what)
    const now = clock.now()
    const id = Buffer.from(random(ID_BYTES)).toString('hex')
    const record = { version: 1, id, name, users: tidy(users), createdAtMs: now, changedAtMs: now } as const
    refuseTooMany(record, undefined, what)
    await groups.put(record)
    log.warn('group.made', { group: name, users: shown(record.users), userCount: record.users.length, by })
    tell(record.users, { joined: [name] })
    return describe(record)
  }

  async function update(
    known: GroupRecord,
    { name = known.name, addUsers, removeUsers }: Call<typeof CONTROLLER_API.updateGroup, Caller>['body'],
    by: UserName,
  ) {
    const what = `update group ${quote(known.name)}`
    refuseTakenName(name, what, known)
    const added = tidy(addUsers).filter(user => !known.users.includes(user))
    const removed = tidy(removeUsers)
    const both = removed.find(user => addUsers.includes(user))
    if (both !== undefined) {
      throw new MeshError('bad-input', `Cannot ${what}: ${both} is both added and removed: say one`)
    }
    const stranger = removed.find(user => !known.users.includes(user))
    if (stranger !== undefined) {
      throw new MeshError('not-found', `Cannot ${what}: ${stranger} is not in it: show it first`)
    }
    refuseUnknown(added, what)
    const users = tidy([...known.users.filter(user => !removed.includes(user)), ...added])
    const record: GroupRecord = { ...known, name, users, changedAtMs: clock.now() }
    if (added.length > 0 || name !== known.name) refuseTooMany(record, known, what)
    await groups.put(record)
    const changes = { added: shown(added), removed: shown(removed), userCount: users.length }
    const renamed = name === known.name ? {} : { name }
    log.warn('group.changed', { group: known.name, ...renamed, ...changes, by })
    const isRenamed = name !== known.name
    tell(isRenamed ? known.users : removed, { left: [known.name] })
    tell(isRenamed ? users : added, { joined: [name] })
    return describe(record)
  }

  return {
    async listGroups({ query, caller }) {
      members.require(caller)
      const { user } = query
      const found = [...groups.values()].filter(group => user === undefined || group.users.includes(user))
      return { groups: found.sort((a, b) => (a.name < b.name ? -1 : 1)).map(describe) }
    },
    async showGroup({ params, caller }) {
      members.require(caller)
      return describe(require(params.group, 'show group'))
    },
    createGroup: ({ body, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        decisions.requireAdminister(record, `create group ${quote(body.name)}`)
        return create(body, record.user)
      }),
    updateGroup: ({ params, body, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        decisions.requireAdminister(record, `update group ${quote(params.group)}`)
        return update(require(params.group, 'update group'), body, record.user)
      }),
    deleteGroup: ({ params, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        decisions.requireAdminister(record, `delete group ${quote(params.group)}`)
        const group = require(params.group, 'delete group')
        await groups.delete(group)
        log.warn('group.deleted', { group: group.name, userCount: group.users.length, by: record.user })
        tell(group.users, { left: [group.name] })
        return undefined
      }),
  }
}

function describe({ name, users, createdAtMs, changedAtMs }: GroupRecord): Group {
  return { name, users, createdAtMs, changedAtMs }
}

function tidy(users: readonly UserName[]): UserName[] {
  return [...new Set(users)].sort()
}

/** Of many the log has the beginning and the count. */
function shown(users: readonly UserName[]): UserName[] {
  return users.slice(0, MAX_LOGGED_USERS)
}

const ID_BYTES = 8
const MAX_LOGGED_USERS = 50
