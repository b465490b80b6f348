import { createHash } from 'node:crypto'
import { z } from 'zod'
import { copyPlaceShape } from '../../core/files/copy-request.ts'
import { parseDiskPath } from '../../core/files/disk-path.ts'
import { childOf, nameOf, parentOf } from '../../core/files/tree-path.ts'
import { TREE_PIECE_BYTES } from '../../core/files/tree-requests.ts'
import type { TakenContent } from '../../core/model/content.ts'
import { MeshError, parseErrorBody, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../../sdk/app.ts'
import { openPlace } from './open-place.ts'
import { parseQuery } from './place-content.ts'
import { isBroken } from './transfer.ts'
import type { Computer, TreePlace } from './tree-site.ts'

const byteCount = z.coerce.number().int().min(0)

const uploadShape = copyPlaceShape.extend({
  /** Below the folder that `path` names, which is made if it is missing. */
  name: z.string().min(1).max(1_500),
  size: byteCount,
  modifiedAtMs: z.coerce.number().int(),
  /** Where this piece begins; absent to ask how much there is. */
  offset: byteCount.optional(),
  /** It may take the place of a file that is there. */
  replace: z.literal('yes').optional(),
  /** Throw away what came. */
  drop: z.literal('yes').optional(),
})
type Upload = z.output<typeof uploadShape>

/**
 * Take a piece of a file that is to lie in a folder of an endpoint. It is written aside, and given its place when it is whole; what
 * came stays for a week when the rest does not come.
 *
 * @throws MeshError `conflict` if the piece does not begin where the one before ended, or something is there that may not be
 *   replaced; `bad-name`, `bad-input`, `denied`, `storage-full`; as `openPlace`
 */
export async function takeUpload(
  host: Host,
  computer: Computer,
  query: Readonly<Record<string, string>>,
  bytes: AsyncIterable<Uint8Array>,
): Promise<TakenContent> {
  const upload = parseQuery(uploadShape, query)
  const { endpoint, user, path: folder, name, size } = upload
  const below = parseDiskPath(name)
  await using place = await openPlace(host, computer, { endpoint, user, path: folder })
  const { root, name: inner, entry } = place.opened
  if (entry !== null && entry.kind !== 'folder')
    throw new MeshError('bad-input', `Cannot put files into ${quote(folder)}: it is no folder`)
  const path = childOf(inner, below)
  const mark = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
  const what = `${below}\0${size}\0${upload.modifiedAtMs}`
  const described = {
    id: mark(`${endpoint ?? ''}\0${root}\0${inner}\0${what}`),
    name: nameOf(below),
    place: `${root.replace(/\/$/, '')}/${path}`,
    totalBytes: size,
  }
  const part = { path, key: mark(what) }
  if (upload.offset === undefined) return { ...described, doneBytes: await begin(place, part, upload) }
  const doneBytes = await takePiece(place, part, { upload, offset: upload.offset, bytes })
  return { ...described, doneBytes }
}

interface Part {
  readonly path: string
  readonly key: string
}

/** See that it can be put there. @returns how much there is of it */
async function begin(place: TreePlace, part: Part, { size, replace, drop }: Upload): Promise<number> {
  const above = parentOf(part.path) ?? ''
  if (drop === undefined && above !== '') {
    const { answer } = await place.ask({ do: 'make-folders', paths: [above] })
    const trouble = parseErrorBody(answer.results?.[0])
    if (trouble !== undefined) throw trouble
  }
  if (drop === undefined) await refuseWhatIsThere(place, part.path, replace === 'yes')
  const { answer } = await place.ask({ do: 'open-part', ...part })
  const doneBytes = answer.size ?? 0
  if (drop === undefined && doneBytes <= size) return doneBytes
  await place.ask({ do: 'drop-part', ...part })
  return 0
}

async function refuseWhatIsThere(place: TreePlace, path: string, mayReplace: boolean): Promise<void> {
  const { answer } = await place.ask({ do: 'look', paths: [path] })
  const kind = answer.entries?.[0]?.kind
  if (kind === undefined || (kind === 'file' && mayReplace)) return
  throw new MeshError('conflict', `Cannot put ${quote(path)}: a ${kind} of that name is there already`)
}

async function takePiece(
  place: TreePlace,
  part: Part,
  { upload, offset, bytes }: { upload: Upload; offset: number; bytes: AsyncIterable<Uint8Array> },
): Promise<number> {
  const { size, modifiedAtMs: mtimeMs, replace } = upload
  const opened = await place.ask({ do: 'open-part', ...part })
  if (opened.answer.size !== offset)
    throw new MeshError(
      'conflict',
      `Cannot take piece: there are ${opened.answer.size} bytes, it begins at ${offset}`,
    )
  let doneBytes = offset
  const writing: Promise<unknown>[] = []
  try {
    for await (const piece of inPieces(bytes)) {
      if (doneBytes + piece.length > size)
        throw new MeshError('bad-input', `Cannot take piece: it goes over the ${size} bytes of the file`)
      const write = place.ask({ do: 'write', ...part, offset: doneBytes }, piece)
      // Heard of below, also when what comes first fails.
      write.catch(() => {})
      writing.push(write)
      doneBytes += piece.length
      if (writing.length >= WRITES_AT_ONCE) await writing.shift()
    }
    await Promise.all(writing)
  } finally {
    // Also when it was refused: whoever asks next how much there is must not hear of half a piece.
    await Promise.allSettled(writing)
  }
  if (doneBytes < size) return doneBytes
  const over = replace === 'yes' ? {} : { over: null }
  try {
    await place.ask({ do: 'place', ...part, size, mode: 0o644, mtimeMs, ...over })
  } catch (thrown) {
    // It is of no use: what is there came meanwhile.
    if (!isBroken(toMeshError(thrown))) await place.ask({ do: 'drop-part', ...part }).catch(() => {})
    throw thrown
  }
  return doneBytes
}

/** The same bytes in pieces of a MiB, the last one shorter. */
async function* inPieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const some of bytes) {
    for (let at = 0; at < some.length; ) {
      const part = some.subarray(at, at + TREE_PIECE_BYTES - length)
      parts.push(part)
      length += part.length
      at += part.length
      if (length < TREE_PIECE_BYTES) continue
      yield Buffer.concat(parts)
      parts = []
      length = 0
    }
  }
  if (length > 0) yield Buffer.concat(parts)
}

const WRITES_AT_ONCE = 4
