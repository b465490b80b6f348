import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { promisify } from 'node:util'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'

/** An account of this computer. */
export interface Account {
  readonly name: string
  readonly userId: number
  readonly groupId: number
  readonly home: string
  readonly shell: string
}

/**
 * The account that a program is to run as, or undefined if that is the one of this process.
 *
 * @param isNeverRoot  refuse rather than let it run as root without an account that says so
 * @throws MeshError `not-found`, `denied`, `not-permitted`; `unsupported` outside Linux
 */
export async function resolveAccount(
  name: string | undefined,
  isNeverRoot: boolean,
): Promise<Account | undefined> {
  const isRoot = process.geteuid?.() === 0
  if (name === undefined) {
    if (!isRoot || !isNeverRoot) return undefined
    throw new MeshError(
      'denied',
      'Cannot run program: the agent there is root, and no other account is set for you: ask its owner (`ztm terminal config --run-as`)',
    )
  }
  if (name === userInfo().username) return undefined
  if (!isRoot) {
    throw new MeshError(
      'not-permitted',
      `Cannot run program as ${quote(name)}: the agent there runs as ${quote(userInfo().username)}, not as root`,
    )
  }
  if (process.platform !== 'linux') {
    throw new MeshError('unsupported', `Cannot run program as ${quote(name)}: that works on Linux alone`)
  }
  return findAccount(name)
}

/** @throws MeshError `not-found`, `unsupported` */
async function findAccount(name: string): Promise<Account> {
  let line: string
  try {
    line = (await promisify(execFile)('getent', ['passwd', '--', name], { timeout: LOOKUP_TIMEOUT_MS }))
      .stdout
  } catch (cause) {
    const code = (cause as { code?: unknown }).code === 2 ? 'not-found' : 'unsupported'
    throw new MeshError(code, `Cannot run program as ${quote(name)}: no such account was found`, { cause })
  }
  const [found, , userId = '', groupId = '', , home = '/', shell = ''] = line.trimEnd().split(':')
  if (found !== name || !/^\d+$/.test(userId) || !/^\d+$/.test(groupId)) {
    throw new MeshError('not-found', `Cannot run program as ${quote(name)}: no such account was found`)
  }
  // It was named to run programs as: that nobody can log in to it is meant for others.
  const isClosed = shell === '' || /\/(?:nologin|false)$/.test(shell)
  return {
    name,
    userId: Number(userId),
    groupId: Number(groupId),
    home,
    shell: isClosed ? '/bin/sh' : shell,
  }
}

/**
 * The command that runs another as an account, with its groups and nothing of ours. Node's own `uid` and `gid` would leave
 * out its supplementary groups, those of node-pty would leave ours in.
 *
 * @param hasTerminal  it gets that too, so that it can open it again by name
 * @see setpriv(1) of util-linux
 */
export function runAsCommand(
  { userId, groupId }: Account,
  command: readonly string[],
  hasTerminal: boolean,
): string[] {
  const ids = [`--reuid=${userId}`, `--regid=${groupId}`]
  const words = ['setpriv', ...ids, '--init-groups', '--', ...command]
  return hasTerminal ? ['sh', '-c', GIVE_TERMINAL, 'sh', String(userId), ...words] : words
}

/**
 * What a program of an account finds in its environment: nothing of the agent's, which may be secret; of what was asked for
 * only what harms no program that is still root when it reads it.
 */
export function environmentOf(
  { name, userId, home, shell }: Account,
  asked: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(asked).filter(([key]) => HARMLESS.test(key))),
    HOME: home,
    USER: name,
    LOGNAME: name,
    SHELL: shell,
    PATH: userId === 0 ? `/usr/local/sbin:${USER_PATH}:/usr/sbin:/sbin` : USER_PATH,
  }
}

/** The account's home, or `/` if it has none. */
export async function folderOf({ home }: Account): Promise<string> {
  const isThere = await stat(home).then(
    found => found.isDirectory(),
    () => false,
  )
  return isThere ? home : '/'
}

const GIVE_TERMINAL = 'chown "$1" "$(tty)"; shift; exec "$@"'
const HARMLESS = /^(?:TERM|COLORTERM|LANG|LC_[A-Z]+)$/
const USER_PATH = '/usr/local/bin:/usr/bin:/bin'
const LOOKUP_TIMEOUT_MS = 10_000
