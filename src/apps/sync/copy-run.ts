import { type CopyFile, type CopyPlan, placeCopy, planCopy } from '../../core/files/copy-plan.ts'
import type { CopyEvent, CopyRequest } from '../../core/files/copy-request.ts'
import type { Tree, TreeEntry } from '../../core/files/tree-entry.ts'
import { childOf } from '../../core/files/tree-path.ts'
import type { TreeRequest } from '../../core/files/tree-requests.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { listFolders, listTree } from './list-tree.ts'
import { faultOf, sendFiles } from './transfer.ts'
import type { TreePlace } from './tree-site.ts'

/** One try of a copy, between trees that are open. */
export interface CopyRun {
  readonly source: TreePlace
  readonly target: TreePlace
  readonly request: CopyRequest
  readonly tell: (event: CopyEvent) => void
  readonly pace: (byteCount: number) => Promise<void>
  readonly signal: AbortSignal
  readonly sums: CopySums
}

/** What was done, over all tries. */
export interface CopySums {
  copiedCount: number
  sameCount: number
  removedCount: number
  failedCount: number
  bytes: number
  sentBytes: number
}

/**
 * Copy what differs. What fails is told and counted, and does not end the rest.
 *
 * @throws MeshError if the source is not there, or a connection breaks
 */
export async function runCopy(run: CopyRun): Promise<void> {
  const { source, request, tell, sums } = run
  const fault = (path: string, error: MeshError) => {
    sums.failedCount += 1
    tell({ event: 'failed', path, ...error.toBody() })
  }
  sums.failedCount = 0
  const { tree, faults } = await listSource(source)
  for (const [path, error] of faults) fault(path, error)
  const place = placeOf(run)
  const there = await listTarget(run, tree, place)
  const isSameContent = request.isHashed ? await compareContents(run, { tree, there, place }) : undefined
  const plan = planCopy({
    source: tree,
    target: there,
    place,
    isExact: request.isExact,
    ...(isSameContent && { isSameContent }),
  })
  sums.sameCount = plan.sameCount
  const bytes = plan.files.reduce((sum, { entry }) => sum + entry.size, 0)
  tell({ event: 'planned', fileCount: plan.files.length, bytes, sameCount: plan.sameCount })
  for (const { to, why } of plan.clashes)
    fault(to, new MeshError('conflict', `Cannot copy ${quote(to)}: ${why}`))
  // What could not be seen at the source is not gone from it.
  const isSure = faults.size === 0
  if (request.isDryRun) return tellPlan(run, plan)
  await carryOut(run, plan, { fault, isSure })
}

async function listSource(place: TreePlace) {
  const { root, name, entry } = place.opened
  if (entry === null) {
    throw new MeshError('not-found', `Cannot copy ${quote(childOf(root, name))}: it is not there`)
  }
  const top = entry as TreeEntry
  if (top.kind !== 'folder') return { tree: new Map([[name, top]]), faults: new Map<string, MeshError>() }
  const { tree, faults } = await listTree(place, name)
  return { tree: new Map([[name, top], ...tree]), faults }
}

function placeOf({ source, target, request }: CopyRun): (path: string) => string {
  const { name, root, entry } = source.opened
  const isContents = request.isContents && entry?.kind === 'folder'
  return placeCopy(
    { name, root, isContents },
    { name: target.opened.name, isFolder: target.opened.entry?.kind === 'folder' },
  )
}

/** What is at the target where something is to go; with all that is there, if the rest is to be removed. */
async function listTarget(
  { source, target, request }: CopyRun,
  tree: Tree,
  place: (path: string) => string,
): Promise<Tree> {
  const into = place(source.opened.name)
  const [entry] = (await target.ask({ do: 'look', paths: [into] })).answer.entries ?? []
  if (!entry) return new Map()
  const there = new Map<string, TreeEntry>([[into, entry as TreeEntry]])
  const isFolder = entry.kind === 'folder' && source.opened.entry?.kind === 'folder'
  if (!isFolder) return there
  if (request.isExact) return new Map([...there, ...(await listTree(target, into)).tree])
  const folders = [...tree].filter(([, { kind }]) => kind === 'folder').map(([path]) => place(path))
  return new Map([...there, ...(await listFolders(target, folders))])
}

interface Compared {
  readonly tree: Tree
  readonly there: Tree
  readonly place: (path: string) => string
}

/** Hash files of the same size on both sides. */
async function compareContents(
  run: CopyRun,
  { tree, there, place }: Compared,
): Promise<Map<string, boolean>> {
  const { source, target, signal } = run
  const isSame = new Map<string, boolean>()
  const paths = [...tree.keys()].filter(path => {
    const [one, other] = [tree.get(path), there.get(place(path))]
    return one?.kind === 'file' && other?.kind === 'file' && one.size === other.size
  })
  for (let at = 0; at < paths.length; at += HASHED_AT_ONCE) {
    signal.throwIfAborted()
    const some = paths.slice(at, at + HASHED_AT_ONCE)
    const [own, far] = await Promise.all([
      source.ask({ do: 'look', paths: some, isHashed: true }),
      target.ask({ do: 'look', paths: some.map(place), isHashed: true }),
    ])
    for (const [index, path] of some.entries()) {
      const [one, other] = [own.answer.entries?.[index], far.answer.entries?.[index]]
      const isEqual =
        one?.kind === 'file' && other?.kind === 'file' && one.hash !== undefined && one.hash === other.hash
      isSame.set(path, isEqual)
    }
  }
  return isSame
}

function tellPlan({ tell, sums }: CopyRun, plan: CopyPlan): void {
  for (const path of plan.folders) tell({ event: 'done', what: 'made', path })
  for (const { to, entry } of plan.files) tell({ event: 'done', what: 'copied', path: to, size: entry.size })
  for (const { to } of plan.links) tell({ event: 'done', what: 'linked', path: to })
  for (const { to } of plan.touches) tell({ event: 'done', what: 'changed', path: to })
  for (const path of plan.removals) tell({ event: 'done', what: 'removed', path })
  sums.copiedCount = plan.files.length + plan.links.length
  sums.removedCount = plan.removals.length
  sums.bytes = plan.files.reduce((sum, { entry }) => sum + entry.size, 0)
}

interface Terms {
  readonly fault: (path: string, error: MeshError) => void
  readonly isSure: boolean
}

async function carryOut(run: CopyRun, plan: CopyPlan, { fault, isSure }: Terms): Promise<void> {
  const { source, target, tell, pace, signal, sums } = run
  const did = (what: 'made' | 'linked' | 'changed' | 'removed') => (path: string) =>
    tell({ event: 'done', what, path })
  const each = async <T extends { to: string }>(
    items: readonly T[],
    ask: (some: readonly T[]) => TreeRequest,
    done: (path: string) => void,
  ) => {
    for (let at = 0; at < items.length; at += ITEMS_AT_ONCE) {
      signal.throwIfAborted()
      const some = items.slice(at, at + ITEMS_AT_ONCE)
      const { answer } = await target.ask(ask(some))
      for (const [index, { to }] of some.entries()) {
        const result = answer.results?.[index]
        if (result !== undefined && 'entry' in result) done(to)
        else fault(to, faultOf(result))
      }
    }
  }
  const named = (paths: readonly string[]) => paths.map(to => ({ to }))
  await each(
    named(plan.folders),
    some => ({ do: 'make-folders', paths: some.map(({ to }) => to) }),
    did('made'),
  )
  await sendFiles(
    {
      source,
      target,
      pace,
      signal,
      onBytes: (byteCount, sentBytes) => {
        sums.bytes += byteCount
        sums.sentBytes += sentBytes
        tell({
          event: 'progress',
          fileCount: sums.copiedCount,
          doneBytes: sums.bytes,
          sentBytes: sums.sentBytes,
        })
      },
    },
    plan.files,
    ({ file, error }) => {
      if (error !== undefined) return fault(file.to, error)
      sums.copiedCount += 1
      tell({ event: 'done', what: 'copied', path: file.to, size: file.entry.size })
    },
  )
  const links = (some: readonly CopyPlan['links'][number][]): TreeRequest => ({
    do: 'make-links',
    links: some.map(({ to, target: text, over }) => ({ path: to, target: text, ...overOf(over) })),
  })
  await each(plan.links, links, path => {
    sums.copiedCount += 1
    did('linked')(path)
  })
  const touches = (some: readonly CopyPlan['touches'][number][]): TreeRequest => ({
    do: 'touch',
    items: some.map(({ to, ...change }) => ({ path: to, ...change })),
  })
  await each(plan.touches, touches, did('changed'))
  if (isSure) {
    const removals = (some: readonly { to: string }[]): TreeRequest => ({
      do: 'remove',
      items: some.map(({ to }) => ({ path: to })),
    })
    await each(named(plan.removals), removals, path => {
      sums.removedCount += 1
      did('removed')(path)
    })
  }
  await each(plan.folderTouches, touches, () => {})
}

function overOf(over: CopyFile['over'] | TreeEntry | undefined): { over?: string | null } {
  if (over === undefined) return { over: null }
  return 'version' in over && over.version !== undefined ? { over: over.version } : {}
}

const HASHED_AT_ONCE = 100
const ITEMS_AT_ONCE = 200
