import { checkFoundPath } from '../core/files/found-path.ts'
import type { FileEntry, TreeEntry } from '../core/files/tree-entry.ts'
import { TREE_PIECE_BYTES } from '../core/files/tree-requests.ts'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import type { Visit } from './visit.ts'
import { partKey, throwFault } from './write-file.ts'

/** What is copied where. */
interface Copy {
  readonly to: string
  /** With what is in it. */
  readonly isDeep: boolean
  /** The version of the file whose place it takes; nothing may be there if absent. */
  readonly over?: string | undefined
}

/**
 * Copy what a visit is about, at the computer that has the tree: its bytes do not come here. Links go as they are, those that lead
 * nowhere outside.
 *
 * @throws MeshError `too-many` over `MAX_COPIED`; what went wrong with one ends all
 */
export async function copyTree(visit: Visit, { to, isDeep, over }: Copy): Promise<void> {
  const { path, entry, tree } = visit
  if (entry?.kind === 'file') return copyFile(visit, { from: path, entry, to, over })
  const found = isDeep ? await listAll(visit) : new Map<string, TreeEntry>()
  const target = (from: string) => `${to}${from.slice(path.length)}`
  const folders = [path, ...[...found].flatMap(([one, { kind }]) => (kind === 'folder' ? [one] : []))]
  for (let next = 0; next < folders.length; next += BATCH) {
    const { answer } = await tree.ask({
      do: 'make-folders',
      paths: folders.slice(next, next + BATCH).map(target),
    })
    throwFault(answer)
  }
  const files = [...found].filter(([, { kind }]) => kind !== 'folder')
  let next = 0
  const lane = async () => {
    while (next < files.length) {
      const [from, entry] = files[next++] as [string, TreeEntry]
      if (entry.kind === 'file') await copyFile(visit, { from, entry, to: target(from), over: undefined })
      else if (entry.kind === 'link') {
        const links = [{ path: target(from), target: entry.target, over: null }]
        // One that leads out stays behind.
        await tree.ask({ do: 'make-links', links })
      }
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: LANES }, lane))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

interface FileCopy {
  readonly from: string
  readonly entry: FileEntry
  readonly to: string
  readonly over: string | undefined
}

/** Written aside from pieces of what is there, and given its place when it is whole. */
async function copyFile({ share, tree }: Visit, { from, entry, to, over }: FileCopy): Promise<void> {
  const part = { path: to, key: partKey(share.makeId()) }
  const { size, version } = entry
  await tree.ask({ do: 'open-part', ...part })
  try {
    const asked: Promise<unknown>[] = []
    try {
      for (let offset = 0; offset < size; offset += TREE_PIECE_BYTES) {
        const piece = { offset, size: Math.min(TREE_PIECE_BYTES, size - offset) }
        asked.push(tree.ask({ do: 'reuse', ...part, from, ...piece }))
        if (asked.length >= PIECES_AT_ONCE) await asked.shift()
      }
      await Promise.all(asked)
    } finally {
      await Promise.allSettled(asked)
    }
    const { answer: now } = await tree.ask({ do: 'look', paths: [from] })
    const [same] = now.entries ?? []
    if (same?.kind !== 'file' || same.version !== version)
      throw new MeshError('conflict', `Cannot copy ${quote(from)}: it was changed meanwhile`)
    const { mode = 0o644, mtimeMs } = entry
    await tree.ask({ do: 'place', ...part, size, mode, mtimeMs, over: over ?? null })
  } catch (error) {
    await tree.ask({ do: 'drop-part', ...part }).catch(() => {})
    throw error
  }
}

/** All below a folder. */
function listAll({ share, tree, path }: Visit): Promise<Map<string, TreeEntry>> {
  return share.whileListing(async () => {
    const found = new Map<string, TreeEntry>()
    let trouble: MeshError | undefined
    let cursor: number | undefined
    do {
      const { answer } = await tree.ask({ do: 'list', path, ...(cursor !== undefined && { cursor }) })
      for (const [at, { message }] of answer.faults ?? [])
        trouble ??= new MeshError('not-permitted', `Cannot copy ${quote(at)}: ${message}`)
      for (const [at, entry] of answer.found ?? []) {
        if (found.size >= MAX_COPIED)
          trouble ??= new MeshError('too-many', `Cannot copy ${quote(path)}: over ${MAX_COPIED} are in it`)
        const checked = trouble === undefined ? checkFoundPath(at, path, found) : undefined
        if (checked !== undefined) found.set(checked, entry as TreeEntry)
      }
      // To its end in any case: whoever has the tree keeps a list until then.
      cursor = answer.cursor
    } while (cursor !== undefined)
    if (trouble !== undefined) throw trouble
    return found
  })
}

/** Files and folders that one request copies. */
export const MAX_COPIED = 100_000
/** Folders that are made with one request. */
const BATCH = 200
/** Pieces of one file. */
const PIECES_AT_ONCE = 4
/** Files that are copied side by side. */
const LANES = 4
