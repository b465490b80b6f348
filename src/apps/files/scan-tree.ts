import { ZERO_CHUNK_HASH } from '../../core/files/chunk-layout.ts'
import { checkLinkTarget, type DiskPath, parseDiskPath } from '../../core/files/disk-path.ts'
import {
  CHUNK_BYTES,
  type FileEntry,
  HASH_BYTES,
  MAX_MANIFEST_ENTRIES,
  type Manifest,
  type ManifestEntry,
} from '../../core/files/manifest.ts'
import { createPageMemory } from '../../core/files/page-memory.ts'
import type { DiskEntry, Folder } from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { hashChunk } from './hash-chunk.ts'
import { createSlots, inLanes, type Slots } from './slots.ts'

/** What a scan is told and tells. */
export interface ScanOptions {
  /** What it was before: files of the same size and time are not read again. */
  readonly before?: Manifest
  readonly signal: AbortSignal
  readonly hashBytes: number
  /** So much there is in all. */
  readonly onTotal: (bytes: number, files: number) => void
  readonly onFile: (bytes: number, files: number) => void
  /** Something cannot be published: a device, a link that leads out. */
  readonly onSkipped: (path: string) => void
}

/**
 * Read a file or folder, and say what it is made of.
 *
 * @param path  of it in `folder`; empty for the folder itself
 * @throws MeshError `conflict` if it does not stop changing, `not-found`, `bad-input` if it is neither, those of the disk
 */
export async function scanTree(folder: Folder, path: string, options: ScanOptions): Promise<Manifest> {
  const found = await folder.stat(path)
  if (found.kind !== 'file' && found.kind !== 'folder')
    throw new MeshError('bad-input', `Cannot publish ${quote(path)}: it is no file and no folder`)
  const all: { entry: ManifestEntry; disk: DiskEntry }[] = []
  if (found.kind === 'file') all.push({ entry: fileEntry('' as DiskPath, found), disk: found })
  else await collect(folder, path, '' as DiskPath, found, { all, options })
  const files = all.filter(({ entry }) => entry.kind === 'file')
  options.onTotal(
    files.reduce((sum, { disk }) => sum + disk.sizeBytes, 0),
    files.length,
  )
  const before = new Map(options.before?.entries.map(entry => [entry.path as string, entry]))
  const slots = createSlots(options.hashBytes)
  const entries = new Map<string, ManifestEntry>(all.map(({ entry }) => [entry.path, entry]))
  const take = (hashed: FileEntry) => {
    entries.set(hashed.path, hashed)
    options.onFile(hashed.sizeBytes, 1)
  }
  const large: Found[] = []
  const small = new Map<string, Found[]>()
  for (const { entry, disk } of files) {
    const file = entry as FileEntry
    const known = before.get(file.path)
    const isKnown =
      known?.kind === 'file' && known.sizeBytes === file.sizeBytes && known.modifiedAtUs === file.modifiedAtUs
    if (isKnown) take({ ...file, hashes: known.hashes })
    else if (file.sizeBytes > SMALL_FILE_BYTES || file.path === '') large.push({ file, disk })
    else {
      const { folder: inner } = splitPath(file.path)
      const others = small.get(inner)
      if (others === undefined) small.set(inner, [{ file, disk }])
      else others.push({ file, disk })
    }
  }
  await inLanes(batchesOf(small), SMALL_LANES, async batch => {
    options.signal.throwIfAborted()
    const { hashed, others } = await hashSmallFiles(folder, path, batch)
    for (const one of hashed) take(one)
    large.push(...others)
  })
  const hashing = { slots, signal: options.signal }
  await inLanes(large, FILE_LANES, async ({ file }) =>
    take(await hashFile(folder, join(path, file.path), { file, ...hashing })),
  )
  return { entries: [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1)) }
}

/** A path in a folder, of something below another path there. */
export function join(path: string, below: string): string {
  if (path === '') return below
  return below === '' ? path : `${path}/${below}`
}

/** The folder and the name of a path. */
export function splitPath(path: string): { folder: string; name: string } {
  const slash = path.lastIndexOf('/')
  return { folder: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) }
}

/** When it was changed, as a manifest says it. */
export function modifiedAtUsOf({ modifiedAtMs }: DiskEntry): number {
  return Math.max(0, Math.round(modifiedAtMs * 1_000))
}

interface Collection {
  readonly all: { entry: ManifestEntry; disk: DiskEntry }[]
  readonly options: ScanOptions
}

async function collect(
  folder: Folder,
  base: string,
  path: DiskPath,
  disk: DiskEntry,
  collection: Collection,
): Promise<void> {
  const { all, options } = collection
  options.signal.throwIfAborted()
  all.push({ entry: { kind: 'folder', path, mode: disk.mode, modifiedAtUs: modifiedAtUsOf(disk) }, disk })
  for (const { name, entry, target } of await folder.look(join(base, path))) {
    // What is being written aside is nobody's yet.
    if (name.startsWith(ASIDE_PREFIX)) continue
    const inner = tryPath(join(path, name))
    if (all.length >= MAX_MANIFEST_ENTRIES)
      throw new MeshError('too-many', `Cannot publish: over ${MAX_MANIFEST_ENTRIES} files and folders`)
    if (inner === undefined || entry.kind === 'other') options.onSkipped(join(path, name))
    else if (entry.kind === 'file') all.push({ entry: fileEntry(inner, entry), disk: entry })
    else if (entry.kind === 'folder') await collect(folder, base, inner, entry, collection)
    else if (target === undefined || !isInner(inner, target)) options.onSkipped(inner)
    else
      all.push({
        entry: { kind: 'link', path: inner, modifiedAtUs: modifiedAtUsOf(entry), target },
        disk: entry,
      })
  }
}

function fileEntry(path: DiskPath, disk: DiskEntry): FileEntry {
  const hashes = new Uint8Array(0)
  const { mode, sizeBytes } = disk
  return { kind: 'file', path, mode, modifiedAtUs: modifiedAtUsOf(disk), sizeBytes, hashes }
}

function tryPath(path: string): DiskPath | undefined {
  try {
    return parseDiskPath(path)
  } catch {
    return undefined
  }
}

function isInner(path: DiskPath, target: string): boolean {
  try {
    checkLinkTarget(path, target)
    return true
  } catch {
    return false
  }
}

interface Found {
  readonly file: FileEntry
  readonly disk: DiskEntry
}

/** Files of one folder, so many at a time. */
function* batchesOf(folders: ReadonlyMap<string, readonly Found[]>): Generator<readonly Found[]> {
  for (const files of folders.values()) {
    for (let at = 0; at < files.length; at += BATCH_FILES) yield files.slice(at, at + BATCH_FILES)
  }
}

/** Hash small files of one folder. @returns those that could not be read so: what changes meanwhile, or has grown */
async function hashSmallFiles(
  folder: Folder,
  base: string,
  batch: readonly Found[],
): Promise<{ hashed: FileEntry[]; others: Found[] }> {
  const inner = splitPath(batch[0]?.file.path ?? '').folder
  const names = batch.map(({ file }) => splitPath(file.path).name)
  const read = await folder.readFiles(join(base, inner), names, SMALL_FILE_BYTES)
  const hashed: FileEntry[] = []
  const others: Found[] = []
  for (const [index, found] of batch.entries()) {
    const one = read[index]
    if (one === undefined || one instanceof MeshError) {
      others.push(found)
      continue
    }
    const { bytes, entry } = one
    const hashes = bytes.length === 0 ? new Uint8Array(0) : await hashChunk(bytes)
    hashed.push({
      ...found.file,
      mode: entry.mode,
      modifiedAtUs: modifiedAtUsOf(entry),
      sizeBytes: bytes.length,
      hashes,
    })
  }
  return { hashed, others }
}

interface Hashing {
  readonly file: FileEntry
  readonly slots: Slots
  readonly signal: AbortSignal
}

/** Hash a file as it is at one moment: if it changes meanwhile, again. */
async function hashFile(folder: Folder, path: string, hashing: Hashing): Promise<FileEntry> {
  const { file, slots, signal } = hashing
  for (let attempt = 0; attempt < HASH_ATTEMPTS; attempt += 1) {
    const isSparse = hasHoles(await folder.stat(path))
    await using open = await folder.openFile(path, isSparse ? 'read-holes' : 'read')
    const before = await open.stat()
    const { sizeBytes } = before
    const chunkCount = Math.ceil(sizeBytes / CHUNK_BYTES)
    const hashes = new Uint8Array(chunkCount * HASH_BYTES)
    // Fresh memory for each chunk costs more than to hash it.
    const buffers: Buffer[] = []
    await inLanes(Array(chunkCount).keys(), CHUNK_LANES, async chunk => {
      signal.throwIfAborted()
      const length = Math.min(CHUNK_BYTES, sizeBytes - chunk * CHUNK_BYTES)
      const free = await slots.take(length)
      const buffer = buffers.pop() ?? newBuffer(isSparse, Math.min(CHUNK_BYTES, sizeBytes))
      try {
        const read = await open.read(isSparse ? buffer : buffer.subarray(0, length), chunk * CHUNK_BYTES)
        const bytes = buffer.subarray(0, Math.min(read, length))
        const isHole = isSparse && bytes.length === CHUNK_BYTES && bytes.equals(ZEROS)
        hashes.set(isHole ? ZERO_CHUNK_HASH : await hashChunk(bytes), chunk * HASH_BYTES)
      } finally {
        buffers.push(buffer)
        free()
      }
    })
    if ((await open.stat()).version !== before.version) continue
    return { ...file, mode: before.mode, modifiedAtUs: modifiedAtUsOf(before), sizeBytes, hashes }
  }
  throw new MeshError('conflict', `Cannot publish ${quote(path)}: it does not stop changing: try again later`)
}

/** Whether it is worth to read its holes past the cache. */
export function hasHoles({ storedBytes, sizeBytes }: DiskEntry): boolean {
  return sizeBytes >= CHUNK_BYTES && storedBytes < sizeBytes
}

function newBuffer(isSparse: boolean, byteCount: number): Buffer {
  return isSparse ? Buffer.from(createPageMemory(CHUNK_BYTES).buffer) : Buffer.allocUnsafeSlow(byteCount)
}

/** Names of what the app writes begin so until it is whole; the disk's own do too. */
export const ASIDE_PREFIX = '.ztm-'

const ZEROS = Buffer.alloc(CHUNK_BYTES)
const HASH_ATTEMPTS = 3
const FILE_LANES = 4
const CHUNK_LANES = 4
const SMALL_LANES = 2
const BATCH_FILES = 256

/** Files up to this size are read and written whole, many at a time. */
export const SMALL_FILE_BYTES = 65_536
