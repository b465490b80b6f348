import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'

type Accounts = Readonly<Record<string, string>>

/** Who gets whose account, as a person writes it: `bob=www-data`, `@ops=deploy`. */
export function accountLines(accounts: Accounts): string[] {
  return Object.entries(accounts).map(([user, account]) => `${user}=${account}`)
}

/**
 * What is to change of the accounts: what was taken away is null.
 *
 * @throws MeshError `bad-input` for a line of another form
 */
export function changedAccounts(before: Accounts, lines: readonly string[]): Record<string, string | null> {
  const now = new Map(lines.map(readLine))
  const gone = Object.keys(before).filter(user => !now.has(user))
  const changed = [...now].filter(([user, account]) => before[user] !== account)
  return Object.fromEntries([...gone.map(user => [user, null] as const), ...changed])
}

/** The words of the command line that change the same; none where a line is of another form yet. */
export function wordsOfAccounts(before: Accounts, lines: readonly string[]): string[] {
  try {
    const changes = Object.entries(changedAccounts(before, lines))
    return changes.length === 0
      ? []
      : ['--run-as', ...changes.map(([user, account]) => `${user}=${account ?? ''}`)]
  } catch {
    return []
  }
}

function readLine(line: string): readonly [string, string] {
  const [, user, account] = /^([^=\s]+)\s*=\s*(\S+)$/.exec(line.trim()) ?? []
  if (user !== undefined && account !== undefined) return [user, account]
  throw new MeshError('bad-input', `Cannot run as ${quote(line)}: write USER=ACCOUNT or @GROUP=ACCOUNT`)
}
