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
import type { Endpoints } from './endpoints.ts'
import type { Groups } from './groups.ts'
import type { Members } from './members.ts'
import type { GroupRecord } from './records.ts'
import type { Standing } from './standing.ts'
import type { StandingChanges } from './standing-changes.ts'
import type { Users } from './users.ts'

type GroupCalls = Pick<
  Handlers<typeof CONTROLLER_API, Caller>,
  'listGroups' | 'showGroup' | 'reviewGroups' | 'createGroup' | 'updateGroup' | 'deleteGroup'
>

/** Serve groups: made and changed by administrators, seen by all, as whoever lets one in wants to know whom. */
export function createGroupHandlers(
  context: Context,
  parts: {
    groups: Groups
    changes: Pick<StandingChanges, 'membersOf' | 'regroup'>
    endpoints: Pick<Endpoints, 'get'>
    standing: Standing
    members: Members
    decisions: Decisions
    users: Users
    edge: Pick<EdgeState, 'tables'>
  },
): GroupCalls {
  const { clock, log, limits, exclusive, random } = context
  const { groups, members, decisions, changes, endpoints, standing } = parts

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
    const namesWith = (names: readonly Name[]) => [...names.filter(name => name !== known?.name), next.name]
    for (const user of next.users) counts.push(...roomFor(namesWith(groups.of(user)), user))
    for (const one of changes.membersOf(next)) {
      counts.push(...roomFor(namesWith(standing.groupsOfEndpoint(one)), `endpoint ${one.name}`))
    }
    for (const [amount, limit, of] of counts) {
      if (amount <= limit) continue
      throw new MeshError('too-many', `Cannot ${what}: at most ${limit} ${of}: remove some`)
    }
  }

  /** Write a group, and tell whom it concerns. */
  function write(next: GroupRecord, known: GroupRecord | undefined): Promise<void> {
    const concerned = [...changes.membersOf(next), ...(known ? changes.membersOf(known) : [])]
    return changes.regroup(new Set(concerned.map(({ id }) => id)), () => groups.put(next))
  }

  async function create(body: Call<typeof CONTROLLER_API.createGroup, Caller>['body'], by: UserName) {
    const { name } = body
    const what = `create group ${quote(name)}`
    refuseTakenName(name, what)
    refuseUnknown(body.users, what)
    const now = clock.now()
    const id = Buffer.from(random(ID_BYTES)).toString('hex')
    const [users, labels] = [tidy(body.users), tidy(body.labels)]
    const record = { version: 1, id, name, users, labels, createdAtMs: now, changedAtMs: now } as const
    refuseTooMany(record, undefined, what)
    await write(record, undefined)
    log.warn('group.made', { group: name, users: shown(users), userCount: users.length, labels, by })
    return describe(record)
  }

  async function update(
    known: GroupRecord,
    body: Call<typeof CONTROLLER_API.updateGroup, Caller>['body'],
    by: UserName,
  ) {
    const { name = known.name } = body
    const what = `update group ${quote(known.name)}`
    refuseTakenName(name, what, known)
    const users = changeList(known.users, { add: body.addUsers, remove: body.removeUsers }, what)
    const labels = changeList(known.labels, { add: body.addLabels, remove: body.removeLabels }, what)
    refuseUnknown(users.added, what)
    const changedAtMs = clock.now()
    const record: GroupRecord = { ...known, name, users: users.list, labels: labels.list, changedAtMs }
    const isMore = users.added.length + labels.added.length > 0
    if (isMore || name !== known.name) refuseTooMany(record, known, what)
    await write(record, known)
    log.warn('group.changed', {
      group: known.name,
      ...(name !== known.name && { name }),
      added: shown(users.added),
      removed: shown(users.removed),
      userCount: record.users.length,
      labels: record.labels,
      by,
    })
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
    async reviewGroups({ body, caller }) {
      members.require(caller)
      const now = body.endpoints.map(id => {
        const record = endpoints.get(id)
        return record === undefined || members.isEvicted(record) ? [] : [...standing.groupsOfEndpoint(record)]
      })
      return { groups: now }
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
        const ids = changes.membersOf(group).map(({ id }) => id)
        await changes.regroup(ids, () => groups.delete(group))
        log.warn('group.deleted', { group: group.name, userCount: group.users.length, by: record.user })
        return undefined
      }),
  }
}

/** How much of a session ticket groups take, and what there is room for. @param whom  `bob` */
export function roomFor(names: readonly Name[], whom: string): [number, number, string][] {
  const bytes = Buffer.byteLength(JSON.stringify(names))
  return [
    [names.length, MAX_TICKET_GROUPS, `groups of ${whom}`],
    [bytes, MAX_TICKET_GROUP_BYTES, `bytes of names of the groups of ${whom}`],
  ]
}

/** Add to a list and remove from it. @throws MeshError `bad-input`, `not-found` for what is not in it */
function changeList<T extends string>(
  known: readonly T[],
  { add, remove }: { add: readonly T[]; remove: readonly T[] },
  what: string,
): { list: T[]; added: T[]; removed: T[] } {
  const added = tidy(add).filter(one => !known.includes(one))
  const removed = tidy(remove)
  const both = removed.find(one => add.includes(one))
  if (both !== undefined) {
    throw new MeshError('bad-input', `Cannot ${what}: ${both} is both added and removed: say one`)
  }
  const stranger = removed.find(one => !known.includes(one))
  if (stranger !== undefined) {
    throw new MeshError('not-found', `Cannot ${what}: ${stranger} is not in it: show it first`)
  }
  return { list: tidy([...known.filter(one => !removed.includes(one)), ...added]), added, removed }
}

function describe({ name, users, labels, createdAtMs, changedAtMs }: GroupRecord): Group {
  return { name, users, labels, createdAtMs, changedAtMs }
}

function tidy<T extends string>(list: readonly T[]): T[] {
  return [...new Set(list)].sort()
}

/** Of many the log has the beginning and the count. */
function shown(users: readonly UserName[]): UserName[] {
  return users.slice(0, MAX_LOGGED_USERS)
}

const ID_BYTES = 8
const MAX_LOGGED_USERS = 50
