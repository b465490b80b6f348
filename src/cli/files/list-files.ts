import { FILES_API, type FoundItem, type HeldInfo, type InsideEntry } from '../../apps/files/messages.ts'
import { pathBelow } from '../../core/files/mesh-path.ts'
import type { Cli } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'
import { type ListView, remark, showList, showThing } from '../output/show.ts'
import type { Field } from '../output/table.ts'
import { visible } from '../output/text-width.ts'
import { ago, bytes, moment } from '../output/words.ts'
import { callFiles, findInMesh, findItem, wholePath } from './files-place.ts'

/** What is looked for, as typed. */
export interface FindWords {
  readonly tag?: string
  readonly owner?: string
  readonly hash?: boolean
}

/** `ztm file ls [PATH]`: what is published below a place, or what is in a tree. */
export async function listFiles(cli: Cli, typed: string | undefined, words: FindWords = {}): Promise<void> {
  const place = await choosePlace(cli)
  const path = typed === undefined ? '/' : wholePath(place, typed)
  const { items, unanswered } = await findInMesh(cli, place, path === '/' ? {} : { path })
  remarkSilent(cli, unanswered)
  const holding = items.find(item => pathBelow(path, item.path) !== undefined && item.kind === 'tree')
  if (holding !== undefined) return showInside(cli, place, path)
  await showList(cli, items, foundView(cli, words.hash === true))
}

/** `ztm file find [PATTERN]` */
export async function findFiles(cli: Cli, pattern: string | undefined, words: FindWords): Promise<void> {
  const place = await choosePlace(cli)
  const { tag, owner } = words
  const { items, unanswered } = await findInMesh(cli, place, {
    ...(pattern !== undefined && { pattern }),
    ...(tag !== undefined && { tag }),
    ...(owner !== undefined && { owner }),
  })
  remarkSilent(cli, unanswered)
  await showList(cli, items, foundView(cli, words.hash === true))
}

/** `ztm file held`: what an endpoint has published or holds. */
export async function listHeld(cli: Cli, { confirm = false }: { confirm?: boolean }): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  if (confirm) await callFiles(cli, mesh.name, FILES_API.confirmCopies, { params: { endpoint }, body: {} })
  const { items } = await callFiles(cli, mesh.name, FILES_API.listHeld, { params: { endpoint } })
  await showList(cli, items, HELD_VIEW)
}

/** `ztm file versions PATH` */
export async function listVersions(cli: Cli, typed: string): Promise<void> {
  const place = await choosePlace(cli)
  const query = { path: wholePath(place, typed) }
  const { versions } = await callFiles(cli, place.mesh.name, FILES_API.listVersions, { query })
  await showList(cli, versions, {
    nameOf: ({ serial }) => String(serial),
    columns: [
      { title: 'VERSION', cell: ({ serial }) => serial },
      { title: 'PUBLISHED', cell: ({ publishedAtMs }) => moment(publishedAtMs) },
      { title: 'MODIFIED', cell: ({ modifiedAtMs }) => moment(modifiedAtMs) },
      { title: 'SIZE', cell: ({ sizeBytes }) => bytes(sizeBytes) },
      { title: 'FILES', cell: ({ kind, fileCount }) => (kind === 'tree' ? fileCount : '') },
      { title: 'HASH', cell: ({ content }) => content },
    ],
  })
}

/** `ztm describe file PATH` */
export async function describeFile(cli: Cli, typed: string): Promise<void> {
  const item = await findItem(cli, await choosePlace(cli), typed)
  await showThing(cli, item, {
    name: item.path,
    fields: [...itemFields(item), ['Holders', item.holders.map(({ name, user }) => `${name} (${user})`)]],
  })
}

/** Lines that describe something published at an endpoint. */
export function heldFields(held: HeldInfo): Field[] {
  return [
    ...itemFields(held),
    ['Source', held.source],
    ['Copy', held.isCopy ? 'yes' : undefined],
    ['Versions kept', held.keepCount],
    ['Error', held.error],
  ]
}

function itemFields(item: Omit<HeldInfo, 'source' | 'isCopy'>): Field[] {
  return [
    ['File', item.path],
    ['Kind', item.kind],
    ['Size', bytes(item.sizeBytes)],
    ['Files', item.fileCount],
    ['Tags', item.tags],
    ['Shared', sharedWith(item) || 'nobody'],
    ['Modified', moment(item.modifiedAtMs)],
    ['Published', moment(item.publishedAtMs)],
    ['Hash', item.content],
  ]
}

async function showInside(cli: Cli, place: Place, path: string): Promise<void> {
  const entries: InsideEntry[] = []
  for (;;) {
    const page = await callFiles(cli, place.mesh.name, FILES_API.listInside, {
      query: { path, offset: entries.length },
    })
    entries.push(...page.entries)
    if (page.entries.length === 0 || entries.length >= page.total) break
  }
  await showList(cli, entries, INSIDE_VIEW)
}

function remarkSilent(cli: Cli, unanswered: readonly { name: string; user: string; reason: string }[]): void {
  for (const { name, user, reason } of unanswered)
    remark(cli, `ztm: not asked: ${visible(name)} of ${visible(user)}: ${visible(reason)}`)
}

/** How `ztm file ls` and `ztm get file` print. */
export function foundView(cli: Cli, withHash: boolean): ListView<FoundItem> {
  return {
    nameOf: item => item.path,
    columns: [
      { title: 'PATH', cell: item => (item.kind === 'tree' ? `${item.path}/` : item.path) },
      { title: 'SIZE', cell: item => bytes(item.sizeBytes) },
      { title: 'FILES', cell: item => (item.kind === 'tree' ? item.fileCount : '') },
      { title: 'TIME', cell: item => ago(cli, item.modifiedAtMs) },
      { title: 'SOURCES', cell: item => item.holders.map(({ name }) => name).join(',') },
      { title: 'SHARED', cell: item => sharedWith(item) },
      { title: 'TAGS', cell: item => item.tags.join(',') },
      ...(withHash ? [{ title: 'HASH', cell: (item: FoundItem) => item.content }] : []),
    ],
  }
}

function sharedWith({ access }: Pick<FoundItem, 'access'>): string {
  if (access.everyone) return 'everyone'
  return [...access.users, ...access.groups.map(group => `@${group}`)].join(',')
}

const INSIDE_VIEW: ListView<InsideEntry> = {
  nameOf: entry => entry.path,
  columns: [
    { title: 'MODE', cell: entry => `${KIND_LETTERS[entry.kind]}${formatMode(entry.mode)}` },
    { title: 'SIZE', cell: entry => (entry.kind === 'file' ? bytes(entry.sizeBytes) : '') },
    { title: 'MODIFIED', cell: entry => moment(entry.modifiedAtMs) },
    {
      title: 'PATH',
      cell: entry => (entry.target === undefined ? entry.path : `${entry.path} -> ${entry.target}`),
    },
  ],
}

const HELD_VIEW: ListView<HeldInfo> = {
  nameOf: item => item.path,
  columns: [
    { title: 'PATH', cell: item => item.path },
    {
      title: 'STATE',
      cell: item => (item.error !== undefined ? 'missing' : item.isCopy ? 'copy' : 'published'),
    },
    { title: 'SIZE', cell: item => bytes(item.sizeBytes) },
    { title: 'SHARED', cell: item => sharedWith(item) },
    { title: 'SOURCE', cell: item => item.source },
    { title: 'ERROR', cell: item => item.error },
  ],
}

function formatMode(mode: number): string {
  return [6, 3, 0]
    .map(shift =>
      ['r', 'w', 'x'].map((letter, bit) => ((mode >> shift) & (4 >> bit) ? letter : '-')).join(''),
    )
    .join('')
}

const KIND_LETTERS = { file: '-', folder: 'd', link: 'l' } as const
