import { parsePortSet, parseTargetPattern } from '../../core/model/target-pattern.ts'
import type { EntryRule } from './messages.ts'

/** A connection that a client wants. */
export interface Wish {
  readonly host: string
  readonly port: number
  /** The name it logged in with. */
  readonly client: string | undefined
}

/** Rules, ready to be asked. */
export interface EntryRules {
  /** The first rule that fits; undefined where none does. */
  find(wish: Wish): { readonly rule: EntryRule; readonly index: number } | undefined
}

/** Make rules ready to be asked. Their patterns were read before, so they can be. */
export function compileEntryRules(rules: readonly EntryRule[]): EntryRules {
  const compiled = rules.map((rule, index) => ({
    rule,
    index,
    targets: rule.targets.map(parseTargetPattern),
    ports: parsePortSet(rule.ports),
  }))
  return {
    find: ({ host, port, client }) =>
      compiled.find(
        ({ rule, targets, ports }) =>
          ports.has(port) &&
          (rule.clients.length === 0 || (client !== undefined && rule.clients.includes(client))) &&
          targets.some(target => target.fits(host)),
      ),
  }
}
