import { MeshError } from '../../core/model/errors.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import type { Grants, ScriptRule } from './messages.ts'

/** Who asks, and for what. */
export interface Asking {
  readonly user: UserName
  /** The groups that user is in. Asked only where the answer depends on them. */
  readonly groups: () => readonly Name[]
}

/** What somebody may have here at most. */
export interface Allowance {
  readonly isOwner: boolean
  /** Line by line: what is not among these is not given. Undefined for the owner, who may have all. */
  readonly grants: Grants | undefined
  readonly memoryMb: number
  readonly timeoutMs: number
}

/**
 * What a user of the mesh may have here: the owner all, others what the rules that fit them give together.
 *
 * @param most  of memory and time, for everybody
 * @returns undefined for who may run nothing at all
 */
export function findAllowance(
  rules: readonly ScriptRule[],
  owner: UserName,
  { user, groups }: Asking,
  most: { readonly memoryMb: number; readonly timeoutMs: number },
): Allowance | undefined {
  if (user === owner) return { isOwner: true, grants: undefined, ...most }
  const theirs = rules.some(rule => rule.groups.length > 0) ? groups() : []
  const fitting = rules.filter(
    rule => rule.users.includes(user) || rule.groups.some(group => theirs.includes(group)),
  )
  if (fitting.length === 0) return undefined
  const together = (kind: keyof Grants) => [...new Set(fitting.flatMap(({ grants }) => grants[kind]))]
  const [network, read, write, run, dial] = KINDS.map(together) as [
    string[],
    string[],
    string[],
    string[],
    string[],
  ]
  return {
    isOwner: false,
    grants: { network, read, write, run, dial },
    memoryMb: Math.min(most.memoryMb, Math.max(...fitting.map(({ memoryMb }) => memoryMb))),
    timeoutMs: Math.min(most.timeoutMs, Math.max(...fitting.map(({ timeoutMs }) => timeoutMs))),
  }
}

/**
 * Check what is asked for. A line has to be given word by word: whether one path or range lies in another is not for us to guess, as
 * links and spellings lead elsewhere.
 *
 * @throws MeshError `denied` with the first line that is not given
 */
export function checkAsked(asked: Grants, { grants }: Allowance): void {
  if (grants === undefined) return
  for (const kind of KINDS) {
    const given = grants[kind]
    const missing = asked[kind].find(line => !given.includes(line))
    if (missing === undefined) continue
    const what = `it asks for ${kind} ${quote(missing)}, which its owner does not grant you`
    throw new MeshError('denied', `Cannot run script: ${what}`)
  }
}

const KINDS = ['network', 'read', 'write', 'run', 'dial'] as const
