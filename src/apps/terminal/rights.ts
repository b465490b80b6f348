import type { Name, UserName } from '../../core/model/names.ts'
import type { TerminalConfig } from './messages.ts'

/** Who asks. */
export interface Asking {
  readonly user: UserName
  /** The groups that user is in. Asked only where the answer depends on them: who is judged by groups is cut off when they change. */
  readonly groups: () => readonly Name[]
}

/** What somebody may do with the terminals of an endpoint. */
export type Rights =
  | {
      readonly kind: 'full'
      /** What programs run as; the agent's own account if absent. */
      readonly account: string | undefined
      /** Only where that is not root. */
      readonly isNeverRoot: boolean
      /** Those that were looked at. */
      readonly groups: readonly Name[]
    }
  /** What was shared with them, nothing else. */
  | { readonly kind: 'guest' }

/**
 * What a user of the mesh may do. The owner has the rights of the agent, unless another account is named; everybody else has
 * those of the account named for them or for a group of theirs, and the agent's only where it is not root.
 */
export function decideRights(
  config: Pick<TerminalConfig, 'users' | 'groups' | 'accounts'>,
  owner: UserName,
  { user, groups }: Asking,
): Rights {
  const { accounts } = config
  const own = Object.hasOwn(accounts, user) ? accounts[user] : undefined
  if (user === owner) return { kind: 'full', account: own, isNeverRoot: false, groups: [] }
  const isNamed = config.users.includes(user)
  const ofGroups = Object.keys(accounts).filter(key => key.startsWith('@'))
  const dependsOnGroups = (!isNamed && config.groups.length > 0) || (own === undefined && ofGroups.length > 0)
  const theirs = dependsOnGroups ? groups() : []
  if (!isNamed && !config.groups.some(group => theirs.includes(group))) return { kind: 'guest' }
  const key = ofGroups.find(each => theirs.some(group => each === `@${group}`))
  const account = own ?? (key === undefined ? undefined : accounts[key])
  return { kind: 'full', account, isNeverRoot: account === undefined, groups: theirs }
}
