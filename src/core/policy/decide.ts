import type { Ms } from '../model/time.ts'
import type { Action, Decision, Resource, Rule, Subject, What, Who } from './rule.ts'

/**
 * Decide whether `subject` may do `action` to `resource`. Deny wins over allow; no matching rule means no.
 *
 * Called for every stream: it reads the rules once, front to back, and allocates nothing but its answer. A rule that
 * does not fit costs some 20 ns, so a thousand are no trouble; of more, give it those of the service in question.
 *
 * @param rules  in any order; it matters only for which of several rules that agree is named
 * @param now    ms since the epoch, from the caller's clock
 * @returns the answer and the rule that decided it: the first deny that fits, else the first allow that fits
 */
export function decide(
  subject: Subject,
  action: Action,
  resource: Resource,
  rules: readonly Rule[],
  now: Ms,
): Decision {
  let allowing: Rule | undefined
  for (const rule of rules) {
    if (rule.effect === 'allow' && allowing !== undefined) continue
    if (!rule.actions.includes(action)) continue
    if (!fitsWhat(rule.what, resource) || !fitsWho(rule.who, subject, resource)) continue
    if (!isInForce(rule, now)) continue
    if (rule.effect === 'deny') return { allow: false, rule }
    allowing = rule
  }
  return allowing === undefined ? { allow: false, rule: undefined } : { allow: true, rule: allowing }
}

function isInForce(rule: Rule, now: Ms): boolean {
  return (
    (rule.fromMs === undefined || rule.fromMs <= now) && (rule.untilMs === undefined || now < rule.untilMs)
  )
}

function fitsWho(who: Who, subject: Subject, resource: Resource): boolean {
  const { users, endpoints, exceptEndpoints, labels, groups, isOwner, isAdmin } = who
  if (users !== undefined && !users.includes(subject.user) && !users.includes('*')) return false
  if (endpoints !== undefined && !endpoints.includes(subject.endpoint)) return false
  if (exceptEndpoints?.includes(subject.endpoint)) return false
  if (labels !== undefined && !haveCommon(labels, subject.labels)) return false
  if (groups !== undefined && !haveCommon(groups, subject.groups)) return false
  if (isOwner && (resource.kind === 'mesh' || resource.owner !== subject.user)) return false
  return !isAdmin || subject.isAdmin
}

function fitsWhat(what: What, resource: Resource): boolean {
  const { kind, services, endpoints, owners, labels } = what
  if (kind !== undefined && kind !== resource.kind) return false
  switch (resource.kind) {
    case 'service':
      if (services !== undefined && !services.includes(resource.service) && !services.includes('*'))
        return false
      if (endpoints !== undefined && !(resource.endpoint && endpoints.includes(resource.endpoint)))
        return false
      if (owners !== undefined && !owners.includes(resource.owner)) return false
      return labels === undefined
    case 'endpoint':
      if (endpoints !== undefined && !endpoints.includes(resource.endpoint)) return false
      if (owners !== undefined && !owners.includes(resource.owner)) return false
      return services === undefined && (labels === undefined || haveCommon(labels, resource.labels))
    case 'mesh':
      return services === undefined && endpoints === undefined && owners === undefined && labels === undefined
  }
}

function haveCommon<T>(some: readonly T[], others: readonly T[]): boolean {
  for (const one of some) if (others.includes(one)) return true
  return false
}
