import type { ScriptRule } from '../../apps/script/messages.ts'
import { RIGHTS } from './script-draft.ts'

/** Whom a rule is about, as one line: `bob, @ops`. */
export function whoOf({ users, groups }: Pick<ScriptRule, 'users' | 'groups'>): string {
  return [...users, ...groups.map(group => `@${group}`)].join(', ')
}

/** The rules with one more, which alone holds for whom it names: as `ztm script config --allow-user` has it. */
export function addRule(rules: readonly ScriptRule[], rule: ScriptRule): ScriptRule[] {
  return [...removeRule(rules, rule), rule]
}

/** The rules without those whom a rule names. */
export function removeRule(
  rules: readonly ScriptRule[],
  { users, groups }: Pick<ScriptRule, 'users' | 'groups'>,
): ScriptRule[] {
  return rules
    .map(rule => ({
      ...rule,
      users: rule.users.filter(user => !users.includes(user)),
      groups: rule.groups.filter(group => !groups.includes(group)),
    }))
    .filter(rule => rule.users.length + rule.groups.length > 0)
}

/** The words of `ztm script config` that add a rule. */
export function wordsOfRule({ users, groups, grants, memoryMb, timeoutMs }: ScriptRule): string[] {
  const lines = RIGHTS.flatMap(([kind, word]) => grants[kind].map(line => `${word}:${line}`))
  return [
    ...(users.length > 0 ? ['--allow-user', ...users] : []),
    ...(groups.length > 0 ? ['--allow-group', ...groups] : []),
    ...(lines.length > 0 ? ['--grant', ...lines] : []),
    ...['--memory', String(memoryMb), '--max-time', `${timeoutMs / 1_000}s`],
  ]
}
