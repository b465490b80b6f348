import { z } from 'zod'
import { type AdviceSentence, sayAdvice } from '../../core/edge/advice-sentences.ts'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { emptyEnvelope, listEnvelope, oneEnvelope } from '../../core/edge/envelope.ts'
import { advisePolicy } from '../../core/edge/policy-advice.ts'
import type { Context } from '../context.ts'
import { type EdgeCall, type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import { edgeIdShape, type IdentityRecord } from './edge-records.ts'
import type { EdgeRouters } from './edge-routers.ts'
import type { EdgeTables } from './edge-tables.ts'
import { find, missing, pageOf } from './entity-kind.ts'
import type { HubAccess } from './hub-access.ts'
import type { Kinds } from './management-kinds.ts'
import type { ServiceAccess } from './service-access.ts'

const admin = { needs: 'admin' } as const
const one = '/identities/{id}'
const overrides = z.array(z.strictObject({ serviceId: edgeIdShape, configId: edgeIdShape })).max(1_000)
const list = (what: string, path: string) =>
  defineEdgeRoute({
    ...admin,
    method: 'GET',
    path: `${one}/${path}`,
    summary: `List ${what}`,
    answer: 'list',
  })

const API = {
  disable: defineEdgeRoute({
    ...admin,
    method: 'POST',
    path: `${one}/disable`,
    summary: 'Let an identity do nothing for a while; its logins end',
    answer: 'empty',
    body: z.strictObject({ durationMinutes: z.int().min(0).max(5_256_000).nullish() }),
    isBodyOptional: true,
  }),
  enable: defineEdgeRoute({
    ...admin,
    method: 'POST',
    path: `${one}/enable`,
    summary: 'Let it log in again',
    answer: 'empty',
    body: z.looseObject({}),
    isBodyOptional: true,
  }),
  services: list('the services that it may dial or bind', 'services'),
  servicePolicies: list('the service policies that select it', 'service-policies'),
  edgeRouters: list('the hubs that it may use', 'edge-routers'),
  listConfigs: list("the configs that it sees instead of the service's own", 'service-configs'),
  setConfigs: defineEdgeRoute({
    ...admin,
    method: 'POST',
    path: `${one}/service-configs`,
    summary: "Have it see a config of a service instead of the service's own",
    answer: 'empty',
    body: overrides,
  }),
  deleteConfigs: defineEdgeRoute({
    ...admin,
    method: 'DELETE',
    path: `${one}/service-configs`,
    summary: 'Take such configs back',
    answer: 'empty',
    body: overrides,
  }),
  advice: defineEdgeRoute({
    ...admin,
    method: 'GET',
    path: `${one}/policy-advice/{service}`,
    summary: 'Say whether an identity may dial and bind a service, and why',
    answer: 'one',
  }),
} as const

/** What the routes of one identity are served with. */
export interface ManagementIdentityParts {
  readonly tables: EdgeTables
  readonly kinds: Pick<Kinds, 'identities' | 'services' | 'servicePolicies' | 'edgeRouters'>
  readonly access: ServiceAccess
  readonly hubs: HubAccess
  readonly routers: EdgeRouters
  readonly endSessions: (identityId: string, reason: string) => Promise<void>
  /** By what else policies may call it: the user of an endpoint. */
  readonly otherNamesOf: (id: string) => readonly string[]
}

/** Routes about one identity, beside those that all entities have. */
export function serveManagementIdentities(
  { exclusive, log }: Pick<Context, 'exclusive' | 'log'>,
  parts: ManagementIdentityParts,
): ServedRoute[] {
  const { tables, kinds, access, hubs, routers, endSessions, otherNamesOf } = parts
  const known = (call: EdgeCall) => find(kinds.identities, call.params.id)
  const subjectOf = ({ id, roleAttributes }: IdentityRecord) => ({
    id,
    ids: otherNamesOf(id),
    attributes: roleAttributes,
  })

  /** Change an identity of ours, within a turn of `exclusive`. */
  function change(call: EdgeCall, make: (record: IdentityRecord) => IdentityRecord): Promise<IdentityRecord> {
    return exclusive(async () => {
      const record = tables.identities.get(call.params.id ?? '')
      if (record === undefined) {
        known(call)
        throw new EdgeError('ENTITY_CAN_NOT_BE_UPDATED', 'It follows from an endpoint or user of the mesh')
      }
      const next = { ...make(record), updatedAtMs: call.now }
      await tables.identities.put(next)
      return next
    })
  }

  function advise(call: EdgeCall): object {
    const identity = known(call)
    const service = tables.services.get(call.params.service ?? '')
    if (service === undefined) throw missing('services', call.params.service)
    const advice = advisePolicy({
      identity: { ...subjectOf(identity), name: identity.name },
      service: { id: service.id, ids: [], attributes: service.roleAttributes, name: service.name },
      policies: tables.servicePolicies.list(),
      identityRouterPolicies: tables.edgeRouterPolicies
        .list()
        .map(one => ({ ...one, roles: one.identityRoles })),
      serviceRouterPolicies: tables.serviceEdgeRouterPolicies
        .list()
        .map(one => ({ ...one, roles: one.serviceRoles })),
      routers: tables.edgeRouters.list().map(({ id, name, roleAttributes, disabled }) => ({
        id,
        ids: [],
        attributes: roleAttributes,
        name,
        isOnline: !disabled,
      })),
      nameOf: id =>
        (kinds.identities.projected?.get(id) ?? tables.identities.get(id) ?? tables.services.get(id))?.name,
    })
    // The policies that deny it say nothing of an administrator; the hubs, which come last, do.
    const reasons: readonly AdviceSentence[] = identity.isAdmin
      ? [{ says: 'administrator' }, ...advice.reasons.slice(-1)]
      : advice.reasons
    const shown = ({ id, name, isOnline }: (typeof advice.commonRouters)[number]) => ({ id, name, isOnline })
    return {
      identityId: identity.id,
      identity: { id: identity.id, name: identity.name, entity: 'identities' },
      serviceId: service.id,
      service: { id: service.id, name: service.name, entity: 'services' },
      isDialAllowed: advice.isDialAllowed || identity.isAdmin,
      isBindAllowed: advice.isBindAllowed || identity.isAdmin,
      dialPolicy: advice.dialPolicy?.name ?? null,
      bindPolicy: advice.bindPolicy?.name ?? null,
      identityRouterCount: advice.identityRouterCount,
      serviceRouterCount: advice.serviceRouterCount,
      commonRouters: advice.commonRouters.map(shown),
      explanation: reasons.map(reason => sayAdvice(reason)),
      reasons,
    }
  }

  const handlers: EdgeHandlers<typeof API> = {
    async disable(call) {
      const minutes = call.body.durationMinutes ?? 0
      const untilMs = minutes === 0 ? undefined : call.now + minutes * 60_000
      const disabled = { atMs: call.now, ...(untilMs !== undefined && { untilMs }) }
      const record = await change(call, identity => ({ ...identity, disabled }))
      await exclusive(() => endSessions(record.id, 'identity disabled'))
      log.info('identity.disabled', { identity: record.id, name: record.name })
      return { body: emptyEnvelope() }
    },
    async enable(call) {
      const record = await change(call, ({ disabled, ...identity }) => identity)
      log.info('identity.enabled', { identity: record.id, name: record.name })
      return { body: emptyEnvelope() }
    },
    services(call) {
      const identity = known(call)
      const permitted = access.servicesOf(identity.id)
      const services = tables.services.list().filter(({ id }) => identity.isAdmin || permitted.has(id))
      return pageOf(kinds.services, services, call.query, call.now)
    },
    servicePolicies(call) {
      const policies = access.policiesOf('identity', known(call).id)
      const records = policies.flatMap(({ id }) => tables.servicePolicies.get(id) ?? [])
      return pageOf(kinds.servicePolicies, records, call.query, call.now)
    },
    edgeRouters(call) {
      return pageOf(
        { ...kinds.edgeRouters, show: routers.show },
        hubs.ofIdentity(subjectOf(known(call))),
        call.query,
        call.now,
      )
    },
    listConfigs(call) {
      const { serviceConfigs } = known(call)
      const pagination = { limit: 1_000, offset: 0, totalCount: serviceConfigs.length }
      return { body: listEnvelope(serviceConfigs, pagination, []) }
    },
    async setConfigs(call) {
      for (const { serviceId, configId } of call.body) {
        if (tables.services.get(serviceId) === undefined)
          throw fieldError('serviceId', 'there is no such service', serviceId)
        if (tables.configs.get(configId) === undefined)
          throw fieldError('configId', 'there is no such config', configId)
      }
      await change(call, identity => {
        const typeOf = (id: string) => tables.configs.get(id)?.configTypeId
        const kept = identity.serviceConfigs.filter(
          old =>
            !call.body.some(
              ({ serviceId, configId }) =>
                serviceId === old.serviceId && typeOf(configId) === typeOf(old.configId),
            ),
        )
        return { ...identity, serviceConfigs: [...kept, ...call.body] }
      })
      return { body: emptyEnvelope() }
    },
    async deleteConfigs(call) {
      const isGone = (old: (typeof call.body)[number]) =>
        call.body.some(({ serviceId, configId }) => serviceId === old.serviceId && configId === old.configId)
      await change(call, identity => ({
        ...identity,
        serviceConfigs: identity.serviceConfigs.filter(old => !isGone(old)),
      }))
      return { body: emptyEnvelope() }
    },
    advice: call => ({ body: oneEnvelope(advise(call)) }),
  }
  return serveEdge(API, handlers)
}
