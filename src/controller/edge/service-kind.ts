import { fieldError } from '../../core/edge/edge-error.ts'
import { entityBase } from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import type { Hostings } from '../hostings.ts'
import { type DeclaredServices, meshNameOf, ownerOf, whyNoServiceName } from './declared-services.ts'
import type { ServiceRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { type EntityKind, NAMED_SYMBOLS } from './entity-kind.ts'
import { type ServiceInput, serviceInput } from './management-shapes.ts'

/** What the kind of services needs beside the tables. */
export interface ServiceParts {
  readonly tables: EdgeTables
  readonly declared: DeclaredServices
  readonly hostings: Pick<Hostings, 'similarTo'>
  /** Nobody hosts the service under this name any more, within a turn of `exclusive`. */
  readonly dropHostings: (record: ServiceRecord) => Promise<void>
  /** What is known of it elsewhere is stale. */
  readonly changed: (record: ServiceRecord) => void
}

/** What programs dial and host. */
export function serviceKind(parts: ServiceParts): EntityKind<ServiceRecord, ServiceInput> {
  const { tables, declared, hostings, dropHostings, changed } = parts

  function checkName(name: string, id: string): void {
    const why = whyNoServiceName(name)
    if (why !== undefined) throw fieldError('name', why, name)
    const meshName = meshNameOf({ name })
    const similar = declared.similarTo(meshName)
    if (similar !== undefined && similar.id !== id) {
      throw fieldError('name', `it reads like that of the service "${similar.name}"`, name)
    }
    const hosted = hostings.similarTo(meshName)
    if (hosted !== undefined && hosted.owner !== ownerOf({ id })) {
      throw fieldError(
        'name',
        `${hosted.owner} hosts ${hosted.name} without a declaration: that has to end first`,
        name,
      )
    }
  }

  return {
    type: 'services',
    entities: tables.services,
    input: serviceInput,
    symbols: {
      ...NAMED_SYMBOLS,
      roleAttributes: { type: 'string', isSet: true },
      configs: { type: 'string', isSet: true },
      terminatorStrategy: { type: 'string' },
      maxIdleTimeMillis: { type: 'number' },
      encryptionRequired: { type: 'boolean' },
    } satisfies FilterSymbols,
    make(input, base) {
      checkName(input.name, base.id)
      if (!input.encryptionRequired) {
        throw fieldError(
          'encryptionRequired',
          'everything between two ends is encrypted here: it has to be true',
          false,
        )
      }
      return {
        ...base,
        name: input.name,
        encryptionRequired: true,
        configs: checkConfigs(tables, input.configs ?? []),
        roleAttributes: [...new Set(input.roleAttributes ?? [])],
        terminatorStrategy: input.terminatorStrategy || 'smartrouting',
        maxIdleTimeMillis: input.maxIdleTimeMillis ?? 0,
      }
    },
    inputOf: ({ name, encryptionRequired, configs, roleAttributes, tags, ...rest }) => ({
      name,
      encryptionRequired,
      configs,
      roleAttributes,
      tags,
      terminatorStrategy: rest.terminatorStrategy,
      maxIdleTimeMillis: rest.maxIdleTimeMillis,
    }),
    async afterChange(next, previous) {
      const isGone =
        previous !== undefined && (next === undefined || meshNameOf(next) !== meshNameOf(previous))
      if (previous !== undefined && isGone) await dropHostings(previous)
      if (previous !== undefined && next === undefined) await forgetService(tables, previous.id)
      const shown = next ?? previous
      if (shown !== undefined) changed(shown)
    },
    show: record => ({
      ...entityBase('services', record),
      name: record.name,
      encryptionRequired: true,
      permissions: ['Dial', 'Bind'],
      configs: record.configs,
      config: {},
      roleAttributes: record.roleAttributes,
      terminatorStrategy: record.terminatorStrategy,
      maxIdleTimeMillis: record.maxIdleTimeMillis,
      postureQueries: [],
    }),
  }
}

/** At most one config of each type. */
function checkConfigs({ configs }: EdgeTables, ids: readonly string[]): string[] {
  const types = new Set<string>()
  for (const id of ids) {
    const config = configs.get(id)
    if (config === undefined) throw fieldError('configs', 'there is no such config', id)
    if (types.has(config.configTypeId)) throw fieldError('configs', 'a second config of the same type', id)
    types.add(config.configTypeId)
  }
  return [...ids]
}

/** Take away what refers to a service that is gone, within a turn of `exclusive`. */
async function forgetService(tables: EdgeTables, id: string): Promise<void> {
  const role = `@${id}`
  const without = (roles: readonly string[]) => roles.filter(one => one !== role)
  for (const policy of tables.servicePolicies.list()) {
    if (!policy.serviceRoles.includes(role)) continue
    await tables.servicePolicies.put({ ...policy, serviceRoles: without(policy.serviceRoles) })
  }
  for (const policy of tables.serviceEdgeRouterPolicies.list()) {
    if (!policy.serviceRoles.includes(role)) continue
    await tables.serviceEdgeRouterPolicies.put({ ...policy, serviceRoles: without(policy.serviceRoles) })
  }
  for (const plan of tables.plannedTerminators.by('serviceId', id))
    await tables.plannedTerminators.delete(plan.id)
  for (const identity of tables.identities.list()) {
    if (!identity.serviceConfigs.some(({ serviceId }) => serviceId === id)) continue
    const serviceConfigs = identity.serviceConfigs.filter(({ serviceId }) => serviceId !== id)
    await tables.identities.put({ ...identity, serviceConfigs })
  }
}
