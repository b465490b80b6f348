import type { MirrorDirection, MirrorInfo } from '../../apps/sync/messages.ts'
import { parseCopyPlace } from '../../core/files/copy-request.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import { type Cli, pathOf } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'
import { painter } from '../output/colors.ts'
import { report, showList, showThing } from '../output/show.ts'
import { formatTable } from '../output/table.ts'
import { visible } from '../output/text-width.ts'
import { ago, bytes, plural } from '../output/words.ts'
import { callSync } from './sync-place.ts'

/** What `file mirror` was told. */
export interface MirrorWords {
  readonly to?: string
  readonly name?: string
  readonly ignore?: readonly string[]
  /** Megabits a second; 0 takes it away. */
  readonly limitMbps?: number
  /** Whether changes there come here. */
  readonly download?: boolean
  /** Whether changes here go there. */
  readonly upload?: boolean
  readonly pause?: boolean
  readonly resume?: boolean
  readonly stop?: boolean
}

/** `ztm file mirror [DIR|NAME]` */
export async function mirrorFolder(cli: Cli, typed: string | undefined, words: MirrorWords): Promise<void> {
  const place = await choosePlace(cli)
  if (words.to !== undefined) return await create(cli, place, typed, words)
  const { mirrors } = await callSync(cli, place.mesh.name, 'listMirrors', {
    params: { endpoint: place.endpoint },
  })
  if (typed === undefined) return await showMirrors(cli, mirrors)
  const mirror = find(cli, mirrors, typed, place)
  const params = { endpoint: place.endpoint, mirror: mirror.name }
  if (words.stop === true) {
    await callSync(cli, place.mesh.name, 'deleteMirror', { params })
    await report(cli, `Mirror ${mirror.name} has ended; both folders stay as they are`, {
      name: mirror.name,
      data: mirror,
    })
    return
  }
  const direction = changeDirection(mirror.direction, words)
  const body = {
    ...(direction !== undefined && { direction }),
    ...(words.pause === true && { isPaused: true }),
    ...(words.resume === true && { isPaused: false }),
    ...(words.limitMbps !== undefined && {
      bytesPerSecond: words.limitMbps === 0 ? null : words.limitMbps * 125_000,
    }),
  }
  if (Object.keys(body).length === 0) return await showMirror(cli, mirror)
  await showMirror(cli, await callSync(cli, place.mesh.name, 'changeMirror', { params, body }))
}

async function create(
  cli: Cli,
  { mesh, endpoint, isChosen }: Place,
  typed: string | undefined,
  words: MirrorWords,
): Promise<void> {
  const { to = '', name, ignore = [], limitMbps = 0 } = words
  if (typed === undefined)
    throw new MeshError('bad-usage', 'Cannot mirror: say which folder: `ztm file mirror DIR --to EP:DIR`')
  const folder = isChosen ? typed : pathOf(cli, typed)
  const other = parseCopyPlace(to)
  const body = {
    name: (name ?? nameFrom(folder)) as Name,
    folder,
    // Without an endpoint it is a folder of the same computer.
    to: other.endpoint === undefined && !isChosen ? { path: pathOf(cli, other.path) } : other,
    ignores: [...ignore],
    direction: firstDirection(words),
    ...(limitMbps > 0 && { bytesPerSecond: limitMbps * 125_000 }),
  }
  const made = await callSync(cli, mesh.name, 'createMirror', { params: { endpoint }, body: body as never })
  await report(cli, `Mirror ${made.name} is kept from now on: see \`ztm file mirror ${made.name}\``, {
    name: made.name,
    data: made,
  })
}

/** Which way changes go at first: saying only that one way is on leaves the other off. @throws MeshError `bad-usage` */
export function firstDirection({ download, upload }: MirrorWords): MirrorDirection {
  if (download === undefined && upload === undefined) return 'both'
  return directionOf({ isUp: upload ?? download === false, isDown: download ?? upload === false })
}

/** Which way changes go from now on: what is not said stays. @returns undefined if nothing was said @throws MeshError `bad-usage` */
export function changeDirection(
  before: MirrorDirection,
  { download, upload }: MirrorWords,
): MirrorDirection | undefined {
  if (download === undefined && upload === undefined) return undefined
  return directionOf({ isUp: upload ?? before !== 'download', isDown: download ?? before !== 'upload' })
}

function directionOf({ isUp, isDown }: { isUp: boolean; isDown: boolean }): MirrorDirection {
  if (isUp && isDown) return 'both'
  if (isUp) return 'upload'
  if (isDown) return 'download'
  throw new MeshError(
    'bad-usage',
    'Cannot mirror: changes would go neither way: say --pause to let it rest, --stop to end it',
  )
}

/** Read the word after `--download` and `--upload`. @throws MeshError `bad-usage` */
export function parseOnOff(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on'
  throw new MeshError('bad-usage', `Cannot read ${quote(text)}: say on or off`)
}

/** The folder's own name, as far as it can be a name. */
function nameFrom(folder: string): string {
  const last =
    folder
      .replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1) ?? ''
  const name = last.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+|[.-]+$/g, '')
  return name === '' ? 'mirror' : name
}

function find(cli: Cli, mirrors: readonly MirrorInfo[], typed: string, { isChosen }: Place): MirrorInfo {
  const path = isChosen ? typed : pathOf(cli, typed)
  const found = mirrors.find(({ name }) => name === typed) ?? mirrors.find(({ folder }) => folder === path)
  if (found !== undefined) return found
  throw new MeshError(
    'not-found',
    `Cannot find mirror ${quote(typed)}: begin one with \`ztm file mirror DIR --to EP:DIR\``,
  )
}

async function showMirrors(cli: Cli, mirrors: readonly MirrorInfo[]): Promise<void> {
  await showList(cli, mirrors, {
    nameOf: ({ name }) => name,
    columns: [
      { title: 'NAME', cell: ({ name }) => name },
      { title: 'FOLDER', cell: ({ folder }) => folder },
      { title: 'WAY', cell: ({ direction }) => WAYS[direction] },
      { title: 'TO', cell: ({ to }) => placeText(to) },
      { title: 'STATE', cell: mirror => stateText(mirror) },
      { title: 'CONFLICTS', cell: ({ conflicts }) => String(conflicts.length) },
      { title: 'PROBLEMS', cell: ({ problems }) => String(problems.length) },
    ],
  })
}

async function showMirror(cli: Cli, mirror: MirrorInfo): Promise<void> {
  const { name, folder, to, ignores, direction, bytesPerSecond, sentBytes, inSyncAtMs, error } = mirror
  const { problems, conflicts, apartCount } = mirror
  const table =
    problems.length === 0
      ? ''
      : `\n${formatTable(
          problems,
          [
            { title: 'PROBLEM WITH', cell: ({ path }) => path },
            { title: 'WHY', cell: ({ message }) => message },
          ],
          painter(cli),
        )}`
  const copies =
    conflicts.length === 0
      ? ''
      : `\nBoth sides had changed, and both are kept:\n${conflicts.map(path => `  ${visible(path)}\n`).join('')}`
  await showThing(cli, mirror, {
    name,
    fields: [
      ['Mirror', name],
      ['Folder', folder],
      ['To', placeText(to)],
      ['Changes go', WAY_WORDS[direction]],
      ['State', stateText(mirror)],
      ['Why', error],
      ['In sync', inSyncAtMs === undefined ? undefined : ago(cli, inSyncAtMs)],
      [
        'Left apart',
        apartCount === 0 ? undefined : `${plural(apartCount, 'path')} that only the other side changed`,
      ],
      ['Sent', bytes(sentBytes)],
      ['Limit', bytesPerSecond === undefined ? undefined : `${bytesPerSecond / 125_000} Mb/s`],
      ['Ignored', ignores.length === 0 ? undefined : ignores.join(', ')],
    ],
    below: table + copies,
  })
}

const WAYS: Readonly<Record<MirrorDirection, string>> = { both: '<->', upload: '->', download: '<-' }
const WAY_WORDS: Readonly<Record<MirrorDirection, string>> = {
  both: 'both ways',
  upload: 'there only: nothing is changed here',
  download: 'here only: nothing is changed there',
}

function stateText({ state, leftCount }: MirrorInfo): string {
  return state === 'syncing' ? `${plural(leftCount, 'change')} to go` : state
}

function placeText({ endpoint, user, path }: MirrorInfo['to']): string {
  const where = user === undefined ? endpoint : `${user}@${endpoint}`
  return endpoint === undefined ? path : `${where}:${path}`
}
