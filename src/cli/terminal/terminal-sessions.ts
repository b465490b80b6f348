import { TERMINAL_API, type TerminalConfig } from '../../apps/terminal/messages.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report, showList, showThing } from '../output/show.ts'
import { ago } from '../output/words.ts'
import { placeOf } from './terminal-open.ts'
import { callTerminal, requestTerminal } from './terminal-place.ts'

/** `ztm terminal get EP` */
export async function listSessions(cli: Cli, endpoint: string): Promise<void> {
  const { stream, answer } = await requestTerminal(cli, await placeOf(cli, endpoint), { kind: 'list' })
  stream.destroy()
  await showList(cli, answer.sessions ?? [], {
    nameOf: session => session.id,
    columns: [
      { title: 'SESSION', cell: session => session.id },
      { title: 'USER', cell: session => session.user },
      { title: 'STATE', cell: session => (session.isAttached ? 'attached' : 'detached') },
      { title: 'SINCE', cell: session => ago(cli, session.startedAtMs) },
      { title: 'COMMAND', cell: session => session.command?.join(' ') ?? '(shell)' },
    ],
  })
}

/** `ztm terminal close EP SESSION` */
export async function closeSession(cli: Cli, endpoint: string, session: string): Promise<void> {
  const { stream } = await requestTerminal(cli, await placeOf(cli, endpoint), { kind: 'close', session })
  stream.destroy()
  await report(cli, `Session ${session} is closed`, { name: session, data: { session } })
}

/** What `terminal config` was told. */
export interface ConfigWords {
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  readonly addGroup?: readonly string[]
  readonly delGroup?: readonly string[]
  readonly enable?: boolean
}

/** `ztm terminal config` */
export async function configureTerminal(cli: Cli, words: ConfigWords): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const params = { endpoint }
  const body = {
    ...(words.users && { users: words.users.filter(user => user !== 'none') as UserName[] }),
    ...(await readGroups(words, async () => {
      const config = await callTerminal(cli, mesh.name, TERMINAL_API.showConfig, { params })
      return config.groups
    })),
    ...(words.enable !== undefined && { isEnabled: words.enable }),
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
      ['Sessions', config.sessionCount],
    ],
  })
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
