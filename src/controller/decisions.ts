import { MeshError } from '../core/model/errors.ts'
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
import { type Members, subjectOf } from './members.ts'
import type { EndpointRecord, HostingRecord } from './records.ts'

/** What policy says of members; who has no membership any more is refused before any rule is read. */
export interface Decisions {
  dial(from: EndpointRecord, service: Service, hosting: HostingRecord): Decision
  bind(from: EndpointRecord, service: Pick<Service, 'name' | 'owner'>): Decision
  meet(from: EndpointRecord, to: EndpointRecord): Decision
  meetDirectly(from: EndpointRecord, to: EndpointRecord): Decision
  administer(from: EndpointRecord): Decision
  /** @param what  `invite bob`, for the error and the log @throws MeshError `denied` */
  requireAdminister(from: EndpointRecord, what: string): void
  /** @throws MeshError `denied` unless it is the asking user's, or an administrator asks */
  requireManage(from: EndpointRecord, target: EndpointRecord, what: string): void
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
    rules: readonly Rule[]
  },
): Decisions {
  const { endpoints, hostings, members } = parts
  const meshRules = [...STANDING_RULES, ...parts.rules]
  // A record is never changed, only replaced: its rules are as good as it is.
  const ruleCache = new WeakMap<HostingRecord, readonly Rule[]>()

  function rulesOf(hosting: HostingRecord, owner: EndpointRecord['user']): readonly Rule[] {
    const known = ruleCache.get(hosting)
    if (known !== undefined) return known
    const { service, endpoint, access } = hosting
    const rules = [...meshRules, ...accessRules(service, endpoint, owner, access)]
    ruleCache.set(hosting, rules)
    return rules
  }

  function meet(from: EndpointRecord, to: EndpointRecord): Decision {
    if (members.isEvicted(from) || members.isEvicted(to)) return NO
    const [subject, resource, now] = [subjectOf(from), resourceOf(to), clock.now()]
    let decision = mayMeet(subject, resource, [], meshRules, now)
    // One hosting at a time with its own rules: all with all would take the square of their number.
    for (const hosting of decision.rule === undefined ? hostings.ofEndpoint(to.id) : []) {
      const hosted = [{ service: hosting.service, owner: to.user }]
      const next = mayMeet(subject, resource, hosted, rulesOf(hosting, to.user), now)
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
      return decide(subjectOf(from), 'dial', resource, rulesOf(hosting, owner), clock.now())
    },
    bind(from, { name, owner }) {
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

function resourceOf(record: EndpointRecord): Extract<Resource, { kind: 'endpoint' }> {
  return { kind: 'endpoint', endpoint: record.id, owner: record.user, labels: record.labels }
}

const NO: Decision = { allow: false, rule: undefined }
