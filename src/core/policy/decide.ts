import type { Ms } from '../model/time.ts'
import type { Action, Decision, Resource, Rule, Subject } from './rule.ts'

/**
 * Decide whether `subject` may do `action` to `resource`. Deny wins over allow; no matching rule means no.
 *
 * @param rules  at most MAX_RULES
 * @param now    ms since the epoch, from the caller's clock
 * @returns the answer and the rule that decided it
 */
export function decide(
  subject: Subject,
  action: Action,
  resource: Resource,
  rules: readonly Rule[],
  now: Ms,
): Decision {
  void [subject, action, resource, rules, now]
  return { allow: false, rule: undefined }
}
