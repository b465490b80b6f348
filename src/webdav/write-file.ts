import type { TreeEntry } from '../core/files/tree-entry.ts'
import { parentOf } from '../core/files/tree-path.ts'
import { TREE_PIECE_BYTES, type TreeAnswer } from '../core/files/tree-requests.ts'
import { MeshError, parseErrorBody, toMeshError } from '../core/model/errors.ts'
import type { LoopbackAnswer } from '../net/loopback-server.ts'
import { plain, refusal } from './answers.ts'
import { etagOf, isBroken, type ShareTree } from './share.ts'
import { checkLocks, checkPreconditions, type Visit } from './visit.ts'

/**
 * `PUT`: written aside piece by piece, and given its place when it is whole; until then, and if it is cut, what is there stays.
 *
 * @see RFC 9110, section 9.3.4; RFC 4918, section 9.7
 */
export async function writeFile(visit: Visit): Promise<LoopbackAnswer> {
  const { request, share, tree, path, entry, isFolderMeant } = visit
  if (entry?.kind === 'folder' || isFolderMeant || path === '') return refusal(405, 'A folder is there')
  if (request.header('content-range') !== undefined)
    return refusal(400, 'Cannot write a part of a file alone')
  const misplaced = checkAbove(visit, path)
  const change = [{ path, isNamed: entry === null }]
  const refused = misplaced ?? checkPreconditions(visit) ?? checkLocks(visit, change)
  if (refused !== undefined) return refused
  const isHeld = ['if-match', 'if-none-match', 'if-unmodified-since', 'if'].some(name => request.header(name))
  const part = { path, key: partKey(share.makeId()) }
  try {
    const size = await writePart(tree, part, request.body)
    // It may have taken hours: somebody may have locked it meanwhile.
    const locked = checkLocks(visit, change)
    if (locked !== undefined) {
      await tree.ask({ do: 'drop-part', ...part })
      return locked
    }
    const { answer } = await tree.ask({
      do: 'place',
      ...part,
      size,
      mode: (entry?.kind === 'file' ? entry.mode : undefined) ?? 0o644,
      mtimeMs: share.now(),
      ...(isHeld && { over: entry?.version ?? null }),
    })
    const etag = etagOf((answer.entry ?? null) as TreeEntry | null)
    return plain(entry === null ? 201 : 204, etag === undefined ? {} : { etag })
  } catch (thrown) {
    const error = toMeshError(thrown)
    // What came of it is of no use.
    await tree.ask({ do: 'drop-part', ...part }).catch(() => {})
    if (isBroken(error)) share.trees.drop(tree)
    if (error.code === 'conflict' && isHeld) return refusal(412, error.message)
    throw error
  }
}

/** Refuse a place in a folder that is not there. */
export function checkAbove({ entries }: Visit, path: string): LoopbackAnswer | undefined {
  const above = parentOf(path)
  if (above === undefined || entries.get(above)?.kind === 'folder') return undefined
  return refusal(409, 'The folder that it is to be in is not there')
}

/** What a part of a file is named by. @param id  a UUID */
export function partKey(id: string): string {
  return id.replaceAll('-', '').slice(0, 16)
}

/** Write a body aside. Pieces of zeros are left out, as holes. @returns its size */
async function writePart(
  tree: ShareTree,
  part: { readonly path: string; readonly key: string },
  body: AsyncIterable<Uint8Array>,
): Promise<number> {
  await tree.ask({ do: 'open-part', ...part })
  const writing: Promise<unknown>[] = []
  let size = 0
  try {
    for await (const { piece, isLast } of inPieces(body)) {
      const offset = size
      size += piece.length
      if (!isLast && piece.length === TREE_PIECE_BYTES && ZEROS.equals(piece)) continue
      const write = tree.ask({ do: 'write', ...part, offset }, piece)
      // Heard of below, also when what comes first fails.
      write.catch(() => {})
      writing.push(write)
      if (writing.length >= WRITES_AT_ONCE) await writing.shift()
    }
    await Promise.all(writing)
  } finally {
    await Promise.allSettled(writing)
  }
  return size
}

/** The same bytes in pieces of a MiB, the last one shorter or as long. */
async function* inPieces(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ piece: Buffer; isLast: boolean }> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const some of bytes) {
    for (let at = 0; at < some.length; ) {
      if (length === TREE_PIECE_BYTES) {
        yield { piece: Buffer.concat(parts), isLast: false }
        parts = []
        length = 0
      }
      const part = some.subarray(at, at + TREE_PIECE_BYTES - length)
      parts.push(part)
      length += part.length
      at += part.length
    }
  }
  if (length > 0) yield { piece: Buffer.concat(parts), isLast: true }
}

/** @throws MeshError what went wrong with one of those that were asked for */
export function throwFault({ results = [] }: TreeAnswer): void {
  for (const result of results) {
    if ('entry' in result) continue
    throw parseErrorBody(result) ?? new MeshError('bad-message', 'Refused without a reason')
  }
}

const ZEROS = Buffer.alloc(TREE_PIECE_BYTES)
/** Pieces of 1 MiB that one writer has on their way. */
const WRITES_AT_ONCE = 4
