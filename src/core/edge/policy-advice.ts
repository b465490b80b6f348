import { quote } from '../model/quote.ts'
import { type AdviceSentence, sayAdvice } from './advice-sentences.ts'
import { type RoleSemantic, type RoleSubject, readRoles, selectingRole, selects } from './role-match.ts'
import type { PolicyType, ServicePolicy } from './service-policies.ts'

/** An edge router policy or a service edge router policy: those it selects may use the hubs that it selects. */
export interface RouterPolicy {
  readonly semantic: RoleSemantic
  /** Its `identityRoles`, or its `serviceRoles`. */
  readonly roles: readonly string[]
  readonly edgeRouterRoles: readonly string[]
}

/** A hub, as advice is about it. */
export interface AdvisedRouter extends RoleSubject {
  readonly name: string
  readonly isOnline: boolean
}

/** Who wants what, and all that decides it. */
export interface AdviceQuestion {
  readonly identity: RoleSubject & { readonly name: string }
  readonly service: RoleSubject & { readonly name: string }
  readonly policies: Iterable<ServicePolicy>
  readonly identityRouterPolicies: readonly RouterPolicy[]
  readonly serviceRouterPolicies: readonly RouterPolicy[]
  readonly routers: readonly AdvisedRouter[]
  /** What to call an id of an `@id` in the explanation. */
  nameOf?(id: string): string | undefined
}

/** Whether an identity may use a service, over what, and why. */
export interface PolicyAdvice {
  readonly isDialAllowed: boolean
  readonly isBindAllowed: boolean
  /** The policies that decided: the first by name, then id. */
  readonly dialPolicy: ServicePolicy | undefined
  readonly bindPolicy: ServicePolicy | undefined
  /** Hubs that the identity may use, and those that the service may be reached over. */
  readonly identityRouterCount: number
  readonly serviceRouterCount: number
  /** Hubs that both may use. */
  readonly commonRouters: readonly AdvisedRouter[]
  /** For a person, one sentence each: what decided, and what is missing. */
  readonly explanation: readonly string[]
  /** The same as data. */
  readonly reasons: readonly AdviceSentence[]
}

/** Say whether an identity may dial and bind a service, which policies decide, and over which hubs it would go. */
export function advisePolicy(question: AdviceQuestion): PolicyAdvice {
  const policies = [...question.policies].sort(byNameThenId)
  const [dial, bind] = [judge('Dial', policies, question), judge('Bind', policies, question)]
  const ofIdentity = findRouters(question.identity, question.identityRouterPolicies, question.routers)
  const ofService = new Set(findRouters(question.service, question.serviceRouterPolicies, question.routers))
  const commonRouters = ofIdentity.filter(router => ofService.has(router))
  const reasons = [
    ...dial.reasons,
    ...bind.reasons,
    explainRouters(question, ofIdentity.length, ofService.size, commonRouters),
  ]
  return {
    isDialAllowed: dial.policy !== undefined,
    isBindAllowed: bind.policy !== undefined,
    dialPolicy: dial.policy,
    bindPolicy: bind.policy,
    identityRouterCount: ofIdentity.length,
    serviceRouterCount: ofService.size,
    commonRouters,
    explanation: reasons.map(reason => sayAdvice(reason)),
    reasons,
  }
}

interface Judgement {
  readonly policy: ServicePolicy | undefined
  readonly reasons: readonly AdviceSentence[]
}

/** @param policies  in their order */
function judge(type: PolicyType, policies: readonly ServicePolicy[], question: AdviceQuestion): Judgement {
  const { identity, service } = question
  const misses: AdviceSentence[] = []
  for (const policy of policies) {
    if (policy.type !== type) continue
    const who = selectingRole(policy.identityRoles, policy.semantic, identity)
    const what = selectingRole(policy.serviceRoles, policy.semantic, service)
    if (who !== undefined && what !== undefined) {
      const roles = { who: show(who, question), what: show(what, question) }
      return {
        policy,
        reasons: [{ says: 'allowed', values: { type, policy: quote(policy.name), ...roles } }],
      }
    }
    if (who !== undefined) misses.push(explainMiss(policy, 'service', policy.serviceRoles, question))
    else if (what !== undefined) misses.push(explainMiss(policy, 'identity', policy.identityRoles, question))
  }
  const names = { identity: quote(identity.name), service: quote(service.name) }
  const rest = misses.length - MAX_SHOWN_MISSES
  return {
    policy: undefined,
    reasons: [
      { says: 'denied', values: { type, ...names } },
      ...misses.slice(0, MAX_SHOWN_MISSES),
      ...(rest > 0 ? [{ says: 'more', values: { count: rest, type } } as const] : []),
    ],
  }
}

function explainMiss(
  policy: ServicePolicy,
  missed: 'identity' | 'service',
  roles: readonly string[],
  question: AdviceQuestion,
): AdviceSentence {
  const { name, semantic } = policy
  const has = question[missed].attributes.map(attribute => `#${attribute}`)
  const wanted = roles.slice(0, MAX_SHOWN_ROLES).map(role => show(role, question))
  const more = roles.length > wanted.length ? ' …' : ''
  const attributes = has.slice(0, MAX_SHOWN_ROLES).join(' ')
  const isNobody = roles.length === 0
  return {
    says: missed === 'identity' ? 'missIdentity' : 'missService',
    values: {
      policy: quote(name),
      wants: isNobody
        ? { says: 'wantsNone' }
        : { says: 'wants', values: { semantic, roles: `${wanted.join(' ')}${more}` } },
      has: has.length === 0 ? { says: 'hasNone' } : { says: 'has', values: { attributes } },
    },
  }
}

function explainRouters(
  { routers }: AdviceQuestion,
  identityCount: number,
  serviceCount: number,
  common: readonly AdvisedRouter[],
): AdviceSentence {
  const online = common.filter(({ isOnline }) => isOnline).length
  const count = common.length
  if (count > 0) return { says: online > 0 ? 'hubsOnline' : 'hubsOffline', values: { online, count } }
  if (routers.length === 0) return { says: 'noHub' }
  if (identityCount === 0) return { says: 'noHubOfIdentity' }
  if (serviceCount === 0) return { says: 'noHubOfService' }
  return { says: 'noHubOfBoth', values: { identity: identityCount, service: serviceCount } }
}

function findRouters(
  subject: RoleSubject,
  policies: readonly RouterPolicy[],
  routers: readonly AdvisedRouter[],
): AdvisedRouter[] {
  const mine = policies.filter(({ roles, semantic }) => selects(readRoles(roles, semantic), subject))
  const selectors = mine.map(({ edgeRouterRoles, semantic }) => readRoles(edgeRouterRoles, semantic))
  return routers.filter(router => selectors.some(selector => selects(selector, router)))
}

function show(role: string, { nameOf }: AdviceQuestion): string {
  if (!role.startsWith('@')) return role
  return `@${nameOf?.(role.slice(1)) ?? role.slice(1)}`
}

function byNameThenId(a: ServicePolicy, b: ServicePolicy): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.id < b.id ? -1 : 1
}

const MAX_SHOWN_MISSES = 5
const MAX_SHOWN_ROLES = 8
