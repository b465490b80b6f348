import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'
import { checkLinkTarget, type DiskPath, parseDiskPath } from './disk-path.ts'

/** Something in a tree, or a file by itself: its path is empty then. */
export type ManifestEntry = FileEntry | FolderEntry | LinkEntry

/** A file: its bytes are known by the hash of each chunk. */
export interface FileEntry {
  readonly kind: 'file'
  readonly path: DiskPath
  /** Permission bits, 0 to 0o777. */
  readonly mode: number
  /** When it was changed, in millionths of a second since 1970. */
  readonly modifiedAtUs: number
  readonly sizeBytes: number
  /** SHA-256 of each chunk, 32 bytes each, one after another. */
  readonly hashes: Uint8Array
}

/** A folder; the one with the empty path is the tree itself. */
export interface FolderEntry {
  readonly kind: 'folder'
  readonly path: DiskPath
  readonly mode: number
  readonly modifiedAtUs: number
}

/** A symbolic link that leads to something in the tree. */
export interface LinkEntry {
  readonly kind: 'link'
  readonly path: DiskPath
  readonly modifiedAtUs: number
  readonly target: string
}

/** What a file or tree is made of. The first entry has the empty path; the others follow in the order of their paths' UTF-16 units. */
export interface Manifest {
  readonly entries: readonly ManifestEntry[]
}

/**
 * A manifest as bytes, always the same for the same tree: its SHA-256 names the content.
 *
 *     4 bytes  "ZTMF"
 *     1 byte   version, 1
 *     4 bytes  count of entries; each is
 *       1 byte   1 file, 2 folder, 3 link
 *       2 bytes  length of the path, and so many bytes of UTF-8
 *       2 bytes  mode, 0 for a link
 *       8 bytes  modified, µs since 1970
 *       of a file:  8 bytes of size, and 32 for each MiB begun
 *       of a link:  2 bytes of length, and so many bytes of target
 *
 * Numbers are big-endian.
 *
 * @throws MeshError `bad-input` if the entries are not in order, `too-large` over 64 MiB
 * @see docs/protocol.md, "File streams"
 */
export function encodeManifest({ entries }: Manifest): Uint8Array<ArrayBuffer> {
  const texts = entries.map(entry => ({
    path: encoder.encode(entry.path),
    target: entry.kind === 'link' ? encoder.encode(entry.target) : undefined,
  }))
  const length = entries.reduce(
    (sum, entry, index) =>
      sum +
      ENTRY_BYTES +
      (texts[index]?.path.length ?? 0) +
      (entry.kind === 'file' ? 8 + entry.hashes.length : 0) +
      (entry.kind === 'link' ? 2 + (texts[index]?.target?.length ?? 0) : 0),
    HEAD_BYTES,
  )
  if (length > MAX_MANIFEST_BYTES) {
    throw new MeshError(
      'too-large',
      `Cannot publish: the list of its contents has ${length} bytes: at most ${MAX_MANIFEST_BYTES}: publish parts of it`,
    )
  }
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC)
  view.setUint32(5, entries.length)
  let at = HEAD_BYTES
  const text = (value: Uint8Array) => {
    view.setUint16(at, value.length)
    bytes.set(value, at + 2)
    at += 2 + value.length
  }
  for (const [index, entry] of entries.entries()) {
    bytes[at++] = KIND_CODES[entry.kind]
    text(texts[index]?.path as Uint8Array)
    view.setUint16(at, entry.kind === 'link' ? 0 : entry.mode)
    view.setBigUint64(at + 2, BigInt(entry.modifiedAtUs))
    at += 10
    if (entry.kind === 'file') {
      view.setBigUint64(at, BigInt(entry.sizeBytes))
      bytes.set(entry.hashes, at + 8)
      at += 8 + entry.hashes.length
    } else if (entry.kind === 'link') text(texts[index]?.target as Uint8Array)
  }
  // What cannot be read must never be published.
  parseManifest(bytes)
  return bytes
}

/**
 * Read a manifest. Whatever it says, its paths stay within the tree, and each is there once, below a folder.
 *
 * @returns entries whose hashes are views of `bytes`
 * @throws MeshError `bad-message`
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  const reader = new ManifestReader(bytes)
  const count = reader.head()
  const entries: ManifestEntry[] = []
  const folders = new Set<string>()
  let last: string | undefined
  for (let index = 0; index < count; index += 1) {
    const entry = reader.entry()
    const { path, kind } = entry
    if (index === 0 ? path !== '' || kind === 'link' : path <= (last ?? '')) throw bad('its order')
    if (index > 0 && !folders.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))))
      throw bad(`${quote(path)} is in no folder`)
    if (kind === 'folder') folders.add(path)
    last = path
    entries.push(entry)
  }
  reader.end()
  return { entries }
}

class ManifestReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  head(): number {
    if (this.#bytes.length > MAX_MANIFEST_BYTES) throw bad('its length')
    const at = this.#take(HEAD_BYTES)
    if (MAGIC.some((byte, index) => this.#bytes[index] !== byte)) throw bad('its kind')
    const count = this.#view.getUint32(at + 5)
    if (count < 1 || count > MAX_MANIFEST_ENTRIES || count * ENTRY_BYTES > this.#bytes.length)
      throw bad('its count')
    return count
  }

  entry(): ManifestEntry {
    const code = this.#view.getUint8(this.#take(1))
    const text = this.#text()
    const path = checked(() => parseDiskPath(text))
    const mode = this.#view.getUint16(this.#take(2))
    const modifiedAtUs = this.#number()
    if (mode > 0o777) throw bad(`the mode of ${quote(path)}`)
    switch (code) {
      case KIND_CODES.folder:
        return { kind: 'folder', path, mode, modifiedAtUs }
      case KIND_CODES.link: {
        if (mode !== 0) throw bad(`the mode of ${quote(path)}`)
        const target = this.#text()
        return { kind: 'link', path, modifiedAtUs, target: checked(() => checkLinkTarget(path, target)) }
      }
      case KIND_CODES.file: {
        const sizeBytes = this.#number()
        const length = Math.ceil(sizeBytes / CHUNK_BYTES) * HASH_BYTES
        const at = this.#take(length)
        return {
          kind: 'file',
          path,
          mode,
          modifiedAtUs,
          sizeBytes,
          hashes: this.#bytes.subarray(at, at + length),
        }
      }
      default:
        throw bad(`the kind of ${quote(path)}`)
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw bad('its end')
  }

  #text(): string {
    const length = this.#view.getUint16(this.#take(2))
    const at = this.#take(length)
    try {
      return decoder.decode(this.#bytes.subarray(at, at + length))
    } catch {
      throw bad('a text')
    }
  }

  #number(): number {
    const value = this.#view.getBigUint64(this.#take(8))
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw bad('a number')
    return Number(value)
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at) throw bad('its length')
    this.#at = at + length
    return at
  }
}

function checked<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw bad(error instanceof MeshError ? error.message : 'a path')
  }
}

function bad(what: string): MeshError {
  return new MeshError('bad-message', `Cannot read list of contents: ${what} is wrong`)
}

const encoder = new TextEncoder()
// It would take a mark at the beginning of a name for one of its own.
const decoder = {
  decode(bytes: Uint8Array): string {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? `\ufeff${text}` : text
  },
}

/** Bytes of a chunk; the last of a file may be shorter. */
export const CHUNK_BYTES = 1_048_576
/** Bytes of a hash: SHA-256. */
export const HASH_BYTES = 32
/** The longest manifest: files of 2 TiB together, or some 600,000 small ones. */
export const MAX_MANIFEST_BYTES = 67_108_864
/** Entries of a manifest. */
export const MAX_MANIFEST_ENTRIES = 1_000_000

const MAGIC = [0x5a, 0x54, 0x4d, 0x46, 0x01]
const HEAD_BYTES = 9
const ENTRY_BYTES = 13
const KIND_CODES = { file: 1, folder: 2, link: 3 } as const
