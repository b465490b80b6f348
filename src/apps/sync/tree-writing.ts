import { randomUUID } from 'node:crypto'
import type { TreeEntry } from '../../core/files/tree-entry.ts'
import { childOf, parentOf } from '../../core/files/tree-path.ts'
import type { ParsedTreeRequest, TreeAnswer } from '../../core/files/tree-requests.ts'
import type { DiskFile } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { expectThere, lookAt, partPath, refuseOwn, type TreeContext, toTreeEntry } from './tree-context.ts'
import type { Answered } from './tree-reading.ts'
import { keepInTrash, moveToTrash } from './tree-trash.ts'

type Request<K extends ParsedTreeRequest['do']> = Extract<ParsedTreeRequest, { do: K }>
type Result = NonNullable<TreeAnswer['results']>[number]

/** Put small files into one folder. */
export async function putFiles(
  context: TreeContext,
  { folder, files }: Request<'put'>,
  body: Uint8Array,
): Promise<Answered> {
  const results: Result[] = new Array(files.length)
  const placed: { index: number; file: Parameters<typeof context.folder.placeFiles>[1][number] }[] = []
  let at = 0
  for (const [index, { name, size, mode, mtimeMs, over }] of files.entries()) {
    const bytes = body.subarray(at, at + size)
    at += size
    if (bytes.length !== size)
      throw new MeshError('bad-message', 'Cannot write files: their bytes are missing')
    const path = childOf(folder, name)
    try {
      refuseOwn(path)
      const version = await clearPlace(context, path, over)
      placed.push({
        index,
        file: {
          name,
          bytes,
          mode,
          modifiedAtMs: mtimeMs,
          isDurable: context.isMirror,
          ...(version !== undefined && { over: version }),
        },
      })
    } catch (error) {
      results[index] = toMeshError(error).toBody()
    }
  }
  const entries = await context.folder.placeFiles(
    folder,
    placed.map(({ file }) => file),
  )
  for (const [order, { index }] of placed.entries()) {
    const entry = entries[order] as Exclude<(typeof entries)[number], undefined>
    results[index] =
      entry instanceof Error ? entry.toBody() : { entry: await toTreeEntry(entry, async () => '') }
  }
  return { answer: { results } }
}

/**
 * The parts that one who asks has opened.
 *
 * Two who write to one part would leave holes that nobody sees: each has to open it first, and only one at a time can.
 */
export interface Parts extends Disposable {
  open(request: Request<'open-part'>): Promise<Answered>
  write(request: Request<'write'>, body: Uint8Array): Promise<Answered>
  reuse(request: Request<'reuse'>): Promise<Answered>
  place(request: Request<'place'>): Promise<Answered>
  drop(request: Request<'drop-part'>): Promise<Answered>
}

/** None are open. */
export function createParts(context: TreeContext): Parts {
  const { folder, claims, isMirror } = context
  const own = new Set<string>()
  const claimOf = (part: string) => `${folder.path}/${part}`
  const release = (part: string) => {
    own.delete(part)
    claims.delete(claimOf(part))
  }
  const openFile = async ({ path, key }: { path: string; key: string }): Promise<DiskFile> => {
    const part = partPath(path, key)
    if (!own.has(part)) throw new MeshError('conflict', 'Cannot write: the part was not opened')
    return await folder.openFile(part, 'write')
  }
  return {
    async open({ path, key }) {
      refuseOwn(path)
      const part = partPath(path, key)
      if (!own.has(part) && claims.has(claimOf(part))) {
        throw new MeshError('conflict', 'Cannot write: the same file is being copied to there already')
      }
      claims.add(claimOf(part))
      own.add(part)
      try {
        const file = await folder.openFile(part, 'write').catch(() => folder.openFile(part, 'create'))
        await using open = file
        return { answer: { size: (await open.stat()).sizeBytes } }
      } catch (error) {
        release(part)
        throw error
      }
    },
    async write(request, body) {
      await using file = await openFile(request)
      await file.write(body, request.offset)
      return { answer: {} }
    },
    async reuse(request) {
      const { path, from = path, offset, size } = request
      refuseOwn(from)
      await using source = await folder.openFile(from, 'read')
      const bytes = new Uint8Array(size)
      const count = await source.read(bytes, offset)
      if (count < size) throw new MeshError('conflict', 'Cannot copy: it was cut meanwhile')
      await using file = await openFile(request)
      await file.write(bytes, offset)
      return { answer: {} }
    },
    async place(request) {
      const { path, key, size, mode, mtimeMs, over } = request
      {
        await using file = await openFile(request)
        if ((await file.stat()).sizeBytes !== size)
          throw new MeshError('conflict', 'Cannot write: the part is not whole')
        await file.change({ mode, modifiedAtMs: mtimeMs })
        if (isMirror) await file.sync()
      }
      const version = await clearPlace(context, path, over)
      if (version) await expectThere(context, path, version)
      await folder.rename(partPath(path, key), path, version !== null)
      release(partPath(path, key))
      return { answer: { entry: (await lookAt(context, path)) ?? null } }
    },
    async drop({ path, key }) {
      const part = partPath(path, key)
      if (own.has(part)) await folder.remove(part)
      release(part)
      return { answer: {} }
    },
    [Symbol.dispose]() {
      for (const part of [...own]) release(part)
    },
  }
}

/**
 * Make sure of what is there, and in a mirror keep it in the trash.
 *
 * @returns the version of what is replaced; null if nothing may be there; undefined if anything may
 */
async function clearPlace(
  context: TreeContext,
  path: string,
  over: string | null | undefined,
): Promise<string | null | undefined> {
  if (!context.isMirror && over === null) return null
  const there = await expectThere(context, path, over)
  if (there === undefined) return null
  return context.isMirror ? await keepInTrash(context, path) : over
}

/** Do something to each, whatever becomes of the others. */
async function each<T>(
  items: readonly T[],
  work: (item: T) => Promise<TreeEntry | undefined>,
): Promise<Answered> {
  const results: Result[] = []
  for (const item of items) {
    try {
      results.push({ entry: (await work(item)) ?? null })
    } catch (error) {
      results.push(toMeshError(error).toBody())
    }
  }
  return { answer: { results } }
}

/** Make folders. */
export function makeFolders(context: TreeContext, { paths }: Request<'make-folders'>): Promise<Answered> {
  return each(paths, async path => {
    if (path !== '') refuseOwn(path)
    await context.folder.makeFolder(path)
    return lookAt(context, path)
  })
}

/** Make symbolic links. */
export function makeLinks(context: TreeContext, { links }: Request<'make-links'>): Promise<Answered> {
  const { folder } = context
  return each(links, async ({ path, target, over }) => {
    refuseOwn(path)
    const version = await clearPlace(context, path, over)
    if (version === null) await folder.makeLink(path, target)
    else {
      const aside = childOf(parentOf(path) ?? '', `.ztm-${randomUUID()}`)
      await folder.makeLink(aside, target)
      try {
        await folder.rename(aside, path)
      } catch (error) {
        await folder.remove(aside).catch(() => {})
        throw error
      }
    }
    return lookAt(context, path)
  })
}

/** Remove files, links and folders; in a mirror they go to the trash. */
export function removeItems(context: TreeContext, { items }: Request<'remove'>): Promise<Answered> {
  const { folder, isMirror } = context
  return each(items, async ({ path, was, isWhole }) => {
    refuseOwn(path)
    const there = await expectThere(context, path, was)
    if (there === undefined) return undefined
    const isKept = isMirror && (there.kind !== 'folder' || isWhole)
    if (isKept) await moveToTrash(context, path)
    else await folder.remove(path, isWhole)
    return undefined
  })
}

/** Rename to where there is nothing, or over what whoever asks has seen there. */
export async function moveItem(
  context: TreeContext,
  { path, to, was, over }: Request<'move'>,
): Promise<Answered> {
  refuseOwn(path)
  refuseOwn(to)
  if ((await expectThere(context, path, was)) === undefined) {
    throw new MeshError('conflict', 'Cannot move it: it is gone meanwhile')
  }
  const replaced = over === undefined ? null : await clearPlace(context, to, over)
  await context.folder.rename(path, to, replaced !== null)
  return { answer: { entry: (await lookAt(context, to)) ?? null } }
}

/** Change modes and times. */
export function touchItems(context: TreeContext, { items }: Request<'touch'>): Promise<Answered> {
  return each(items, async ({ path, mode, mtimeMs, was }) => {
    if (path !== '') refuseOwn(path)
    await expectThere(context, path, was)
    await context.folder.change(path, {
      ...(mode !== undefined && { mode }),
      ...(mtimeMs !== undefined && { modifiedAtMs: mtimeMs }),
    })
    return lookAt(context, path)
  })
}
