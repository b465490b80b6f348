import { createHash } from 'node:crypto'
import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import { layOutTar, MAX_TAR_ENTRIES, staysInTar, type TarEntry } from '../../core/files/tar.ts'
import type { TreeEntry } from '../../core/files/tree-entry.ts'
import { nameOf } from '../../core/files/tree-path.ts'
import { TREE_PIECE_BYTES } from '../../core/files/tree-requests.ts'
import type { AppContent } from '../../core/model/content.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../../sdk/app.ts'
import { listTree } from './list-tree.ts'
import { openPlace } from './open-place.ts'
import type { Computer, TreePlace } from './tree-site.ts'

/**
 * Open a folder on the disk of an endpoint as one archive, to be read from anywhere in it. Devices, pipes, sockets, and links that lead out
 * of the folder are left out; what may not be read is an error.
 *
 * @throws MeshError `bad-input` for what is no folder, `not-permitted`; as `openPlace`, `listTree`, `layOutTar`
 */
export async function openPlaceArchive(
  host: Host,
  computer: Computer,
  at: CopyPlaceName,
): Promise<AppContent> {
  const place = await openPlace(host, computer, at)
  try {
    const { name, entry, root } = place.opened
    if (entry === null)
      throw new MeshError('not-found', `Cannot archive ${quote(at.path)}: there is no such folder`)
    if (entry.kind !== 'folder')
      throw new MeshError(
        'bad-input',
        `Cannot archive ${quote(at.path)}: it is a ${entry.kind}, not a folder`,
      )
    const { tree, faults } = await listTree(place, name)
    for (const [path, fault] of faults) {
      if (fault.code === 'unsupported') continue
      const help = 'copy it with `ztm file cp`, which leaves that out'
      throw new MeshError(fault.code, `Cannot archive ${quote(path)}: ${fault.message}: ${help}`)
    }
    if (tree.size >= MAX_TAR_ENTRIES)
      throw new MeshError('too-many', `Cannot archive ${quote(at.path)}: over ${MAX_TAR_ENTRIES} files`)
    const top = topName(root)
    const found: [string, TreeEntry][] = [['', entry as TreeEntry], ...tree]
    const kept = found.filter(([path, one]) => one.kind !== 'link' || staysInTar(path, one.target))
    const tar = layOutTar(top, kept.map(toTarEntry))
    const hash = createHash('sha256').update(`${root}\0${top}`)
    for (const one of kept) hash.update(JSON.stringify(one))
    return {
      name: `${top}.tar`,
      sizeBytes: tar.sizeBytes,
      version: hash.digest('hex'),
      read: (start, end) => readPieces(place, kept, tar.parts(start, end)),
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    }
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
}

/** What the folder is called: of a whole disk there is no name. */
function topName(root: string): string {
  const name = nameOf(root.replaceAll('\\', '/').replace(/\/+$/, ''))
  return name === '' || name.endsWith(':') ? 'disk' : name
}

function toTarEntry([path, entry]: readonly [string, TreeEntry]): TarEntry {
  if (entry.kind === 'link') return { kind: 'link', path, target: entry.target, modifiedAtMs: 0 }
  const { mode = entry.kind === 'file' ? 0o644 : 0o755, mtimeMs: modifiedAtMs = 0 } = entry
  if (entry.kind === 'folder') return { kind: 'folder', path, mode, modifiedAtMs }
  return { kind: 'file', path, sizeBytes: entry.size, mode, modifiedAtMs }
}

interface Piece {
  readonly bytes: Promise<Uint8Array>
  readonly length: number
}

/** Pieces of one file after another, some asked for ahead. @throws MeshError `conflict` if a file is not as it was listed */
async function* readPieces(
  place: TreePlace,
  entries: readonly (readonly [string, TreeEntry])[],
  parts: ReturnType<ReturnType<typeof layOutTar>['parts']>,
): AsyncGenerator<Uint8Array> {
  const ahead: Piece[] = []
  let aheadBytes = 0
  const add = (bytes: Promise<Uint8Array>, length: number) => {
    // Whoever stops reading hears of none that comes later.
    bytes.catch(() => {})
    ahead.push({ bytes, length })
    aheadBytes += length
  }
  for (const pieces = piecesOf(place, entries, parts); ; ) {
    while (ahead.length < PIECES_AHEAD && aheadBytes < BYTES_AHEAD) {
      const next = pieces.next()
      if (next.done) break
      add(next.value.ask(), next.value.length)
    }
    const first = ahead.shift()
    if (first === undefined) return
    yield await first.bytes
    aheadBytes -= first.length
  }
}

function* piecesOf(
  place: TreePlace,
  entries: readonly (readonly [string, TreeEntry])[],
  parts: ReturnType<ReturnType<typeof layOutTar>['parts']>,
): Generator<{ ask: () => Promise<Uint8Array>; length: number }> {
  for (const part of parts) {
    if (part.kind === 'bytes') {
      yield { ask: async () => part.bytes, length: part.bytes.length }
      continue
    }
    const [path, entry] = entries[part.index] as [string, TreeEntry]
    for (let offset = part.start; offset < part.end; offset += TREE_PIECE_BYTES) {
      const length = Math.min(TREE_PIECE_BYTES, part.end - offset)
      const at = offset
      yield { ask: () => readPiece(place, path, entry, { offset: at, length }), length }
    }
  }
}

async function readPiece(
  place: TreePlace,
  path: string,
  entry: TreeEntry,
  { offset, length }: { offset: number; length: number },
): Promise<Uint8Array> {
  const { answer, body } = await place.ask({ do: 'read', path, offset, size: length })
  const now = answer.entry
  const isSame =
    entry.kind === 'file' && now?.kind === 'file' && now.version === entry.version && now.size === entry.size
  if (!isSame || answer.size !== length || (body.length !== 0 && body.length !== length))
    throw new MeshError('conflict', `Cannot go on with ${quote(path)}: it was changed meanwhile`)
  // Nothing but zeros is not sent.
  return body.length === 0 ? new Uint8Array(length) : body
}

/** Small files take a piece each. */
const PIECES_AHEAD = 32
const BYTES_AHEAD = 6_291_456
