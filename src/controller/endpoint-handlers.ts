import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { EndpointInfo } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Name } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { EndpointRemoval } from './endpoint-removal.ts'
import { createEndpointSearch } from './endpoint-search.ts'
import type { Endpoints } from './endpoints.ts'
import { roomFor } from './group-handlers.ts'
import type { Groups } from './groups.ts'
import { changeLabels, joinLabels } from './labels.ts'
import type { Members } from './members.ts'
import type { MeshChanges } from './mesh-changes.ts'
import type { Presence } from './presence.ts'
import type { EndpointRecord } from './records.ts'
import type { StandingChanges } from './standing-changes.ts'

type EndpointCalls = Pick<
  Handlers<typeof CONTROLLER_API, Caller>,
  | 'announce'
  | 'listEndpoints'
  | 'countEndpoints'
  | 'awaitChanges'
  | 'showEndpoint'
  | 'labelEndpoint'
  | 'removeEndpoint'
>

/** Serve what is asked of endpoints. */
export function createEndpointHandlers(
  context: Context,
  parts: {
    endpoints: Endpoints
    members: Members
    presence: Presence
    decisions: Decisions
    removal: EndpointRemoval
    groups: Pick<Groups, 'of'>
    changes: Pick<StandingChanges, 'regroup'>
    meshChanges: Pick<MeshChanges, 'wait'>
  },
): EndpointCalls {
  const { clock, log, exclusive } = context
  const { endpoints, members, presence, decisions, removal, groups, changes } = parts
  const search = createEndpointSearch(endpoints, presence)

  function describe(record: EndpointRecord): EndpointInfo {
    const { id, name, user, labels, givenLabels = [], software: version } = record
    const address = presence.addressOf(id)
    const lastSeenMs = presence.lastSeenMs(id, clock.now())
    const isOnline = address !== undefined
    const seen = { isOnline, lastSeenMs, ...(isOnline && { address }) }
    return { id, name, user, labels, givenLabels, version, ...seen }
  }

  function require(id: EndpointId): EndpointRecord {
    const record = endpoints.get(id)
    if (record !== undefined) return record
    throw new MeshError('not-found', `Cannot find endpoint ${id}: not in this mesh: list the endpoints`)
  }

  /** Write a record unless it says what is there. */
  async function update(record: EndpointRecord): Promise<EndpointInfo> {
    const known = require(record.id)
    const isSame =
      known.software === record.software &&
      known.labels.join('/') === record.labels.join('/') &&
      known.givenLabels?.join('/') === record.givenLabels?.join('/')
    if (!isSame) await endpoints.put(record)
    return describe(record)
  }

  /** By its labels an endpoint comes into groups. */
  function refuseTooMany({ user, name }: EndpointRecord, given: readonly Name[]): void {
    for (const [count, limit, of] of roomFor(groups.of(user, given), `endpoint ${name}`)) {
      if (count <= limit) continue
      throw new MeshError('too-many', `Cannot label endpoint ${quote(name)}: at most ${limit} ${of}`)
    }
  }

  return {
    announce: ({ body, caller }) =>
      exclusive(() => {
        const record = members.require(caller)
        const told = body.labels && joinLabels(record.givenLabels ?? [], body.labels)
        return update({ ...record, software: body.version, ...told })
      }),
    async listEndpoints({ query, caller }) {
      members.require(caller)
      const found = search.find(query)
      const page = found.slice(query.offset, query.offset + query.limit)
      return { endpoints: page.map(describe), total: found.length }
    },
    async countEndpoints({ query: { by, limit, ...filter }, caller }) {
      members.require(caller)
      return search.count(filter, by, limit)
    },
    async awaitChanges({ query, caller }) {
      return parts.meshChanges.wait(() => members.require(caller), query.since)
    },
    async showEndpoint({ params, caller }) {
      members.require(caller)
      return describe(require(params.endpoint))
    },
    labelEndpoint: ({ params, body, caller }) =>
      exclusive(async () => {
        const asking = members.require(caller)
        const record = require(params.endpoint)
        decisions.requireManage(asking, record, `label endpoint ${quote(record.name)}`)
        const labels = changeLabels(record, body, decisions.administer(asking).allow)
        refuseTooMany(record, labels.givenLabels)
        const info = await changes.regroup([record.id], () => update({ ...record, ...labels }))
        log.info('endpoint.labelled', { endpoint: record.id, ...labels, by: asking.user })
        return info
      }),
    removeEndpoint: ({ params, caller }) =>
      exclusive(async () => {
        const asking = members.require(caller)
        const record = require(params.endpoint)
        decisions.requireManage(asking, record, `remove endpoint ${quote(record.name)}`)
        await removal.remove(record, asking.user)
        return undefined
      }),
  }
}
