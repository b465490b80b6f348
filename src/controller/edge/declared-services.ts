import { MeshError } from '../../core/model/errors.ts'
import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'
import { foldName } from '../fold.ts'
import type { ServiceRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'

/** The services that an administrator declared, by what the mesh calls them. */
export interface DeclaredServices {
  /** The one of exactly this name. */
  get(name: ServiceName): ServiceRecord | undefined
  /** The one whose name reads like this one, be it this one. */
  similarTo(name: ServiceName): ServiceRecord | undefined
  /** What the mesh calls it. */
  nameOf(record: ServiceRecord): ServiceName
}

/** Keep an index of declared services by their names in the mesh. */
export function createDeclaredServices(services: EdgeTables['services']): DeclaredServices {
  const byFold = new Map<string, ServiceRecord>()
  for (const record of services.values()) byFold.set(foldName(meshNameOf(record)), record)
  services.onChange((next, previous) => {
    if (previous !== undefined) byFold.delete(foldName(meshNameOf(previous)))
    if (next !== undefined) byFold.set(foldName(meshNameOf(next)), next)
  })
  const similarTo = (name: ServiceName) => byFold.get(foldName(name))
  return {
    similarTo,
    nameOf: meshNameOf,
    get(name) {
      const found = similarTo(name)
      return found !== undefined && meshNameOf(found) === name ? found : undefined
    },
  }
}

/** What the mesh calls a declared service: `my-svc` is `tcp/my-svc`, a name with a protocol stays as it is. */
export function meshNameOf({ name }: Pick<ServiceRecord, 'name'>): ServiceName {
  return (/^(?:tcp|udp)\//.test(name) ? name : `tcp/${name}`) as ServiceName
}

/** Why a name cannot be that of a service, or undefined. */
export function whyNoServiceName(name: string): string | undefined {
  try {
    parseServiceName(meshNameOf({ name }))
    return undefined
  } catch (error) {
    return error instanceof MeshError ? error.message : 'it is no name of a service'
  }
}

/** Who owns a declared service in the mesh: nobody; it has the service's own id for an owner. */
export function ownerOf({ id }: Pick<ServiceRecord, 'id'>): UserName {
  return id as UserName
}
