import { TERMINAL_API, type TerminalConfig } from '../../apps/terminal/messages.ts'
import type { UserName } from '../../core/model/names.ts'
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

/** `ztm terminal config` */
export async function configureTerminal(
  cli: Cli,
  words: { readonly users?: readonly string[]; readonly enable?: boolean },
): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const params = { endpoint }
  const body = {
    ...(words.users && { users: words.users.filter(user => user !== 'none') as UserName[] }),
    ...(words.enable !== undefined && { isEnabled: words.enable }),
  }
  const config: TerminalConfig =
    Object.keys(body).length === 0
      ? await callTerminal(cli, mesh.name, TERMINAL_API.showConfig, { params })
      : await callTerminal(cli, mesh.name, TERMINAL_API.changeConfig, { params, body })
  await showThing(cli, config, {
    name: 'terminal',
    fields: [
      ['Terminals', config.isEnabled ? `for ${['its owner', ...config.users].join(', ')}` : 'off'],
      ['Not listed', config.error],
      ['Sessions', config.sessionCount],
    ],
  })
}
