import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import {
  type ParsedTreeRequest,
  type TreeAnswer,
  type TreeOpened,
  type TreeRequest,
  treeRequestShape,
} from '../../core/files/tree-requests.ts'
import type { Disk, Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Clock } from '../../core/model/time.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { markOf } from './agreed-file.ts'
import { createTreeChanges } from './tree-changes.ts'
import { lookAt, partPath, type TreeContext } from './tree-context.ts'
import { type Answered, createLists, fetchFiles, hashPieces, look, readPiece } from './tree-reading.ts'
import { cleanTrash } from './tree-trash.ts'
import * as writing from './tree-writing.ts'

/** A tree that can be read and changed, here or at another endpoint. */
export interface TreePlace extends AsyncDisposable {
  readonly opened: TreeOpened
  /**
   * Do something.
   *
   * @param body  belongs to the place from then on
   * @throws MeshError what went wrong with all of it; what did with one of many is in the answer
   */
  ask(request: TreeRequest, body?: Uint8Array): Promise<{ answer: TreeAnswer; body: Uint8Array }>
}

/** What all trees of a computer share. */
export interface Computer {
  readonly disk: Pick<Disk, 'home' | 'openFolder'>
  readonly clock: Clock
  /** Parts that somebody writes to, by absolute path. */
  readonly claims: Set<string>
}

/** Which tree, and what may be done with it. */
export interface TreeTerms {
  /** Absolute, or from the home folder. */
  readonly path: string
  readonly mirror?: { readonly id: string; readonly isNew: boolean } | undefined
  readonly isReadOnly?: boolean
  /** The folder that holds what is named, whatever that is. */
  readonly isHolder?: boolean | undefined
  /** Nothing outside of these folders, absolute ones; any by default. */
  readonly within?: readonly string[]
}

/**
 * Open a tree of this computer: the folder that is named, or the one that holds what is named.
 *
 * @throws MeshError `not-found` if that folder is not there, `denied` if it may not be opened
 */
export async function openTree(computer: Computer, terms: TreeTerms): Promise<TreePlace> {
  const { mirror, isReadOnly = false, isHolder = false, within } = terms
  const { disk, clock, claims } = computer
  const path = wholePath(disk, terms.path)
  const { folder, name } =
    mirror === undefined
      ? await (isHolder ? openHolder : openNamed)(disk, path, within)
      : await openMirrored(disk, path, { mirror, within })
  try {
    const context: TreeContext = { folder, isMirror: mirror !== undefined, isReadOnly, claims, clock }
    const entry = (await lookAt(context, name)) ?? null
    const foldsNames = FOLDING_SYSTEMS.includes(process.platform)
    const opened = { root: folder.path, name, entry, foldsNames, isReadOnly }
    const changes = createTreeChanges(folder)
    const parts = writing.createParts(context)
    const serve = createServer(context, changes, parts)
    return {
      opened,
      async ask(request, body = NOTHING) {
        const parsed = treeRequestShape.safeParse(request)
        if (!parsed.success)
          throw new MeshError('bad-message', 'Cannot do it: the request is not of its form')
        if (isReadOnly && !READING.has(parsed.data.do)) {
          throw new MeshError('denied', `Cannot change ${quote(folder.path)}: you may only read there`)
        }
        const { answer, body: back = NOTHING } = await serve(parsed.data, body)
        return { answer, body: back }
      },
      async [Symbol.asyncDispose]() {
        parts[Symbol.dispose]()
        await changes[Symbol.asyncDispose]()
        await folder[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await folder[Symbol.asyncDispose]()
    throw error
  }
}

function wholePath(disk: Computer['disk'], path: string): string {
  if (path.includes('\0')) throw new MeshError('bad-name', `Cannot open ${quote(path)}: it has a NUL`)
  const typed = path === '~' || path.startsWith('~/') ? path.slice(2) : path
  const whole = isAbsolute(typed) ? resolve(typed) : resolve(disk.home, typed)
  // A slash at the end says that it is a folder.
  return /[/\\]$/.test(path) && !/[/\\]$/.test(whole) ? `${whole}/` : whole
}

async function openNamed(
  disk: Computer['disk'],
  path: string,
  within: readonly string[] | undefined,
): Promise<{ folder: Folder; name: string }> {
  if (within !== undefined) return openWithin(disk, path, within)
  try {
    return { folder: await disk.openFolder(path), name: '' }
  } catch (thrown) {
    const error = toMeshError(thrown)
    if (error.code !== 'not-found' || basename(path) === '') throw error
    try {
      return { folder: await disk.openFolder(dirname(path)), name: basename(path) }
    } catch (missing) {
      if (toMeshError(missing).code !== 'not-found') throw missing
      throw new MeshError(
        'not-found',
        `Cannot open ${quote(path)}: folder ${quote(dirname(path))} is not there`,
      )
    }
  }
}

/** The folder that something is in, by a way that may have links in it; what is named is not followed. */
async function openHolder(
  disk: Computer['disk'],
  path: string,
  within: readonly string[] | undefined,
): Promise<{ folder: Folder; name: string }> {
  const whole = resolve(path)
  const name = basename(whole)
  if (name === '') throw new MeshError('bad-input', `Cannot change ${quote(path)}: it is in no folder`)
  const { folder, name: missing } = await openNamed(disk, dirname(whole), within)
  if (missing === '') return { folder, name }
  await folder[Symbol.asyncDispose]()
  throw new MeshError('not-found', `Cannot open ${quote(path)}: folder ${quote(dirname(whole))} is not there`)
}

/** The folder of a mirror itself, with its mark. @throws MeshError `not-found` if that is missing */
async function openMirrored(
  disk: Computer['disk'],
  path: string,
  { mirror, within }: { mirror: { id: string; isNew: boolean }; within: readonly string[] | undefined },
): Promise<{ folder: Folder; name: string }> {
  const { id, isNew } = mirror
  const missing = () =>
    new MeshError(
      'not-found',
      `Cannot mirror ${quote(path)}: it is not the folder that was mirrored: is its disk mounted?`,
    )
  const named = await openNamed(disk, path, within)
  let { folder } = named
  try {
    if (named.name !== '') {
      if (!isNew) throw missing()
      await folder.makeFolder(named.name)
      const inner = await disk.openFolder(join(folder.path, named.name))
      await folder[Symbol.asyncDispose]()
      folder = inner
    }
    if (isNew) await folder.makeFolder(markOf(id))
    else await folder.list(markOf(id))
    return { folder, name: '' }
  } catch (error) {
    await folder[Symbol.asyncDispose]()
    throw isNew || toMeshError(error).code !== 'not-found' ? error : missing()
  }
}

/** Below one of some folders, and by no link out of it. */
async function openWithin(
  disk: Computer['disk'],
  path: string,
  within: readonly string[],
): Promise<{ folder: Folder; name: string }> {
  const whole = path.replace(/\/$/, '')
  for (const outer of within) {
    const top = resolve(outer)
    if (whole !== top && !whole.startsWith(top === '/' ? '/' : `${top}/`)) continue
    await using folder = await disk.openFolder(top)
    const below = whole.slice(top.length).replace(/^\//, '')
    // Its own path has no links; what is below is entered name by name, following none.
    const entry = below === '' ? undefined : await folder.stat(below).catch(() => undefined)
    const isFolder = below === '' || entry?.kind === 'folder'
    const inner = isFolder ? below : dirname(below) === '.' ? '' : dirname(below)
    if (inner !== '') await folder.list(inner)
    return {
      folder: await disk.openFolder(join(folder.path, inner)),
      name: isFolder ? '' : basename(below),
    }
  }
  throw new MeshError('denied', `Cannot open ${quote(path)}: it is not shared with you`)
}

function createServer(
  context: TreeContext,
  changes: ReturnType<typeof createTreeChanges>,
  parts: writing.Parts,
) {
  const list = createLists(context)
  const exclusive = createExclusive()
  // Pieces of one file come in order, so that its size says how much is there.
  const inOrder = ({ path, key }: { path: string; key: string }, work: () => Promise<Answered>) =>
    exclusive.run(partPath(path, key), work)
  return (request: ParsedTreeRequest, body: Uint8Array): Promise<Answered> => {
    switch (request.do) {
      case 'look':
        return look(context, request)
      case 'list':
        return list(request)
      case 'fetch':
        return fetchFiles(context, request)
      case 'put':
        return writing.putFiles(context, request, body)
      case 'read':
        return readPiece(context, request)
      case 'hash':
        return hashPieces(context, request)
      case 'open-part':
        return inOrder(request, () => parts.open(request))
      case 'write':
        return inOrder(request, () => parts.write(request, body))
      case 'reuse':
        return inOrder(request, () => parts.reuse(request))
      case 'place':
        return inOrder(request, () => parts.place(request))
      case 'drop-part':
        return inOrder(request, () => parts.drop(request))
      case 'make-folders':
        return writing.makeFolders(context, request)
      case 'make-links':
        return writing.makeLinks(context, request)
      case 'remove':
        return writing.removeItems(context, request)
      case 'move':
        return writing.moveItem(context, request)
      case 'touch':
        return writing.touchItems(context, request)
      case 'watch':
        return changes.watch()
      case 'changes':
        return changes.next()
      case 'clean-trash':
        return cleanTrash(context, request).then(() => ({ answer: {} }))
    }
  }
}

const READING: ReadonlySet<string> = new Set(['look', 'list', 'fetch', 'read', 'hash', 'watch', 'changes'])
/** Whose file systems take names for equal that differ in case, as they come. */
const FOLDING_SYSTEMS: readonly string[] = ['darwin', 'win32']
const NOTHING = new Uint8Array(0)
