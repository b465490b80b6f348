import { createHash } from 'node:crypto'
import { entityBase } from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import { isAppService } from '../../core/model/names.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Decisions } from '../decisions.ts'
import type { Service } from '../hosting-index.ts'
import type { Hostings } from '../hostings.ts'
import type { DeclaredServices } from './declared-services.ts'
import type { Asker } from './edge-call.ts'
import type { ConfigRecord, ServiceRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { ServiceAccess } from './service-access.ts'

/** A service as somebody may see it. */
export interface VisibleService {
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tags: ServiceRecord['tags']
  readonly roleAttributes: readonly string[]
  readonly terminatorStrategy: ServiceRecord['terminatorStrategy']
  readonly maxIdleTimeMillis: number
  readonly configs: readonly string[]
  readonly permissions: readonly ('Dial' | 'Bind')[]
  /** Undefined where nobody declared it: then it is there while somebody hosts it. */
  readonly declared: ServiceRecord | undefined
}

/** What services there are for somebody. */
export interface VisibleServices {
  /** In the order of their names, those that nobody declared last. */
  list(asker: Asker): VisibleService[]
  get(asker: Asker, id: string): VisibleService | undefined
  /** @param configTypes  names or ids, or `all`: whose data to show */
  show(service: VisibleService, asker: Asker, configTypes: readonly string[]): object
}

/** Make the view of services that the client API gives. */
export function createVisibleServices(parts: {
  readonly tables: EdgeTables
  readonly access: ServiceAccess
  readonly declared: DeclaredServices
  readonly hostings: Pick<Hostings, 'services' | 'servicesNaming' | 'service'>
  readonly decisions: Pick<Decisions, 'dial'>
}): VisibleServices {
  const { tables, access, declared, hostings, decisions } = parts

  function ofRecord(record: ServiceRecord, permissions: VisibleService['permissions']): VisibleService {
    return { ...record, permissions, declared: record }
  }

  function permissionsFor(asker: Asker, id: string): VisibleService['permissions'] {
    if (asker.isAdmin) return BOTH
    const { dial, bind } = access.permissions(idOf(asker), id)
    return [
      ...(dial === undefined ? [] : ['Dial' as const]),
      ...(bind === undefined ? [] : ['Bind' as const]),
    ]
  }

  function ofMesh(service: Service, { member }: Asker): VisibleService | undefined {
    if (declared.get(service.name) !== undefined || isAppService(service.name)) return undefined
    const mayDial = [...service.hostings.values()].some(one => decisions.dial(member, service, one).allow)
    const isOwner = service.owner === member.user
    if (!mayDial && !isOwner) return undefined
    const [first] = service.hostings.values()
    return {
      id: undeclaredId(service.name),
      name: service.name,
      createdAtMs: first?.createdAtMs ?? 0,
      updatedAtMs: first?.createdAtMs ?? 0,
      tags: {},
      roleAttributes: [],
      terminatorStrategy: 'smartrouting',
      maxIdleTimeMillis: 0,
      configs: [],
      permissions: [...(mayDial ? ['Dial' as const] : []), ...(isOwner ? ['Bind' as const] : [])],
      declared: undefined,
    }
  }

  /** Those that may concern an asker: of identities, what names them. */
  function meshServices({ member }: Asker): Iterable<Service> {
    return isIdentityUser(member.user) ? hostings.servicesNaming(member.user) : hostings.services()
  }

  return {
    list(asker) {
      const permitted = asker.isAdmin ? undefined : access.servicesOf(idOf(asker))
      const found: VisibleService[] = []
      for (const record of tables.services.list()) {
        if (permitted !== undefined && !permitted.has(record.id)) continue
        found.push(ofRecord(record, permissionsFor(asker, record.id)))
      }
      for (const service of meshServices(asker)) {
        const visible = ofMesh(service, asker)
        if (visible !== undefined) found.push(visible)
      }
      return found
    },
    get(asker, id) {
      const record = tables.services.get(id)
      if (record !== undefined) {
        const permissions = permissionsFor(asker, id)
        return permissions.length === 0 ? undefined : ofRecord(record, permissions)
      }
      for (const service of meshServices(asker)) {
        if (undeclaredId(service.name) === id) return ofMesh(service, asker)
      }
      return undefined
    },
    show(service, asker, configTypes) {
      return {
        ...entityBase('services', service),
        name: service.name,
        permissions: service.permissions,
        encryptionRequired: true,
        configs: service.configs,
        config: configOf(tables, service, asker, configTypes),
        roleAttributes: service.roleAttributes,
        terminatorStrategy: service.terminatorStrategy,
        maxIdleTimeMillis: service.maxIdleTimeMillis,
        postureQueries: [],
      }
    },
  }
}

/** What a filter of services may name. */
export const SERVICE_SYMBOLS = {
  id: { type: 'string' },
  name: { type: 'string' },
  createdAt: { type: 'datetime', read: service => (service as VisibleService).createdAtMs },
  updatedAt: { type: 'datetime', read: service => (service as VisibleService).updatedAtMs },
  tags: { type: 'any', isMap: true },
  roleAttributes: { type: 'string', isSet: true },
  permissions: { type: 'string', isSet: true },
  terminatorStrategy: { type: 'string' },
  maxIdleTimeMillis: { type: 'number' },
  encryptionRequired: { type: 'boolean', read: () => true },
} satisfies FilterSymbols

/** By what policies know who asks. */
export function idOf(asker: Asker): string {
  return asker.kind === 'session' ? asker.identity.id : asker.member.id
}

/** The id of a service that nobody declared: a UUID made of its name. */
export function undeclaredId(name: string): string {
  const hex = createHash('sha256').update(`service ${name}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Data of a service's configs by the name of their type, those of the identity's own before the service's. */
function configOf(
  { configs, configTypes, identities }: EdgeTables,
  service: VisibleService,
  asker: Asker,
  wanted: readonly string[],
): Record<string, ConfigRecord['data']> {
  if (wanted.length === 0) return {}
  const own = asker.kind === 'session' ? (identities.get(asker.identity.id)?.serviceConfigs ?? []) : []
  const overrides = own.filter(({ serviceId }) => serviceId === service.id).map(({ configId }) => configId)
  const found: Record<string, ConfigRecord['data']> = {}
  for (const id of [...service.configs, ...overrides]) {
    const config = configs.get(id)
    const type = config && configTypes.get(config.configTypeId)
    if (config === undefined || type === undefined) continue
    if (wanted.includes('all') || wanted.includes(type.name) || wanted.includes(type.id))
      found[type.name] = config.data
  }
  return found
}

const BOTH = ['Dial', 'Bind'] as const
