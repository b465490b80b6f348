import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { type SessionInfo, sessionShape } from '../../apps/terminal/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { UserName } from '../../core/model/names.ts'
import { formatShareLink } from '../../core/model/share-link.ts'
import { formatSpan, type Ms } from '../../core/model/time.ts'
import type { Cli } from '../context.ts'
import { print, printData, report, showList } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { ago } from '../output/words.ts'
import { placeOf } from './terminal-open.ts'
import { readTerminal, requestTerminal } from './terminal-place.ts'

/** `ztm terminal get EP` */
export async function listSessions(cli: Cli, endpoint: string): Promise<void> {
  const bytes = await readTerminal(cli, await placeOf(cli, endpoint), { kind: 'list' })
  const sessions = z.array(sessionShape).parse(JSON.parse(bytes.toString('utf8')))
  await showList(cli, sessions, {
    nameOf: session => session.id,
    columns: [
      { title: 'SESSION', cell: session => session.id },
      { title: 'USER', cell: session => session.user },
      { title: 'AS', cell: session => session.account },
      { title: 'STATE', cell: stateOf },
      { title: 'SINCE', cell: session => ago(cli, session.startedAtMs) },
      { title: 'TYPED', cell: session => ago(cli, session.activeAtMs) },
      { title: 'COMMAND', cell: session => session.command ?? '(shell)' },
    ],
  })
}

function stateOf({ isOver, viewers }: SessionInfo): string {
  if (isOver) return 'ended'
  if (viewers.length === 0) return 'detached'
  const watching = viewers.filter(({ isReadOnly }) => isReadOnly).length
  const attached = viewers.length - watching
  return [attached > 0 && `${attached} attached`, watching > 0 && `${watching} watching`]
    .filter(Boolean)
    .join(', ')
}

/** `ztm terminal close EP SESSION` */
export async function closeSession(cli: Cli, endpoint: string, session: string): Promise<void> {
  const { stream } = await requestTerminal(cli, await placeOf(cli, endpoint), { kind: 'close', session })
  stream.destroy()
  await report(cli, `Session ${session} is closed`, { name: session, data: { session } })
}

/** `ztm terminal show EP SESSION [--search TEXT]` */
export async function showOutput(
  cli: Cli,
  endpoint: string,
  session: string,
  { search }: { readonly search?: string },
): Promise<void> {
  const bytes = await readTerminal(cli, await placeOf(cli, endpoint), { kind: 'show', session })
  const lines = plainLines(bytes.toString('utf8'))
  const wanted = search?.toLowerCase()
  const found = lines
    .map((text, index) => ({ line: index + 1, text }))
    .filter(({ text }) => wanted === undefined || text.toLowerCase().includes(wanted))
  if (cli.options.output === 'json' || cli.options.output === 'yaml') return printData(cli, found)
  if (found.length === 0 && wanted !== undefined) {
    throw new MeshError('not-found', `Cannot find it in what is kept of session ${session}`)
  }
  const width = String(lines.length).length
  const prefix = (line: number) => (wanted === undefined ? '' : `${String(line).padStart(width)}: `)
  print(cli, found.map(({ line, text }) => `${prefix(line)}${visible(text)}\n`).join(''))
}

/** What a terminal showed, as lines without colours and such; what was written over on a line is left out. */
export function plainLines(output: string): string[] {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map(line => {
      // Only what was not empty: a line may end in any number of them.
      const last = line.split('\r').findLast(part => part !== '') ?? ''
      return withoutBackspaces(last)
        .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
        .replaceAll('\t', '    ')
    })
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function withoutBackspaces(line: string): string {
  const kept: string[] = []
  for (const character of line) {
    if (character === '\b') kept.pop()
    else kept.push(character)
  }
  return kept.join('')
}

/** What `terminal share` was told. */
export interface ShareWords {
  readonly user?: readonly string[]
  readonly write?: boolean
  readonly for: Ms
  readonly stop?: boolean
}

/** `ztm terminal share EP SESSION [--user bob] [--write] [--for 1h]`, or `--stop` */
export async function shareSession(
  cli: Cli,
  endpoint: string,
  session: string,
  { user, write = false, for: forMs, stop }: ShareWords,
): Promise<void> {
  const place = await placeOf(cli, endpoint)
  if (stop) {
    const { stream } = await requestTerminal(cli, place, { kind: 'unshare', session })
    stream.destroy()
    return report(cli, `Session ${session} is shared no more`, { name: session, data: { session } })
  }
  const users = user as UserName[] | undefined
  const { stream, answer } = await requestTerminal(cli, place, {
    kind: 'share',
    session,
    mayType: write,
    forMs,
    ...(users && { users }),
  })
  stream.destroy()
  const untilMs = cli.world.clock.now() + forMs
  const { key } = answer
  const data = { session, mayType: write, untilMs, ...(users && { users }) }
  if (key === undefined) {
    const text = `${users?.join(', ')} may ${write ? 'take part' : 'look'} for ${formatSpan(forMs)}: \`ztm terminal attach ${endpoint} ${session}\``
    return report(cli, text, { name: session, data })
  }
  const link = formatShareLink({ endpoint, session, key })
  const text = `Whoever of the mesh has this link may look for ${formatSpan(forMs)}: ztm terminal attach '${link}'`
  return report(cli, text, { name: link, data: { ...data, link } })
}
