import { z } from 'zod'
import {
  type Grants,
  runShape,
  SCRIPT_API,
  type ScriptConfig,
  type ScriptRule,
  type ScriptRun,
} from '../../apps/script/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import { formatSpan, type Ms } from '../../core/model/time.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report, showList, showThing } from '../output/show.ts'
import type { Column } from '../output/table.ts'
import { ago } from '../output/words.ts'
import { carryFrames } from '../terminal/terminal-client.ts'
import { callScript, requestScript, showScriptConfig } from './script-place.ts'

/** `ztm script get EP` */
export async function listRuns(cli: Cli, endpoint: string): Promise<void> {
  const mesh = (await choosePlace(cli)).mesh.name
  const { stream } = await requestScript(cli, { mesh, endpoint }, { kind: 'list' })
  let text = ''
  await carryFrames(stream, ({ kind, payload }) => {
    if (kind === 'output') text += Buffer.from(payload).toString('utf8')
    return kind === 'end' || undefined
  })
  stream.destroy()
  const runs = z.array(runShape).parse(JSON.parse(text))
  await showList(cli, runs, { nameOf: ({ run }) => run, columns: columnsOf(cli) })
}

/** `ztm script history EP` */
export async function showHistory(cli: Cli, endpoint: string): Promise<void> {
  const mesh = (await choosePlace(cli)).mesh.name
  const { runs } = await callScript(cli, mesh, SCRIPT_API.listHistory, { params: { endpoint } })
  await showList(cli, runs, {
    nameOf: ({ run }) => run,
    columns: [
      ...columnsOf(cli),
      {
        title: 'TOOK',
        cell: ({ durationMs }) => (durationMs === undefined ? undefined : formatSpan(durationMs)),
      },
      { title: 'END', cell: ({ end }) => endOf(end) },
    ],
  })
}

function columnsOf(cli: Cli): Column<ScriptRun>[] {
  return [
    { title: 'RUN', cell: ({ run }) => run },
    { title: 'SCRIPT', cell: ({ name }) => name },
    { title: 'HASH', cell: ({ hash }) => hash.slice(0, 12) },
    { title: 'USER', cell: ({ user }) => user },
    { title: 'BEGAN', cell: ({ startedAtMs }) => ago(cli, startedAtMs) },
    { title: 'MAY', cell: ({ grants }) => linesOf(grants).join(' ') },
  ]
}

function endOf(end: ScriptRun['end']): string | undefined {
  if (end === undefined) return undefined
  if ('code' in end) return String(end.code)
  return 'signal' in end ? end.signal : `killed: ${end.killed}`
}

/** `ztm script kill EP RUN` */
export async function killRun(cli: Cli, endpoint: string, run: string): Promise<void> {
  const mesh = (await choosePlace(cli)).mesh.name
  const { stream } = await requestScript(cli, { mesh, endpoint }, { kind: 'kill', run })
  stream.destroy()
  await report(cli, `Run ${run} is killed`, { name: run, data: { run } })
}

/** What `script config` was told. */
export interface ConfigWords {
  readonly allowUser?: readonly string[]
  readonly allowGroup?: readonly string[]
  readonly forbidUser?: readonly string[]
  readonly forbidGroup?: readonly string[]
  readonly grant?: readonly string[]
  readonly memory?: number
  readonly maxTime?: Ms
  readonly enable?: boolean
}

/** `ztm script config` */
export async function configureScripts(cli: Cli, words: ConfigWords): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const place = { mesh: mesh.name, endpoint }
  const before = await showScriptConfig(cli, place)
  const rules = changeRules(before.rules, words)
  const body = {
    ...(rules !== undefined && { rules }),
    ...(words.enable !== undefined && { isEnabled: words.enable }),
  }
  const config: ScriptConfig =
    Object.keys(body).length === 0
      ? before
      : await callScript(cli, mesh.name, SCRIPT_API.changeConfig, { params: { endpoint }, body })
  await showThing(cli, config, {
    name: 'script',
    fields: [
      ['Scripts', config.isEnabled ? 'the owner may run all' : 'off'],
      ['Not listed', config.error],
      ['Others', config.rules.length === 0 ? 'nobody' : config.rules.map(describeRule)],
      ['Running', config.runCount],
    ],
  })
}

function describeRule({ users, groups, grants, memoryMb, timeoutMs }: ScriptRule): string {
  const who = [...users, ...groups.map(group => `group ${group}`)].join(', ')
  const may = linesOf(grants).join(' ') || 'nothing of this computer'
  return `${who}: ${may} (${memoryMb} MiB, ${formatSpan(timeoutMs)})`
}

/** The rules for whom is spoken of anew; nothing if nobody is. @throws MeshError `bad-usage` */
function changeRules(rules: readonly ScriptRule[], words: ConfigWords): ScriptRule[] | undefined {
  const { allowUser = [], allowGroup = [], forbidUser = [], forbidGroup = [] } = words
  const users = new Set<string>([...allowUser, ...forbidUser])
  const groups = new Set<string>([...allowGroup, ...forbidGroup])
  if (users.size + groups.size === 0) {
    if (!words.grant && words.memory === undefined && words.maxTime === undefined) return undefined
    throw new MeshError('bad-usage', 'Cannot grant: to whom? Add --allow-user or --allow-group')
  }
  const left = rules
    .map(rule => ({
      ...rule,
      users: rule.users.filter(user => !users.has(user)),
      groups: rule.groups.filter(group => !groups.has(group)),
    }))
    .filter(rule => rule.users.length + rule.groups.length > 0)
  if (allowUser.length + allowGroup.length === 0) return left
  const rule = {
    users: [...allowUser] as UserName[],
    groups: [...allowGroup] as Name[],
    grants: readGrants(words.grant ?? []),
    memoryMb: words.memory ?? 128,
    timeoutMs: words.maxTime ?? 600_000,
  }
  return [...left, rule]
}

/** `net:example.com:443`, `read:/srv/www`. @throws MeshError `bad-usage` */
function readGrants(lines: readonly string[]): Grants {
  const grants: Record<keyof Grants, string[]> = { network: [], read: [], write: [], run: [], dial: [] }
  for (const line of lines) {
    const [, word = '', text = ''] = /^([a-z]+)[:=](.+)$/.exec(line) ?? []
    const kind = word === 'net' ? 'network' : word
    if (!Object.hasOwn(grants, kind)) {
      throw new MeshError(
        'bad-usage',
        `Cannot grant ${quote(line)}: write net:, read:, write:, run: or dial: and what`,
      )
    }
    grants[kind as keyof Grants].push(text)
  }
  return grants
}

function linesOf(grants: Grants): string[] {
  return Object.entries(grants).flatMap(([kind, lines]) => lines.map(line => `${kind}:${line}`))
}
