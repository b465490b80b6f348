import { MeshError } from '../core/model/errors.ts'
import type { ServiceName, UserName } from '../core/model/names.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import { decide } from '../core/policy/decide.ts'
import type { Decision, Resource, Rule } from '../core/policy/rule.ts'
import {
  accessRules,
  explain,
  mayMeet,
  mayMeetDirectly,
  STANDING_RULES,
} from '../core/policy/standing-rules.ts'
import type { Context } from './context.ts'
import type { Service } from './hosting-index.ts'
import type { Hostings } from './hostings.ts'
import type { Members } from './members.ts'
import type { EndpointRecord, HostingRecord } from './records.ts'
import type { Standing } from './standing.ts'

/** What policy says of members; who has no membership any more is refused before any rule is read. */
export interface Decisions {
  dial(from: EndpointRecord, service: Service, hosting: HostingRecord): Decision
  /** Whether a service policy is what lets the member dial, as its ticket then says. */
  isByPolicy(from: EndpointRecord, service: ServiceName): boolean
  bind(from: EndpointRecord, service: Pick<Service, 'name' | 'owner'>): Decision
  meet(from: EndpointRecord, to: EndpointRecord): Decision
  meetDirectly(from: EndpointRecord, to: EndpointRecord): Decision
  administer(from: EndpointRecord): Decision
  /** @param what  `invite bob`, for the error and the log @throws MeshError `denied` */
  requireAdminister(from: EndpointRecord, what: string): void
  /** @throws MeshError `denied` unless it is the asking user's, or an administrator asks */
  requireManage(from: EndpointRecord, target: EndpointRecord, what: string): void
}

/** What service policies say of services that an administrator declared. */
export interface Policies {
  /** @returns what lets the member in, for people; undefined where nothing does, and for services that nobody declared */
  permit(member: EndpointRecord, service: ServiceName, type: 'Dial' | 'Bind'): string | undefined
  isDeclared(service: ServiceName): boolean
}

/**
 * Make the one place where the controller asks policy.
 *
 * @param parts.rules  those of the mesh's owner, beside the standing ones
 */
export function createDecisions(
  { clock, log }: Pick<Context, 'log'> & { clock: Clock },
  parts: {
    endpoints: { get(id: EndpointRecord['id']): EndpointRecord | undefined }
    hostings: Pick<Hostings, 'ofEndpoint'>
    members: Pick<Members, 'isEvicted'>
    standing: Pick<Standing, 'subjectOf' | 'labelsOf'>
    rules: readonly Rule[]
    policies: Policies
  },
): Decisions {
  const { endpoints, hostings, members, policies } = parts
  const { subjectOf, labelsOf } = parts.standing
  const resourceOf = (record: EndpointRecord): Extract<Resource, { kind: 'endpoint' }> => {
    const { id: endpoint, user: owner } = record
    return { kind: 'endpoint', endpoint, owner, labels: labelsOf(record) }
  }
  const meshRules = [...STANDING_RULES, ...parts.rules]
  // A record is never changed, only replaced: its rules are as good as it is.
  const ruleCache = new WeakMap<HostingRecord, readonly Rule[]>()
  const identityRuleCache = new WeakMap<HostingRecord, readonly Rule[]>()

  /** @param from  identities are not meant by "every member" */
  function rulesOf(hosting: HostingRecord, owner: UserName, from: EndpointRecord): readonly Rule[] {
    const isIdentity = isIdentityUser(from.user)
    const cache = isIdentity ? identityRuleCache : ruleCache
    const known = cache.get(hosting)
    if (known !== undefined) return known
    const { service, endpoint, access } = hosting
    const users = isIdentity ? access.users.filter(user => user !== '*') : access.users
    const rules = [...meshRules, ...accessRules(service, endpoint, owner, { ...access, users })]
    cache.set(hosting, rules)
    return rules
  }

  /** Whether a policy lets in whom no rule spoke of, at a host that follows policies. */
  function dialByPolicy(from: EndpointRecord, { service, access }: HostingRecord): Decision {
    if (access.policies !== true) return NO
    return byPolicy(policies.permit(from, service, 'Dial'))
  }

  function meet(from: EndpointRecord, to: EndpointRecord): Decision {
    if (members.isEvicted(from) || members.isEvicted(to)) return NO
    const [subject, resource, now] = [subjectOf(from), resourceOf(to), clock.now()]
    let decision = mayMeet(subject, resource, [], meshRules, now)
    // One hosting at a time with its own rules: all with all would take the square of their number.
    for (const hosting of decision.rule === undefined ? hostings.ofEndpoint(to.id) : []) {
      const hosted = [{ service: hosting.service, owner: to.user }]
      const ruled = mayMeet(subject, resource, hosted, rulesOf(hosting, to.user, from), now)
      const next = ruled.rule === undefined ? dialByPolicy(from, hosting) : ruled
      if (next.allow) return next
      if (decision.rule === undefined) decision = next
    }
    return decision
  }

  const administer = (from: EndpointRecord) =>
    decide(subjectOf(from), 'administer', { kind: 'mesh' }, meshRules, clock.now())

  function require(from: EndpointRecord, what: string, decision: Decision): void {
    if (decision.allow) return
    log.warn('action.denied', { action: what, user: from.user, endpoint: from.id, rule: decision.rule?.id })
    throw new MeshError('denied', `Cannot ${what}: ${explain(decision)}: ask an administrator`)
  }

  return {
    dial(from, service, hosting) {
      const host = endpoints.get(hosting.endpoint)
      if (host === undefined || members.isEvicted(host)) return NO
      const { name, owner } = service
      const resource = { kind: 'service', service: name, owner, endpoint: hosting.endpoint } as const
      const decision = decide(subjectOf(from), 'dial', resource, rulesOf(hosting, owner, from), clock.now())
      return decision.rule === undefined ? dialByPolicy(from, hosting) : decision
    },
    isByPolicy: (from, service) => policies.permit(from, service, 'Dial') !== undefined,
    bind(from, { name, owner }) {
      // Nobody has a standing right to a declared service, and identities have none at all.
      if (policies.isDeclared(name)) return byPolicy(policies.permit(from, name, 'Bind'))
      if (isIdentityUser(from.user)) return NO
      const resource = { kind: 'service', service: name, owner, endpoint: from.id } as const
      return decide(subjectOf(from), 'bind', resource, meshRules, clock.now())
    },
    meet,
    meetDirectly: (from, to) =>
      mayMeetDirectly(meet(from, to), subjectOf(from), resourceOf(to), meshRules, clock.now()),
    administer,
    requireAdminister: (from, what) => require(from, what, administer(from)),
    requireManage(from, target, what) {
      const [subject, resource, now] = [subjectOf(from), resourceOf(target), clock.now()]
      const managed = decide(subject, 'manage', resource, meshRules, now)
      require(from, what, managed.allow ? managed : decide(subject, 'administer', resource, meshRules, now))
    },
  }
}

/** An answer of the service policies, as other rules answer. */
function byPolicy(reason: string | undefined): Decision {
  if (reason === undefined) return NO
  return { allow: true, rule: { id: reason, effect: 'allow', actions: ['dial', 'bind'], who: {}, what: {} } }
}

const NO: Decision = { allow: false, rule: undefined }
