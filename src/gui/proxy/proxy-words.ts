import type { EntryRule, ExitRule } from '../../apps/proxy/messages.ts'
import { formatCommand } from '../parts/command-words.ts'

/** A command about the proxy of an endpoint: `ztm ep office proxy rules delete 0`. */
export function formatProxyCommand(
  endpoint: { readonly name: string; readonly isLocal: boolean },
  ...words: readonly string[]
): string {
  return formatCommand('ztm', ...(endpoint.isLocal ? [] : ['ep', endpoint.name]), 'proxy', ...words)
}

/** The words that add a rule of the way in. */
export function entryRuleWords({ targets, ports, clients, action, exits }: EntryRule): string[] {
  return [
    ...['rules', 'add', ...(targets.length > 0 ? targets : ['TARGET'])],
    ...(ports === '*' ? [] : ['--ports', ports]),
    ...(action === 'exit' && exits.length > 0 ? ['--exits', ...exits.map(({ name }) => name)] : []),
    ...(action === 'exit' ? [] : [`--${action}`]),
    ...(clients.length > 0 ? ['--clients', ...clients] : []),
  ]
}

/** The words that add a rule of the way out; without users and groups it is one for everybody. */
export function exitRuleWords({ targets, ports, users, groups = [], action }: ExitRule): string[] {
  const who = [
    ...(users.length > 0 ? ['--users', ...users] : []),
    ...(groups.length > 0 ? ['--groups', ...groups] : []),
  ]
  return [
    ...['rules', 'add', ...(targets.length > 0 ? targets : ['TARGET'])],
    ...(ports === '*' ? [] : ['--ports', ports]),
    `--${action}`,
    // What makes it a rule of the exit, where `--deny` alone would be one of the way in.
    ...(action === 'deny' && who.length === 0 ? ['--exit'] : who),
  ]
}

/** A list with one thing moved by one place, or the same list where it cannot move. */
export function moved<T>(list: readonly T[], index: number, by: -1 | 1): T[] {
  const [from, to] = [list[index], list[index + by]]
  if (from === undefined || to === undefined) return [...list]
  const copy = [...list]
  copy[index] = to
  copy[index + by] = from
  return copy
}
