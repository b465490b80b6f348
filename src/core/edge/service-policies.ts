import { createRoleIndex, type RoleCircle } from './role-index.ts'
import { type RoleSemantic, type RoleSubject, readRoles } from './role-match.ts'

/** What a service policy lets identities do with services. */
export type PolicyType = 'Dial' | 'Bind'

/** A service policy: the identities it selects may dial (bind) the services it selects. There are none that forbid. */
export interface ServicePolicy {
  readonly id: string
  readonly name: string
  readonly type: PolicyType
  readonly semantic: RoleSemantic
  readonly identityRoles: readonly string[]
  readonly serviceRoles: readonly string[]
}

/** What an identity may do with a service, each with the policy that says so: of several the first by name, then id. */
export interface Permissions {
  readonly dial?: ServicePolicy
  readonly bind?: ServicePolicy
}

/** One change of what policies are about. `put` adds, or takes the place of what has that id. */
export type PolicyChange =
  | { readonly put: 'identity'; readonly identity: RoleSubject }
  | { readonly put: 'service'; readonly service: RoleSubject }
  | { readonly put: 'policy'; readonly policy: ServicePolicy }
  | { readonly remove: 'identity' | 'service' | 'policy'; readonly id: string }

/** Something that is going on by a permission: a session, say. */
export interface PermittedPair {
  readonly identityId: string
  readonly serviceId: string
  readonly type: PolicyType
}

/**
 * Who may dial and bind what, from memory.
 *
 * A decision costs as much as the identity has policies. The services of an identity are worked out once for all
 * identities that have the same policies, and kept until one of these policies or services changes.
 */
export interface PolicyEngine {
  /** Take a change in; putting or removing what is the same, or not there, changes nothing. */
  apply(change: PolicyChange): void
  /**
   * Take a change in, and say what it takes away.
   *
   * @param pairs  those to know about: what is open now
   * @returns those of `pairs` that were permitted before the change and are not any more
   */
  changedBy<Pair extends PermittedPair>(change: PolicyChange, pairs: Iterable<Pair>): Pair[]
  /** Empty for unknown ones. */
  permissions(identityId: string, serviceId: string): Permissions
  /** By service id; only services with a permission. A view: it follows later changes, or ends to. */
  servicesOf(identityId: string): ReadonlyMap<string, Permissions>
  /** Identities that may dial or bind a service, in no order. */
  identitiesOf(serviceId: string): ReadonlySet<string>
  /** Policies that select an identity, or a service, whatever they let it do; by name, then id. */
  policiesOf(side: 'identity' | 'service', id: string): ServicePolicy[]
  /**
   * A text that changes when the services of an identity, or what it may do with them, change, and only then. Which
   * policy permits it does not count. (A sum of hashes, 64 bits: no protection from who makes up ids of services.)
   */
  fingerprint(identityId: string): string
}

type Circle = RoleCircle<ServicePolicy>

/** An engine with nothing in it. */
export function createPolicyEngine(): PolicyEngine {
  const identities = createRoleIndex<ServicePolicy>()
  const services = createRoleIndex<ServicePolicy>()
  const policies = new Map<string, ServicePolicy>()
  /** The services of the identities of a circle, once they were asked for. */
  const lists = new WeakMap<Circle, Map<string, Permissions>>()

  function removePolicy(id: string): void {
    const policy = policies.get(id)
    if (policy === undefined) return
    identities.removeRule(policy)
    services.removeRule(policy)
    policies.delete(id)
  }

  function putPolicy(policy: ServicePolicy): void {
    removePolicy(policy.id)
    // A copy: the index knows policies as objects, and the caller may put the same object twice.
    const own = { ...policy }
    policies.set(own.id, own)
    identities.putRule(own, readRoles(own.identityRoles, own.semantic))
    services.putRule(own, readRoles(own.serviceRoles, own.semantic))
  }

  function changeService(id: string, change: () => void): void {
    const before = policiesOfService(id)
    change()
    const after = policiesOfService(id)
    for (const circle of identities.circlesWith([...before, ...after])) {
      const list = lists.get(circle)
      const permissions = choose(circle.rules, after)
      if (permissions === undefined) list?.delete(id)
      else list?.set(id, permissions)
    }
  }

  function apply(change: PolicyChange): void {
    if ('remove' in change) {
      const { id } = change
      if (change.remove === 'policy') removePolicy(id)
      else if (change.remove === 'identity') identities.removeSubject(id)
      else changeService(id, () => services.removeSubject(id))
    } else if (change.put === 'policy') putPolicy(change.policy)
    else if (change.put === 'identity') identities.putSubject(change.identity)
    else changeService(change.service.id, () => services.putSubject(change.service))
  }

  function policiesOfService(id: string): ReadonlySet<ServicePolicy> {
    return services.circleOf(id)?.rules ?? NO_POLICIES
  }

  function permissions(identityId: string, serviceId: string): Permissions {
    const ofIdentity = identities.circleOf(identityId)?.rules ?? NO_POLICIES
    return choose(ofIdentity, policiesOfService(serviceId)) ?? {}
  }

  function isPermitted({ identityId, serviceId, type }: PermittedPair): boolean {
    return permissions(identityId, serviceId)[type === 'Dial' ? 'dial' : 'bind'] !== undefined
  }

  function servicesOf(identityId: string): ReadonlyMap<string, Permissions> {
    const circle = identities.circleOf(identityId)
    if (circle === undefined) return new Map()
    const known = lists.get(circle)
    if (known !== undefined) return known
    const found = new Map<string, Permissions>()
    // In order, so that the first of a type decides.
    for (const policy of [...circle.rules].sort(byNameThenId)) {
      const key = policy.type === 'Dial' ? 'dial' : 'bind'
      for (const id of services.subjectsOf(policy)) {
        const permissions = found.get(id)
        if (permissions?.[key] === undefined) found.set(id, { ...permissions, [key]: policy })
      }
    }
    lists.set(circle, found)
    return found
  }

  return {
    apply,
    changedBy(change, pairs) {
      const permitted = [...pairs].filter(isPermitted)
      apply(change)
      return permitted.filter(pair => !isPermitted(pair))
    },
    permissions,
    servicesOf,
    identitiesOf(serviceId) {
      const found = new Set<string>()
      for (const policy of policiesOfService(serviceId))
        for (const id of identities.subjectsOf(policy)) found.add(id)
      return found
    },
    policiesOf(side, id) {
      const circle = (side === 'identity' ? identities : services).circleOf(id)
      return [...(circle?.rules ?? [])].sort(byNameThenId)
    },
    fingerprint: identityId => fingerprintOf(servicesOf(identityId)),
  }
}

const NO_POLICIES: ReadonlySet<ServicePolicy> = new Set()

/** Of the policies of an identity those that are of the service too: the first by name of each type. */
function choose(
  ofIdentity: Iterable<ServicePolicy>,
  ofService: ReadonlySet<ServicePolicy>,
): Permissions | undefined {
  let dial: ServicePolicy | undefined
  let bind: ServicePolicy | undefined
  for (const policy of ofIdentity) {
    if (!ofService.has(policy)) continue
    if (policy.type === 'Dial') {
      if (dial === undefined || byNameThenId(policy, dial) < 0) dial = policy
    } else if (bind === undefined || byNameThenId(policy, bind) < 0) bind = policy
  }
  if (dial === undefined && bind === undefined) return undefined
  return { ...(dial !== undefined && { dial }), ...(bind !== undefined && { bind }) }
}

function byNameThenId(a: ServicePolicy, b: ServicePolicy): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.id === b.id ? 0 : a.id < b.id ? -1 : 1
}

/** Order does not count: the sum of what each service and its permissions hash to (FNV-1a, twice 32 bits). */
function fingerprintOf(services: ReadonlyMap<string, Permissions>): string {
  let [low, high] = [0, 0]
  for (const [id, { dial, bind }] of services) {
    const text = `${id}/${dial === undefined ? '' : 'd'}${bind === undefined ? '' : 'b'}`
    low = (low + hash(text, 0x811c9dc5)) >>> 0
    high = (high + hash(text, 0x9e3779b9)) >>> 0
  }
  return `${services.size}-${low.toString(16)}${high.toString(16).padStart(8, '0')}`
}

function hash(text: string, start: number): number {
  let value = start
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return (value ^ (value >>> 15)) >>> 0
}
