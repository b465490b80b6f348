import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Call, Handlers } from '../core/api/route.ts'
import type { Access, Rank } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName, UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { explain } from '../core/policy/standing-rules.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { DeclaredServices } from './edge/declared-services.ts'
import { entryCount, type Service } from './hosting-index.ts'
import { type Hostings, mayHostName } from './hostings.ts'
import type { Members } from './members.ts'
import type { EndpointRecord, HostingRecord } from './records.ts'
import type { ServiceView } from './service-view.ts'

type ServiceCalls = Pick<Handlers<typeof CONTROLLER_API, Caller>, 'listServices' | 'host' | 'unhost'>

/** Serve who hosts what. The user whose endpoint hosts a service first owns its name until nobody hosts it. */
export function createServiceHandlers(
  context: Context,
  parts: {
    hostings: Hostings
    members: Members
    decisions: Decisions
    view: ServiceView
    declared: Pick<DeclaredServices, 'get' | 'similarTo'>
    /** What an administrator said of a hosting before it was there. */
    plannedRank: (endpoint: EndpointId, service: ServiceName) => Rank | undefined
  },
): ServiceCalls {
  const { clock, log, limits, emit, exclusive } = context
  const { hostings, members, decisions, view, declared, plannedRank } = parts

  async function host(
    record: EndpointRecord,
    { params, body }: Call<typeof CONTROLLER_API.host, Caller>,
  ): Promise<void> {
    const { service: name } = params
    if (!mayHostName(name, record.user))
      throw new MeshError(
        'denied',
        `Cannot host ${quote(name)}: names that begin with a dot are of apps, and this is not one of ${record.user}'s: choose another`,
      )
    const similar = hostings.similarTo(name)
    const reserved = declared.similarTo(name)
    const owner = (declared.get(name)?.id as UserName | undefined) ?? record.user
    if (reserved !== undefined && owner !== reserved.id) refuseDeclaredName(name, reserved.name)
    if (similar !== undefined) refuseTakenName(name, similar, owner)
    const decision = decisions.bind(record, { name, owner })
    if (!decision.allow) {
      log.warn('hosting.denied', {
        service: name,
        user: record.user,
        endpoint: record.id,
        rule: decision.rule?.id,
      })
      throw new MeshError('denied', `Cannot host ${quote(name)}: ${explain(decision)}`)
    }
    const known = hostings.get(record.id, name)
    const adminRank = known === undefined ? plannedRank(record.id, name) : known.adminRank
    const hosting: HostingRecord = {
      version: 1,
      endpoint: record.id,
      service: name,
      access: tidy(body.access),
      ...(body.rank && { rank: body.rank }),
      ...(adminRank && { adminRank }),
      ...(body.instance && { instance: body.instance }),
      createdAtMs: known?.createdAtMs ?? clock.now(),
    }
    const isNewAccess = known === undefined || !isSameHosting(known, hosting)
    if (isNewAccess) {
      refuseTooMany(hosting, { known, similar, user: owner })
      await hostings.put(hosting)
      log.info(known === undefined ? 'service.hosted' : 'service.access-changed', {
        service: name,
        endpoint: record.id,
        user: record.user,
        users: hosting.access.users.slice(0, MAX_LOGGED_USERS),
        userCount: hosting.access.users.length,
      })
    }
    const isNewHealth = hostings.setHealth(hosting, body.health)
    if (isNewAccess || isNewHealth) emit({ change: 'services-changed', services: [name] })
  }

  function refuseTooMany(
    next: HostingRecord,
    {
      known,
      similar,
      user,
    }: { known?: HostingRecord | undefined; similar?: Service | undefined; user: UserName },
  ): void {
    const usage = hostings.usageOf(user)
    const entryGrowth = entryCount(next) - (known === undefined ? 0 : entryCount(known))
    const newServices = similar === undefined ? 1 : 0
    const newHostings = known === undefined ? 1 : 0
    const counts: [number, number, string][] = [
      [hostings.serviceCount + newServices, limits.services, 'services in this mesh'],
      [usage.services + newServices, limits.servicesPerUser, `services of ${user}`],
      [(similar?.hostings.size ?? 0) + newHostings, limits.hostingsPerService, 'hostings of this service'],
      [usage.hostings + newHostings, limits.hostingsPerUser, `hostings of ${user}`],
    ]
    // Shrinking an access list is never refused.
    if (entryGrowth > 0) {
      const entries = usage.accessEntries + entryGrowth
      counts.push([entries, limits.accessEntriesPerUser, `entries in access lists of ${user}`])
    }
    for (const [count, limit, what] of counts) {
      if (count <= limit) continue
      throw new MeshError(
        'too-many',
        `Cannot host ${quote(next.service)}: at most ${limit} ${what}: remove some`,
      )
    }
  }

  return {
    async listServices({ caller }) {
      const record = members.require(caller)
      const services = [...hostings.services()].flatMap(service => view.show(service, record) ?? [])
      return { services: services.sort((a, b) => (a.name < b.name ? -1 : 1)) }
    },
    host: call =>
      exclusive(async () => {
        const record = members.require(call.caller)
        await host(record, call)
        const service = hostings.service(call.params.service)
        const info = service && view.show(service, record)
        if (info !== undefined) return info
        throw new MeshError('bug', 'Cannot show the service that was just hosted')
      }),
    unhost: ({ params, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        const hosting = hostings.get(record.id, params.service)
        if (hosting === undefined) {
          throw new MeshError(
            'not-found',
            `Cannot unhost ${quote(params.service)}: this endpoint does not host it`,
          )
        }
        await hostings.delete(hosting)
        log.info('service.unhosted', { service: params.service, endpoint: record.id, user: record.user })
        emit({ change: 'services-changed', services: [params.service] })
        return undefined
      }),
  }
}

function refuseTakenName(name: string, similar: Service, user: UserName): void {
  if (similar.owner !== user) {
    throw new MeshError(
      'name-taken',
      `Cannot host ${quote(name)}: ${similar.owner} owns the name ${quote(similar.name)}: choose another`,
    )
  }
  if (similar.name === name) return
  throw new MeshError(
    'name-taken',
    `Cannot host ${quote(name)}: it reads like your ${quote(similar.name)}: use that, or another name`,
  )
}

function tidy(access: Access): Access {
  return {
    users: [...new Set(access.users)].sort(),
    ...(access.groups?.length && { groups: [...new Set(access.groups)].sort() }),
    entrances: [...new Set(access.entrances)].sort(),
    ...(access.policies === true && { policies: true }),
  }
}

/** Whether there is nothing to write. */
function isSameHosting(a: HostingRecord, b: HostingRecord): boolean {
  const isSameRank = a.rank?.cost === b.rank?.cost && a.rank?.precedence === b.rank?.precedence
  return isSameRank && a.instance === b.instance && isSameAccess(a.access, b.access)
}

/** Both must be tidy. */
function isSameAccess(a: Access, b: Access): boolean {
  return (
    a.users.join('/') === b.users.join('/') &&
    a.groups?.join('/') === b.groups?.join('/') &&
    a.entrances.join('/') === b.entrances.join('/') &&
    a.policies === b.policies
  )
}

function refuseDeclaredName(name: string, declared: string): never {
  throw new MeshError(
    'name-taken',
    `Cannot host ${quote(name)}: it reads like the declared service ${quote(declared)}: use that, or another name`,
  )
}

/** Of a long access list the log has the beginning and the count. */
const MAX_LOGGED_USERS = 50
