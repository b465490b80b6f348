import type { CopyFile } from '../../core/files/copy-plan.ts'
import type { Agreed, Side, SyncAction } from '../../core/files/sync-shapes.ts'
import type { TreeEntry } from '../../core/files/tree-entry.ts'
import type { TreeRequest } from '../../core/files/tree-requests.ts'
import type { MeshError } from '../../core/model/errors.ts'
import { listTree } from './list-tree.ts'
import type { MirrorSides } from './mirror-sides.ts'
import { faultOf, sendFiles } from './transfer.ts'
import { isOwnName } from './tree-context.ts'

/** What carrying out a plan needs, and tells. */
export interface MirrorWork {
  readonly sides: MirrorSides
  /** Changed as things are done. */
  readonly agreed: Map<string, Agreed>
  readonly pace: (byteCount: number) => Promise<void>
  readonly signal: AbortSignal
  readonly onDone: (action: SyncAction) => void
  readonly onBytes: (byteCount: number, sentBytes: number) => void
  readonly onFault: (path: string, error: MeshError) => void
}

type Kind<K extends SyncAction['do']> = Extract<SyncAction, { do: K }>

/**
 * Do what was planned. What cannot be done is told, and left to the next plan.
 *
 * @throws MeshError if a connection breaks
 */
export async function carryOutPlan(work: MirrorWork, actions: readonly SyncAction[]): Promise<void> {
  const of = <K extends SyncAction['do']>(kind: K) =>
    actions.filter((action): action is Kind<K> => action.do === kind)
  for (const { path } of of('forget')) work.agreed.delete(path)
  for (const action of of('agree')) note(work, action)
  await compare(work, of('compare'))
  await move(work, of('set-aside'))
  const firstMake = actions.findIndex(
    ({ do: what }) => what === 'copy' || what === 'move' || what === 'touch',
  )
  const isLate = (action: SyncAction) => firstMake >= 0 && actions.indexOf(action) > firstMake
  const removals = of('remove')
  const late = new Set(removals.length > 0 && of('move').length > 0 ? removals.filter(isLate) : [])
  await remove(
    work,
    removals.filter(action => !late.has(action)),
  )
  const copies = of('copy')
  const entryOf = ({ from, path }: Kind<'copy'>) => work.sides.trees[from].get(path)
  await Promise.all(
    (['left', 'right'] as const).map(from =>
      makeFolders(
        work,
        from,
        copies.filter(action => action.from === from && entryOf(action)?.kind === 'folder'),
      ),
    ),
  )
  await move(work, of('move'))
  await Promise.all(
    (['left', 'right'] as const).map(async from => {
      const own = copies.filter(action => action.from === from)
      await copyFiles(work, from, own)
      await copyLinks(work, from, own)
      await touch(
        work,
        from,
        of('touch').filter(action => action.from === from),
      )
    }),
  )
  await remove(work, [...late])
}

function otherOf(side: Side): Side {
  return side === 'left' ? 'right' : 'left'
}

/** Both have the same there now. */
function note({ sides, agreed, onDone }: MirrorWork, action: SyncAction): void {
  const { left, right } = sides.trees
  const [one, other] = [left.get(action.path), right.get(action.path)]
  if (one !== undefined && other !== undefined)
    agreed.set(action.path, { left: bare(one), right: bare(other) })
  else if (one === other) agreed.delete(action.path)
  onDone(action)
}

/** What is kept: whether it is the same content was found out. */
function bare(entry: TreeEntry): TreeEntry {
  if (entry.kind !== 'file') return entry
  const { hash: _, ...rest } = entry
  return rest
}

async function compare(
  { sides, signal, onFault }: MirrorWork,
  actions: readonly Kind<'compare'>[],
): Promise<void> {
  for (let at = 0; at < actions.length; at += HASHED_AT_ONCE) {
    signal.throwIfAborted()
    const paths = actions.slice(at, at + HASHED_AT_ONCE).map(({ path }) => path)
    await Promise.all(
      (['left', 'right'] as const).map(async side => {
        try {
          const { answer } = await sides.places[side].ask({ do: 'look', paths, isHashed: true })
          for (const [index, path] of paths.entries()) {
            const entry = answer.entries?.[index] as TreeEntry | null | undefined
            if (entry) sides.trees[side].set(path, entry)
          }
        } catch (error) {
          if (paths.length > 1) throw error
          for (const path of paths) onFault(path, error as MeshError)
        }
      }),
    )
  }
}

/** Rename where the other side did, or where something else gets the name. */
async function move(work: MirrorWork, actions: readonly (Kind<'set-aside'> | Kind<'move'>)[]): Promise<void> {
  const { sides, signal, agreed, onDone, onFault } = work
  for (let at = 0; at < actions.length; at += MOVES_AT_ONCE) {
    signal.throwIfAborted()
    await Promise.all(
      actions.slice(at, at + MOVES_AT_ONCE).map(async action => {
        const { path, to, at: side } = action
        const tree = sides.trees[side]
        const was = versionOf(tree.get(path))
        try {
          const { answer } = await sides.places[side].ask({ do: 'move', path, to, ...(was && { was }) })
          tree.delete(path)
          if (answer.entry) tree.set(to, answer.entry as TreeEntry)
        } catch (error) {
          onFault(path, error as MeshError)
          return
        }
        if (action.do === 'move') {
          agreed.delete(path)
          note(work, { do: 'agree', path: to })
        } else onDone(action)
      }),
    )
  }
}

async function remove(work: MirrorWork, actions: readonly Kind<'remove'>[]): Promise<void> {
  const { sides, signal, onFault } = work
  for (const side of ['left', 'right'] as const) {
    const own = actions.filter(action => action.at === side)
    const tree = sides.trees[side]
    for (let at = 0; at < own.length; at += ITEMS_AT_ONCE) {
      signal.throwIfAborted()
      const some = own.slice(at, at + ITEMS_AT_ONCE)
      const items = some.map(({ path }) => {
        const was = versionOf(tree.get(path))
        return { path, ...(was && { was }) }
      })
      const { answer } = await sides.places[side].ask({ do: 'remove', items })
      for (const [index, action] of some.entries()) {
        const result = answer.results?.[index]
        const isGone = result !== undefined && 'entry' in result
        if (!isGone && !(await removeIgnored(work, action))) {
          onFault(action.path, faultOf(result))
          continue
        }
        tree.delete(action.path)
        if (!sides.trees[otherOf(side)].has(action.path)) note(work, action)
      }
    }
  }
}

/** A folder in which only what is ignored is left goes to the trash as it is. */
async function removeIgnored({ sides }: MirrorWork, { at, path }: Kind<'remove'>): Promise<boolean> {
  if (sides.trees[at].get(path)?.kind !== 'folder') return false
  const place = sides.places[at]
  const { tree, faults } = await listTree(
    place,
    path,
    (inner, entry) => !isOwnName(inner) && sides.isWanted(inner, entry),
  )
  if (tree.size > 0 || faults.size > 0) return false
  const { answer } = await place.ask({ do: 'remove', items: [{ path, isWhole: true }] })
  const [result] = answer.results ?? []
  return result !== undefined && 'entry' in result
}

async function makeFolders(work: MirrorWork, from: Side, actions: readonly Kind<'copy'>[]): Promise<void> {
  const { sides, signal, onFault } = work
  const to = otherOf(from)
  for (let at = 0; at < actions.length; at += ITEMS_AT_ONCE) {
    signal.throwIfAborted()
    const some = actions.slice(at, at + ITEMS_AT_ONCE)
    const paths = some.map(({ path }) => path)
    const { answer } = await sides.places[to].ask({ do: 'make-folders', paths })
    const modes: Kind<'copy'>[] = []
    for (const [index, action] of some.entries()) {
      const result = answer.results?.[index]
      if (result === undefined || !('entry' in result) || result.entry === null)
        onFault(action.path, faultOf(result))
      else {
        sides.trees[to].set(action.path, result.entry as TreeEntry)
        modes.push(action)
      }
    }
    await changeModes(work, from, modes)
  }
}

async function touch(work: MirrorWork, from: Side, actions: readonly Kind<'touch'>[]): Promise<void> {
  for (let at = 0; at < actions.length; at += ITEMS_AT_ONCE) {
    work.signal.throwIfAborted()
    await changeModes(work, from, actions.slice(at, at + ITEMS_AT_ONCE))
  }
}

async function changeModes(
  work: MirrorWork,
  from: Side,
  actions: readonly (Kind<'touch'> | Kind<'copy'>)[],
): Promise<void> {
  const { sides, onFault } = work
  const to = otherOf(from)
  const items = actions.map(({ path }) => {
    const entry = sides.trees[from].get(path)
    const there = sides.trees[to].get(path)
    const mode = entry === undefined || entry.kind === 'link' ? undefined : entry.mode
    const was = there?.kind === 'file' ? versionOf(there) : undefined
    const isFile = entry?.kind === 'file'
    return {
      path,
      ...(mode !== undefined && { mode }),
      ...(isFile && { mtimeMs: entry.mtimeMs }),
      ...(was && { was }),
    }
  })
  if (items.length === 0) return
  const { answer } = await sides.places[to].ask({ do: 'touch', items })
  for (const [index, action] of actions.entries()) {
    const result = answer.results?.[index]
    if (result === undefined || !('entry' in result) || result.entry === null)
      onFault(action.path, faultOf(result))
    else {
      sides.trees[to].set(action.path, result.entry as TreeEntry)
      note(work, action)
    }
  }
}

async function copyFiles(work: MirrorWork, from: Side, actions: readonly Kind<'copy'>[]): Promise<void> {
  const { sides, pace, signal, onBytes, onFault } = work
  const to = otherOf(from)
  const byPath = new Map(actions.map(action => [action.path, action]))
  const files = actions.flatMap(({ path, over }): CopyFile[] => {
    const entry = sides.trees[from].get(path)
    // A folder that it replaces was removed before.
    const there = over?.kind === 'folder' ? undefined : over
    return entry?.kind === 'file' ? [{ path, to: path, entry, over: there }] : []
  })
  const transfer = {
    source: sides.places[from],
    target: sides.places[to],
    pace,
    signal,
    onBytes,
  }
  await sendFiles(transfer, files, sent => {
    const { path } = sent.file
    const action = byPath.get(path)
    if (
      sent.error !== undefined ||
      sent.from === undefined ||
      sent.to === undefined ||
      action === undefined
    ) {
      onFault(path, sent.error ?? faultOf(undefined))
      return
    }
    sides.trees[from].set(path, sent.from)
    sides.trees[to].set(path, sent.to)
    note(work, action)
  })
}

async function copyLinks(work: MirrorWork, from: Side, actions: readonly Kind<'copy'>[]): Promise<void> {
  const { sides, signal, onFault } = work
  const to = otherOf(from)
  const links = actions.flatMap(action => {
    const entry = sides.trees[from].get(action.path)
    return entry?.kind === 'link' ? [{ action, target: entry.target }] : []
  })
  for (let at = 0; at < links.length; at += LINKS_AT_ONCE) {
    signal.throwIfAborted()
    const some = links.slice(at, at + LINKS_AT_ONCE)
    const request: TreeRequest = {
      do: 'make-links',
      links: some.map(({ action: { path, over }, target }) => ({ path, target, ...overOf(over) })),
    }
    const { answer } = await sides.places[to].ask(request)
    for (const [index, { action }] of some.entries()) {
      const result = answer.results?.[index]
      if (result === undefined || !('entry' in result) || result.entry === null)
        onFault(action.path, faultOf(result))
      else {
        sides.trees[to].set(action.path, result.entry as TreeEntry)
        note(work, action)
      }
    }
  }
}

function overOf(over: TreeEntry | undefined): { over?: string | null } {
  const version = versionOf(over)
  return over === undefined || over.kind === 'folder'
    ? { over: null }
    : version === undefined
      ? {}
      : { over: version }
}

function versionOf(entry: TreeEntry | undefined): string | undefined {
  return entry === undefined || entry.kind === 'folder' ? undefined : entry.version
}

const HASHED_AT_ONCE = 32
const MOVES_AT_ONCE = 16
const ITEMS_AT_ONCE = 200
const LINKS_AT_ONCE = 100
