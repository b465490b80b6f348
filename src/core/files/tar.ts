import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'
import { checkLinkTarget, findNameTrouble, parseDiskPath } from './disk-path.ts'
import { childOf, parentOf } from './tree-path.ts'

/** Something in an archive. Its path is below the folder that the archive has at its top; that folder itself has the empty path. */
export type TarEntry =
  | {
      readonly kind: 'file'
      readonly path: string
      readonly sizeBytes: number
      /** Permission bits, 0 to 0o777. */
      readonly mode: number
      /** Since 1970; kept in whole seconds. */
      readonly modifiedAtMs: number
    }
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number; readonly modifiedAtMs: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string; readonly modifiedAtMs: number }

/** A part of an archive: bytes, or so much of the file with that index among all entries, from `start` up to, not with, `end`. */
export type TarPart =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly index: number; readonly start: number; readonly end: number }

/** An archive whose every byte is known by where it is, before anything was read: so it has a length, and can be gone on with. */
export interface TarLayout {
  readonly sizeBytes: number
  /** What is from `start` up to, not with, `end`, in order. */
  parts(start: number, end: number): Generator<TarPart>
}

/**
 * Lay out an archive in the form of POSIX, without compression. Only whole relative paths get in, each once and in a folder that came before,
 * and links that stay below the top: unpacked anywhere, it writes nowhere else. Names, sizes and targets that the old form cannot hold
 * stand in records of the newer one. Nobody owns what is in it.
 *
 * Memory: 8 bytes for each entry, beside the entries.
 *
 * @param top      name of the folder that all is in
 * @param entries  the first is the top itself
 * @throws MeshError `bad-name`, `denied` for a link that leads out; `bad-input` for other entries; `too-many` over `MAX_TAR_ENTRIES`;
 *   `too-large` over 2^53 bytes
 * @see IEEE Std 1003.1-2017, "pax", sections "pax Interchange Format" and "ustar Interchange Format"
 */
export function layOutTar(top: string, entries: readonly TarEntry[]): TarLayout {
  checkEntries(top, entries)
  const starts = new Float64Array(entries.length + 1)
  for (const [index, entry] of entries.entries()) {
    const body = entry.kind === 'file' ? padded(entry.sizeBytes) : 0
    starts[index + 1] = (starts[index] ?? 0) + encodeHead(top, entry).length + body
  }
  const end = starts[entries.length] ?? 0
  if (!Number.isSafeInteger(end + END_BYTES))
    throw new MeshError('too-large', `Cannot archive ${quote(top)}: it is too large for one file`)
  return {
    sizeBytes: end + END_BYTES,
    *parts(from, to) {
      for (let index = indexAt(starts, from); index < entries.length; index += 1) {
        const begin = starts[index] ?? 0
        if (begin >= to) return
        yield* partsOf(encodeHead(top, entries[index] as TarEntry), entries[index] as TarEntry, {
          index,
          from: Math.max(0, from - begin),
          to: to - begin,
        })
      }
      const rest = Math.min(to, end + END_BYTES) - Math.max(from, end)
      if (rest > 0) yield { kind: 'bytes', bytes: new Uint8Array(rest) }
    },
  }
}

/** Whether a link can be in an archive: it leads to something below the top. */
export function staysInTar(path: string, target: string): boolean {
  try {
    checkLinkTarget(parseDiskPath(path), target)
    return true
  } catch {
    return false
  }
}

/** What of one entry is wanted: `from` and `to` are counted from where its head begins. */
function* partsOf(
  head: Uint8Array,
  entry: TarEntry,
  { index, from, to }: { index: number; from: number; to: number },
): Generator<TarPart> {
  if (from < head.length) yield { kind: 'bytes', bytes: head.subarray(from, to) }
  if (entry.kind !== 'file') return
  const { sizeBytes } = entry
  const start = Math.max(0, from - head.length)
  const end = Math.min(sizeBytes, to - head.length)
  if (start < end) yield { kind: 'file', index, start, end }
  const padding = Math.min(padded(sizeBytes), to - head.length) - Math.max(sizeBytes, from - head.length)
  if (padding > 0) yield { kind: 'bytes', bytes: new Uint8Array(padding) }
}

/** The last entry that begins at or before a place. */
function indexAt(starts: Float64Array, at: number): number {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}

function checkEntries(top: string, entries: readonly TarEntry[]): void {
  const trouble = findNameTrouble(top)
  if (trouble !== undefined) throw new MeshError('bad-name', `Cannot archive ${quote(top)}: ${trouble}`)
  if (entries.length > MAX_TAR_ENTRIES) {
    const many = `over ${MAX_TAR_ENTRIES} files and folders`
    throw new MeshError('too-many', `Cannot archive ${quote(top)}: ${many}: take its folders one by one`)
  }
  const folders = new Set<string>()
  const taken = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    const path = parseDiskPath(entry.path)
    const above = parentOf(path)
    const isInPlace = index === 0 ? path === '' && entry.kind === 'folder' : folders.has(above ?? '\0')
    if (!isInPlace || taken.has(path))
      throw new MeshError('bad-input', `Cannot archive ${quote(path)}: it is in no folder, or there already`)
    taken.add(path)
    if (entry.kind === 'folder') folders.add(path)
    if (entry.kind === 'link') checkLinkTarget(path, entry.target)
  }
}

/** The header of an entry, after one with the records that it needs, if any. */
function encodeHead(top: string, entry: TarEntry): Uint8Array {
  const inside = childOf(top, entry.path)
  const path = entry.path === '' ? `${top}/` : entry.kind === 'folder' ? `${inside}/` : inside
  const target = entry.kind === 'link' ? entry.target : ''
  const sizeBytes = entry.kind === 'file' ? entry.sizeBytes : 0
  const records = encoder.encode(
    (isPlain(path) ? '' : record('path', path)) +
      (isPlain(target) ? '' : record('linkpath', target)) +
      (sizeBytes <= MAX_OLD_SIZE ? '' : record('size', String(sizeBytes))),
  )
  const terms = {
    path: plainly(path),
    target: plainly(target),
    sizeBytes: Math.min(sizeBytes, MAX_OLD_SIZE),
    type: TYPES[entry.kind],
    mode: entry.kind === 'link' ? 0o777 : entry.mode & 0o777,
    modifiedAtMs: entry.modifiedAtMs,
  }
  if (records.length === 0) return encodeBlock(terms)
  const about = { ...terms, path: 'PaxHeader', target: '', sizeBytes: records.length, type: 'x', mode: 0o644 }
  const head = new Uint8Array(BLOCK_BYTES + padded(records.length) + BLOCK_BYTES)
  head.set(encodeBlock(about))
  head.set(records, BLOCK_BYTES)
  head.set(encodeBlock(terms), head.length - BLOCK_BYTES)
  return head
}

interface BlockTerms {
  readonly path: string
  readonly target: string
  readonly sizeBytes: number
  readonly type: string
  readonly mode: number
  readonly modifiedAtMs: number
}

/**
 *     100 bytes  path        8  mode     8  user     8  group     12  size     12  modified, s
 *       8 bytes  checksum    1  type   100  target   8  "ustar\0" "00"         and zeros up to 512
 *
 * Numbers are octal digits with a zero byte behind them.
 */
function encodeBlock({ path, target, sizeBytes, type, mode, modifiedAtMs }: BlockTerms): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES)
  const put = (at: number, text: string) => block.set(encoder.encode(text), at)
  const seconds = Number.isFinite(modifiedAtMs) ? Math.floor(modifiedAtMs / 1_000) : 0
  put(0, path)
  put(100, octal(mode, 7))
  put(108, octal(0, 7))
  put(116, octal(0, 7))
  put(124, octal(sizeBytes, 11))
  put(136, octal(Math.min(Math.max(0, seconds), MAX_OLD_SIZE), 11))
  put(148, '        ')
  put(156, type)
  put(157, target)
  put(257, 'ustar\u000000')
  put(
    148,
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
  )
  return block
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

/** `LENGTH KEY=VALUE` and a line's end; the length counts itself. */
function record(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length
  let length = rest + 1
  while (String(length).length + rest !== length) length = String(length).length + rest
  return `${length} ${key}=${value}\n`
}

/** Whether the old form holds it: it has no room for more, and says nothing of other scripts. */
function isPlain(text: string): boolean {
  return text.length <= MAX_OLD_NAME && /^[\x20-\x7e]*$/.test(text)
}

/** What a program shows that knows the old form alone. */
function plainly(text: string): string {
  return isPlain(text) ? text : text.replace(/[^\x20-\x7e]/gu, '_').slice(0, MAX_OLD_NAME)
}

function padded(byteCount: number): number {
  return Math.ceil(byteCount / BLOCK_BYTES) * BLOCK_BYTES
}

/** Files, folders and links of one archive. */
export const MAX_TAR_ENTRIES = 250_000

const encoder = new TextEncoder()
const TYPES = { file: '0', folder: '5', link: '2' } as const
const BLOCK_BYTES = 512
/** Two blocks of zeros. */
const END_BYTES = 1_024
const MAX_OLD_NAME = 100
/** Eleven octal digits. */
const MAX_OLD_SIZE = 0o77777777777
