import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import type { Decision } from '../core/policy/rule.ts'
import { explain } from '../core/policy/standing-rules.ts'
import type { Decisions } from './decisions.ts'
import type { Endpoints } from './endpoints.ts'
import type { Hostings } from './hostings.ts'
import type { Members } from './members.ts'
import type { Presence } from './presence.ts'
import type { EndpointRecord } from './records.ts'

/** Serve the question whether one endpoint may reach another, or a service, and why. */
export function createReach(parts: {
  readonly members: Pick<Members, 'require' | 'isEvicted'>
  readonly endpoints: Pick<Endpoints, 'get'>
  readonly hostings: Pick<Hostings, 'service' | 'healthOf'>
  readonly presence: Pick<Presence, 'addressOf'>
  readonly decisions: Pick<Decisions, 'administer' | 'dial' | 'meet' | 'meetDirectly' | 'requireManage'>
}): Pick<Handlers<typeof CONTROLLER_API, Caller>, 'explainReach'> {
  const { members, endpoints, hostings, presence, decisions } = parts

  function require(id: EndpointId): EndpointRecord {
    const record = endpoints.get(id)
    if (record !== undefined) return record
    throw new MeshError('not-found', `Cannot find endpoint ${id}: not in this mesh: list the endpoints`)
  }

  const named = (record: EndpointRecord) => {
    const { id, name, user } = record
    return { id, name, user, isOnline: presence.addressOf(id) !== undefined }
  }

  function describe(from: EndpointRecord, host: EndpointRecord, decision: Decision) {
    const evicted = [from, host].find(members.isEvicted)
    return {
      ...named(host),
      isAllowed: decision.allow && evicted === undefined,
      because: evicted === undefined ? explain(decision) : `${quote(evicted.user)} was evicted from the mesh`,
      mayMeetDirectly: decision.allow && decisions.meetDirectly(from, host).allow,
    }
  }

  /** Of the hosts, those that it may dial; where it may dial none, who asks learns of none but their own. */
  function hostsOf(name: ServiceName, from: EndpointRecord, asking: EndpointRecord) {
    const service = hostings.service(name)
    const seesAll = service?.owner === asking.user || decisions.administer(asking).allow
    const all = [...(service?.hostings.values() ?? [])].flatMap(hosting => {
      const host = endpoints.get(hosting.endpoint)
      if (service === undefined || host === undefined) return []
      const decision = decisions.dial(from, service, hosting)
      return [{ ...describe(from, host, decision), health: hostings.healthOf(hosting) }]
    })
    const shown = all.filter(({ isAllowed }) => seesAll || isAllowed)
    // Who may not dial it is told the same of one that is not there.
    if (shown.length > 0 || !seesAll) return shown
    throw new MeshError(
      'not-found',
      `Cannot find service ${quote(name)}: no endpoint hosts it: see \`ztm get service\``,
    )
  }

  return {
    async explainReach({ body, caller }) {
      const asking = members.require(caller)
      const from = require(body.from ?? asking.id)
      if (from.id !== asking.id) decisions.requireManage(asking, from, `ask for endpoint ${quote(from.name)}`)
      let hosts: ReturnType<typeof describe>[]
      if ('service' in body.to) hosts = hostsOf(body.to.service, from, asking)
      else {
        const to = require(body.to.endpoint)
        hosts = [describe(from, to, decisions.meet(from, to))]
      }
      const best =
        hosts.find(({ isAllowed, isOnline }) => isAllowed && isOnline) ?? hosts.find(host => host.isAllowed)
      return {
        from: named(from),
        isAllowed: best !== undefined,
        because: (best ?? hosts[0])?.because ?? 'no policy allows it, or nobody hosts it',
        hosts: hosts.slice(0, 1_000),
      }
    },
  }
}
