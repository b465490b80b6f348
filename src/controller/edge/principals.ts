import type { EndpointId } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Endpoints } from '../endpoints.ts'
import type { EndpointRecord } from '../records.ts'
import type { Standing } from '../standing.ts'
import { DEFAULT_AUTH_POLICY, type IdentityRecord } from './edge-records.ts'

/** Endpoints and users of the mesh as identities: read-only, and what they are follows from their own records. */
export interface Principals {
  all(): Iterable<IdentityRecord>
  get(id: string): IdentityRecord | undefined
  /** The endpoint or user that a name stands for in a policy: its id. */
  idOfName(name: string): string | undefined
}

/** Make the view of endpoints and users as identities. */
export function createPrincipals(
  endpoints: Pick<Endpoints, 'values' | 'get' | 'named'>,
  users: { names(): ReadonlySet<UserName> },
  standing: Standing,
): Principals {
  const identityOfUser = (name: UserName): IdentityRecord => ({
    ...PLAIN,
    id: name,
    name,
    typeId: 'User',
    isAdmin: standing.isAdmin(name),
    roleAttributes: [...standing.groupsOf(name)],
  })
  const userNames = () => [...users.names()].filter(name => !isIdentityUser(name))
  return {
    *all() {
      for (const endpoint of endpoints.values()) yield identityOfEndpoint(endpoint, standing)
      for (const name of userNames()) yield identityOfUser(name)
    },
    get(id) {
      const endpoint = endpoints.get(id as EndpointId)
      if (endpoint !== undefined && !isIdentityUser(endpoint.user))
        return identityOfEndpoint(endpoint, standing)
      return userNames().includes(id as UserName) ? identityOfUser(id as UserName) : undefined
    },
    idOfName(name) {
      return endpoints.named(name)?.id ?? userNames().find(user => user === name)
    },
  }
}

/** An endpoint of the mesh as an identity: its role attributes are the labels that it was given, and the groups of its user. */
export function identityOfEndpoint(
  endpoint: EndpointRecord,
  standing: Pick<Standing, 'isAdmin' | 'attributesOf'>,
): IdentityRecord {
  const { id, name, user, createdAtMs } = endpoint
  return {
    ...PLAIN,
    id,
    name,
    typeId: 'Device',
    isAdmin: standing.isAdmin(user),
    roleAttributes: standing.attributesOf(endpoint),
    createdAtMs,
    updatedAtMs: createdAtMs,
    tags: { user },
  }
}

const PLAIN = {
  version: 1,
  createdAtMs: 0,
  updatedAtMs: 0,
  tags: {},
  authPolicyId: DEFAULT_AUTH_POLICY,
  defaultHostingCost: 0,
  defaultHostingPrecedence: 'default',
  serviceHostingCosts: {},
  serviceHostingPrecedences: {},
  serviceConfigs: [],
  appData: {},
} as const satisfies Partial<IdentityRecord>
