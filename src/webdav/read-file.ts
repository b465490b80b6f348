import { fitsIfNoneMatch, fitsIfRange, formatAttachment, parseByteRange } from '../core/codec/byte-range.ts'
import { shownTypeOf } from '../core/files/shown-type.ts'
import type { FileEntry } from '../core/files/tree-entry.ts'
import { nameOf } from '../core/files/tree-path.ts'
import { TREE_PIECE_BYTES } from '../core/files/tree-requests.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import type { LoopbackAnswer } from '../net/loopback-server.ts'
import { plain, refusal, SAFE_HEADERS } from './answers.ts'
import { listFolder } from './list-folder.ts'
import { etagOf, isBroken } from './share.ts'
import type { Visit } from './visit.ts'

/** `GET` and `HEAD`: a file or a range of it; of a folder, the names in it as text. @see RFC 9110, sections 9.3.1 and 14 */
export async function readFile(visit: Visit): Promise<LoopbackAnswer> {
  const { request, entry, path } = visit
  if (entry === null) return refusal(404, 'There is nothing of that name')
  if (entry.kind !== 'file') {
    const names = (await listFolder(visit)).map(
      ([found, { kind }]) => nameOf(found) + (kind === 'folder' ? '/' : ''),
    )
    const type = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' }
    return {
      status: 200,
      headers: { ...SAFE_HEADERS, ...type },
      body: names.map(name => `${name}\n`).join(''),
    }
  }
  const etag = etagOf(entry) ?? ''
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    'last-modified': new Date(entry.mtimeMs).toUTCString(),
    'content-type': shownTypeOf(path).type,
    'content-disposition': formatAttachment(nameOf(path)),
  }
  const match = request.header('if-match')
  if (match !== undefined && match.trim() !== '*' && !match.split(',').some(one => one.trim() === etag))
    return refusal(412, 'Cannot read it: the file is another than was expected')
  if (fitsIfNoneMatch(request.header('if-none-match'), etag)) return plain(304, { etag })
  const wanted = fitsIfRange(request.header('if-range'), etag) ? request.header('range') : undefined
  const range = parseByteRange(wanted, entry.size)
  if (range === 'unsatisfiable') return plain(416, { 'content-range': `bytes */${entry.size}` })
  const { start, end } = range === 'all' ? { start: 0, end: entry.size } : range
  return {
    status: range === 'all' ? 200 : 206,
    headers: {
      ...SAFE_HEADERS,
      ...headers,
      'content-length': String(end - start),
      ...(range !== 'all' && { 'content-range': `bytes ${start}-${end - 1}/${entry.size}` }),
    },
    body: readPieces(visit, entry, { start, end }),
  }
}

/** The bytes of a range of the file as it was looked at, some pieces ahead of who takes them. */
async function* readPieces(
  { share, tree, path }: Visit,
  { version }: FileEntry,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  const ask = (offset: number) => {
    const size = Math.min(TREE_PIECE_BYTES, end - offset)
    const asked = tree.ask({ do: 'read', path, offset, size })
    // Whoever stops reading hears of none that comes later.
    asked.catch(() => {})
    return { asked, size }
  }
  const ahead: ReturnType<typeof ask>[] = []
  try {
    for (let next = start; next < end || ahead.length > 0; ) {
      for (; next < end && ahead.length < PIECES_AHEAD; next += TREE_PIECE_BYTES) ahead.push(ask(next))
      const first = ahead.shift()
      if (first === undefined) return
      const { answer, body } = await first.asked
      const isSame = answer.entry?.kind === 'file' && answer.entry.version === version
      // Nothing but zeros is not sent.
      const piece = body.length === 0 ? new Uint8Array(first.size) : body
      if (!isSame || answer.size !== first.size || piece.length !== first.size)
        throw new MeshError('conflict', `Cannot go on with ${quote(path)}: it was changed meanwhile`)
      yield piece
    }
  } catch (error) {
    if (isBroken(toMeshError(error))) share.trees.drop(tree)
    throw error
  }
}

/** Pieces of 1 MiB that one reader has asked for. */
const PIECES_AHEAD = 4
