import { AGENT_API } from '../../core/api/agent-api.ts'
import type { ServiceInfo } from '../../core/api/shapes.ts'
import { type Entity, memberOf, meshNameOf, textsOf } from '../../core/edge/entity-members.ts'
import { MeshError } from '../../core/model/errors.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { healthTone, serviceHealth } from '../listings.ts'
import { choosePlace } from '../mesh-choice.ts'
import type { ListView } from '../output/show.ts'
import { isAdministrator } from '../people/users.ts'
import { openEdgeOf } from './open-edge.ts'

/** A service of a listing: hosted in the mesh, declared at the controller, or both. */
export interface ListedService extends Omit<ServiceInfo, 'owner'> {
  /** Absent for one that is declared: then policies say who may. */
  readonly owner?: ServiceInfo['owner']
  /** What was declared of it. */
  readonly declared?: Entity
}

/** How `ztm get service` prints. */
export const SERVICE_VIEW: ListView<ListedService> = {
  nameOf: service => service.name,
  columns: [
    { title: 'NAME', cell: service => service.name },
    { title: 'OWNER', cell: ownerOf },
    {
      title: 'ENDPOINTS',
      cell: ({ hostings }) => hostings.map(hosting => hosting.name).join(','),
    },
    {
      title: 'ONLINE',
      cell: ({ hostings }) => `${hostings.filter(hosting => hosting.isOnline).length}/${hostings.length}`,
    },
    { title: 'HEALTH', cell: healthOf, tone: service => healthTone(healthOf(service)) },
    {
      title: 'ATTRIBUTES',
      cell: ({ declared }) => textsOf(memberOf(declared, 'roleAttributes')).join(','),
    },
  ],
}

/** The services of the mesh; for administrators also those that are declared and hosted by nobody. @throws MeshError */
export async function listAllServices(cli: Cli): Promise<ListedService[]> {
  const { mesh } = await choosePlace(cli)
  const { services } = await callAgent(cli, AGENT_API.listServices, { params: { mesh: mesh.name } })
  if (!(await isAdministrator(cli, mesh))) return services
  const entities = await listDeclared(cli, mesh.name)
  const declared = new Map(entities.map(entity => [meshNameOf(entity), entity]))
  const hosted = services.map(service => {
    const entity = declared.get(service.name)
    if (entity === undefined) return service
    declared.delete(service.name)
    const { owner, ...rest } = service
    return { ...rest, declared: entity }
  })
  const others = [...declared].map(([name, entity]) => ({
    name: name as ServiceInfo['name'],
    hostings: [],
    declared: entity,
  }))
  return [...hosted, ...others].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A controller of a version that declares none says that there is no such path. */
async function listDeclared(cli: Cli, mesh: string): Promise<Entity[]> {
  try {
    return await openEdgeOf(cli, mesh).list('service')
  } catch (error) {
    if (error instanceof MeshError && error.code === 'not-found') return []
    throw error
  }
}

/** Whose a service is; a declared one is nobody's, and policies say who may. */
export function ownerOf({ owner }: ListedService): string {
  return owner === undefined || isIdentityUser(owner) ? '(policies)' : owner
}

function healthOf(service: ListedService): string {
  return service.hostings.length === 0 ? 'unhosted' : serviceHealth(service)
}
