import { createHash } from 'node:crypto'
import type { TreeEntry } from '../../core/files/tree-entry.ts'
import { childOf } from '../../core/files/tree-path.ts'
import { type ParsedTreeRequest, TREE_PIECE_BYTES, type TreeAnswer } from '../../core/files/tree-requests.ts'
import type { ReadFile } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import {
  isOwnName,
  isPartName,
  lookAt,
  partPath,
  refuseOwn,
  type TreeContext,
  toTreeEntry,
} from './tree-context.ts'

/** An answer, and the bytes that go with it. */
export interface Answered {
  readonly answer: TreeAnswer
  readonly body?: Uint8Array
}

type Request<K extends ParsedTreeRequest['do']> = Extract<ParsedTreeRequest, { do: K }>

/** How some paths are. */
export async function look(context: TreeContext, { paths, isHashed }: Request<'look'>): Promise<Answered> {
  const entries: (TreeEntry | null)[] = []
  for (const path of paths) {
    if (path !== '') refuseOwn(path)
    const entry = await lookAt(context, path)
    const isFile = isHashed && entry?.kind === 'file'
    entries.push(isFile ? { ...entry, hash: await hashFile(context, path) } : (entry ?? null))
  }
  return { answer: { entries } }
}

async function hashFile({ folder }: TreeContext, path: string): Promise<string> {
  await using file = await folder.openFile(path, 'read')
  const hash = createHash('sha256')
  const bytes = new Uint8Array(TREE_PIECE_BYTES)
  for (let at = 0, count = 0; ; at += count) {
    count = await file.read(bytes, at)
    hash.update(bytes.subarray(0, count))
    if (count < bytes.length) return hash.digest('hex')
  }
}

/** Lists under way: a page at a time. */
export function createLists(context: TreeContext): (request: Request<'list'>) => Promise<Answered> {
  const walks = new Map<number, AsyncGenerator<Found>>()
  let lastCursor = 0
  return async ({ path, isFlat, cursor }) => {
    const walk = cursor === undefined ? walkTree(context, path, isFlat) : walks.get(cursor)
    if (walk === undefined) throw new MeshError('not-found', 'Cannot go on with the list: it has ended')
    if (cursor !== undefined) walks.delete(cursor)
    const found: [string, TreeEntry][] = []
    const faults: [string, { code: string; message: string }][] = []
    let characters = 0
    while (found.length + faults.length < PAGE_ENTRIES && characters < PAGE_CHARACTERS) {
      const next = await walk.next()
      if (next.done) return { answer: { found, faults } }
      const { path: at, entry, error } = next.value
      characters += at.length
      if (entry !== undefined) found.push([at, entry])
      if (error !== undefined) faults.push([at, error.toBody()])
    }
    if (walks.size >= MAX_WALKS) throw new MeshError('too-many', 'Cannot list: too many lists are under way')
    lastCursor += 1
    walks.set(lastCursor, walk)
    return { answer: { found, faults, cursor: lastCursor } }
  }
}

interface Found {
  readonly path: string
  readonly entry?: TreeEntry
  readonly error?: MeshError
}

/** All below a path, folders before what is in them. What cannot be looked at does not end it. */
async function* walkTree(context: TreeContext, top: string, isFlat: boolean): AsyncGenerator<Found> {
  const waiting = [top]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    let inside: Awaited<ReturnType<typeof context.folder.look>>
    try {
      inside = await context.folder.look(folder)
    } catch (error) {
      yield { path: folder, error: toMeshError(error) }
      continue
    }
    inside.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const { name, entry, target } of inside) {
      const path = childOf(folder, name)
      if (isOwnName(path)) {
        await dropOldPart(context, path, name, entry.modifiedAtMs)
        continue
      }
      try {
        yield { path, entry: await toTreeEntry(entry, async () => target ?? '') }
      } catch (error) {
        yield { path, error: toMeshError(error) }
      }
    }
    for (const { name, entry } of isFlat ? [] : inside.reverse()) {
      const path = childOf(folder, name)
      if (entry.kind === 'folder' && !isOwnName(path)) waiting.push(path)
    }
  }
}

/** Nobody comes back for a part after so long. */
async function dropOldPart(
  context: TreeContext,
  path: string,
  name: string,
  modifiedAtMs: number,
): Promise<void> {
  const isOld = context.clock.now() - modifiedAtMs > PART_KEPT_MS
  if (isOld && isPartName(name) && !context.isReadOnly) await context.folder.remove(path).catch(() => {})
}

/** Small files of one folder. */
export async function fetchFiles({ folder }: TreeContext, request: Request<'fetch'>): Promise<Answered> {
  for (const name of request.names) refuseOwn(childOf(request.folder, name))
  const read = await folder.readFiles(request.folder, request.names, MAX_SMALL_BYTES)
  const bodies: Uint8Array[] = []
  let room = TREE_PIECE_BYTES
  const files = []
  for (const one of read) {
    if (one instanceof Error) files.push(one.toBody())
    else if (one.bytes.length > room) files.push(TOO_MUCH.toBody())
    else {
      room -= one.bytes.length
      bodies.push(one.bytes)
      files.push(await describe(one))
    }
  }
  return { answer: { files }, body: Buffer.concat(bodies) }
}

async function describe({ bytes, entry }: ReadFile) {
  return { entry: await toTreeEntry(entry, async () => ''), size: bytes.length }
}

/** A piece of a large file. */
export async function readPiece({ folder }: TreeContext, request: Request<'read'>): Promise<Answered> {
  refuseOwn(request.path)
  await using file = await folder.openFile(request.path, 'read')
  const bytes = Buffer.allocUnsafe(request.size)
  const count = await file.read(bytes, request.offset)
  const entry = await toTreeEntry(await file.stat(), async () => '')
  const piece = bytes.subarray(0, count)
  const answer = { entry, size: count }
  return piece.equals(ZEROS.subarray(0, count)) ? { answer } : { answer, body: piece }
}

/** Hashes of pieces of a file, 32 bytes each; that of the last may be of less than a piece. */
export async function hashPieces({ folder }: TreeContext, request: Request<'hash'>): Promise<Answered> {
  refuseOwn(request.path)
  const { path, key } = request
  await using file = await folder.openFile(key === undefined ? path : partPath(path, key), 'read')
  const entry = await toTreeEntry(await file.stat(), async () => '')
  const hashes: Uint8Array[] = []
  const bytes = new Uint8Array(TREE_PIECE_BYTES)
  for (let piece = request.first; piece < request.first + request.count; piece++) {
    const count = await file.read(bytes, piece * TREE_PIECE_BYTES)
    if (count === 0) break
    hashes.push(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.subarray(0, count))))
  }
  return { answer: { entry }, body: Buffer.concat(hashes) }
}

/** The largest file that goes with others in one message. */
export const MAX_SMALL_BYTES = 65_536

const TOO_MUCH = new MeshError('too-large', 'Cannot send file: it has grown')
const ZEROS = Buffer.alloc(TREE_PIECE_BYTES)
/** Entries of one page of a list. */
const PAGE_ENTRIES = 2_000
/** Characters of the paths in one page: in JSON each may take six bytes. */
const PAGE_CHARACTERS = 80_000
/** Lists under way at once. */
const MAX_WALKS = 4
/** A part of a file that nobody came back for is removed after that. */
const PART_KEPT_MS = 7 * 24 * 3_600_000
