import {
  DEFAULT_RECORDINGS,
  TERMINAL_API,
  type TerminalChange,
  type TerminalConfig,
} from '../../apps/terminal/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import { formatSpan, parseSpan } from '../../core/model/time.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showList, showThing } from '../output/show.ts'
import { ago } from '../output/words.ts'
import { placeOf } from './terminal-open.ts'
import { callTerminal } from './terminal-place.ts'

/** What `terminal config` was told. */
export interface ConfigWords {
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  readonly addGroup?: readonly string[]
  readonly delGroup?: readonly string[]
  readonly runAs?: readonly string[]
  readonly shell?: readonly string[]
  readonly idle?: string
  readonly forward?: 'on' | 'off'
  /** `on`, `off`, or a folder there. */
  readonly record?: string
  readonly enable?: boolean
}

/** `ztm terminal config` */
export async function configureTerminal(cli: Cli, words: ConfigWords): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const params = { endpoint }
  const body = {
    ...changeOf(words),
    ...(await readGroups(words, async () => {
      const config = await callTerminal(cli, mesh.name, TERMINAL_API.showConfig, { params })
      return config.groups
    })),
  }
  const config: TerminalConfig =
    Object.keys(body).length === 0
      ? await callTerminal(cli, mesh.name, TERMINAL_API.showConfig, { params })
      : await callTerminal(cli, mesh.name, TERMINAL_API.changeConfig, { params, body })
  const groups = config.groups.map(group => `group ${group}`)
  await showThing(cli, config, {
    name: 'terminal',
    fields: [
      ['Terminals', config.isEnabled ? `for ${['its owner', ...config.users, ...groups].join(', ')}` : 'off'],
      ['Not listed', config.error],
      ['Run as', Object.entries(config.accounts).map(([user, account]) => `${user}=${account}`)],
      ['Shell', config.shell?.join(' ') ?? 'the login shell'],
      ['Idle ones end', config.idleMs === 0 ? 'never' : `after ${formatSpan(config.idleMs)}`],
      ['Forwards', config.mayForward ? 'on' : 'off'],
      ['Recorded', config.recordings === undefined ? 'no' : `in ${config.recordings}`],
      ['Sessions', config.sessionCount],
    ],
  })
}

function changeOf({ users, runAs, shell, idle, forward, record, enable }: ConfigWords): TerminalChange {
  return {
    ...(users && { users: users.filter(user => user !== 'none') as TerminalConfig['users'] }),
    ...(runAs && { accounts: Object.fromEntries(runAs.map(readRunAs)) }),
    ...(shell && { shell: shell.length === 1 && shell[0] === 'login' ? null : [...shell] }),
    ...(idle !== undefined && { idleMs: readIdle(idle) }),
    ...(forward && { mayForward: forward === 'on' }),
    ...(record !== undefined && { recordings: folderOf(record) }),
    ...(enable !== undefined && { isEnabled: enable }),
  }
}

/** The groups that are to be let in; nothing where no word speaks of them. */
async function readGroups(
  { groups, addGroup = [], delGroup = [] }: ConfigWords,
  before: () => Promise<readonly Name[]>,
): Promise<{ groups?: Name[] }> {
  if (groups === undefined && addGroup.length + delGroup.length === 0) return {}
  const known = groups === undefined ? await before() : groups.filter(group => group !== 'none')
  const left = new Set<string>([...known, ...addGroup])
  for (const group of delGroup) left.delete(group)
  return { groups: [...left] as Name[] }
}

/** `bob=www-data`, `@ops=www-data`; `bob=` takes it away. @throws MeshError `bad-usage` */
function readRunAs(word: string): [string, string | null] {
  const [, user, account = ''] = /^([^=]+)=(.*)$/.exec(word) ?? []
  if (user !== undefined) return [user, account === '' ? null : account]
  throw new MeshError('bad-usage', `Cannot run as ${quote(word)}: write USER=ACCOUNT, or USER= for none`)
}

/** @throws MeshError `bad-usage` */
function readIdle(word: string): number {
  const span = word === 'never' ? 0 : parseSpan(word)
  if (span !== undefined) return span
  throw new MeshError('bad-usage', `Cannot read ${quote(word)}: write a span such as 30m or 2h, or never`)
}

function folderOf(word: string): string | null {
  if (word === 'off') return null
  return word === 'on' ? DEFAULT_RECORDINGS : word
}

/** `ztm terminal history EP` */
export async function showHistory(cli: Cli, endpoint: string): Promise<void> {
  const { mesh } = await placeOf(cli, endpoint)
  const { sessions } = await callTerminal(cli, mesh.name, TERMINAL_API.listHistory, { params: { endpoint } })
  await showList(cli, sessions, {
    nameOf: ({ session }) => session,
    columns: [
      { title: 'SESSION', cell: ({ session }) => session },
      { title: 'USER', cell: ({ user }) => user },
      { title: 'AS', cell: ({ account }) => account },
      { title: 'BEGAN', cell: ({ startedAtMs }) => ago(cli, startedAtMs) },
      {
        title: 'TOOK',
        cell: ({ durationMs }) => (durationMs === undefined ? undefined : formatSpan(durationMs)),
      },
      {
        title: 'END',
        cell: ({ end }) => (end === undefined ? undefined : 'code' in end ? String(end.code) : end.signal),
      },
      { title: 'COMMAND', cell: ({ command }) => command ?? '(shell)' },
    ],
  })
}
