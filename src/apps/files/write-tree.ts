import { createHash } from 'node:crypto'
import { isSameHash, isZeroChunk } from '../../core/files/chunk-layout.ts'
import { checkLinkTarget, parseDiskPath } from '../../core/files/disk-path.ts'
import { CHUNK_BYTES, type FileEntry, type ManifestEntry } from '../../core/files/manifest.ts'
import { pathBelow } from '../../core/files/mesh-path.ts'
import { createPageMemory } from '../../core/files/page-memory.ts'
import type { DiskFile, Folder, NewFile } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { hashChunk } from './hash-chunk.ts'
import type { Content } from './held-files.ts'
import { isUnchanged } from './read-chunks.ts'
import { ASIDE_PREFIX, hasHoles, join, SMALL_FILE_BYTES, splitPath } from './scan-tree.ts'
import { inLanes } from './slots.ts'

/** Where a content, or a part of it, is put together. */
export interface TreeWriterOptions {
  /** Where it will be in the end, and the name there. */
  readonly folder: Folder
  readonly name: string
  readonly mayReplace: boolean
  readonly content: Content
  readonly contentName: string
  /** What of it: the path of a file or folder in it; empty for all. */
  readonly part: string
  readonly signal: AbortSignal
  readonly onSkipped: (path: string) => void
}

/**
 * Puts a file or tree together aside, next to where it will be, and moves it there when it is whole. What a run before this
 * left aside is looked at and used.
 */
export class TreeWriter implements AsyncDisposable {
  readonly #options: TreeWriterOptions
  readonly #entries: readonly ManifestEntry[]
  readonly aside: string
  /** Files that are open, by index in the layout, oldest first. */
  readonly #open = new Map<number, Promise<DiskFile>>()
  readonly #syncs = new Map<number, WriteBehind>()
  /** Chunks that each file still lacks. */
  readonly #missing = new Map<number, number>()
  readonly #small: { folder: string; file: NewFile }[] = []
  #smallBytes = 0

  /** @throws MeshError `not-found` if there is no such part */
  constructor(options: TreeWriterOptions) {
    this.#options = options
    const { content, contentName, part } = options
    this.#entries = content.manifest.entries.filter(({ path }) => pathBelow(path, part) !== undefined)
    if (this.#entries[0] === undefined || this.#entries[0].kind === 'link')
      throw new MeshError('not-found', 'Cannot fetch: there is no such file or folder in the tree')
    const id = createHash('sha256')
      .update(`${contentName}\0${part}\0${options.name}`)
      .digest('hex')
      .slice(0, 16)
    this.aside = `${ASIDE_PREFIX}get-${id}`
  }

  get totalBytes(): number {
    return this.#files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }

  get fileCount(): number {
    return this.#files.length
  }

  /**
   * Make folders and empty files, and find what is missing.
   *
   * @returns chunks that have to be fetched, in order; holes are made of those of zeros
   * @throws MeshError `storage-full` if there is not room for them
   */
  async prepare(): Promise<number[]> {
    const { folder, content, signal } = this.#options
    const { layout } = content
    const isFresh = (await folder.stat(this.aside).catch(ignoreMissing)) === undefined
    for (const entry of this.#entries) {
      if (entry.kind !== 'folder') continue
      if (isFresh) await folder.makeFolder(this.#at(entry.path))
      else await this.#prepareFolder(this.#at(entry.path))
    }
    const empty = this.#files.filter(({ sizeBytes }) => sizeBytes === 0)
    for (const entry of empty) this.#addSmall(entry, new Uint8Array(0))
    await this.flush()
    const wanted = new Set(this.#files.map(({ path }) => path))
    const indexes = [...layout.files.keys()].filter(index =>
      wanted.has((layout.files[index] as FileEntry).path),
    )
    const missing = new Map<number, number[]>()
    await inLanes(indexes, SURVEY_LANES, async index => {
      signal.throwIfAborted()
      const chunks = isFresh ? this.#allOf(index) : await this.#survey(index)
      if (chunks.length > 0) missing.set(index, chunks)
    })
    const chunks = indexes.flatMap(index => missing.get(index) ?? [])
    for (const [index, { length }] of missing) this.#missing.set(index, length)
    const neededBytes = chunks.reduce((sum, chunk) => sum + layout.lengthOf(chunk), 0)
    if (neededBytes > (await folder.freeSpace()))
      throw new MeshError(
        'storage-full',
        `Cannot fetch: ${neededBytes} bytes do not fit on the disk: free some space`,
      )
    return chunks
  }

  /** Put a chunk where it belongs; it was checked. */
  async write(chunk: number, bytes: Uint8Array): Promise<void> {
    const { layout } = this.#options.content
    const { entry, offset } = layout.place(chunk)
    const index = layout.fileOf(chunk)
    if (isSmall(entry)) {
      this.#addSmall(entry, bytes)
      this.#missing.delete(index)
      if (this.#small.length >= MAX_SMALL_FILES || this.#smallBytes >= MAX_SMALL_BYTES) await this.flush()
      return
    }
    const file = await this.#file(index)
    await file.write(bytes, offset)
    this.#syncBehind(index, file, bytes.length)
    const left = (this.#missing.get(index) ?? 1) - 1
    this.#missing.set(index, left)
    if (left === 0) await this.#finishFile(index)
  }

  /** Put small files on disk that were held back to be written together. */
  async flush(): Promise<void> {
    const all = this.#small.splice(0)
    this.#smallBytes = 0
    const folders = Map.groupBy(all, ({ folder }) => folder)
    for (const [folder, files] of folders) {
      const placed = await this.#options.folder.placeFiles(
        folder,
        files.map(({ file }) => file),
      )
      const failure = placed.find(one => one instanceof MeshError)
      if (failure !== undefined) throw failure
    }
  }

  /** Give everything its time and mode, and move it to its place. @throws MeshError `conflict` if something is there */
  async finish(): Promise<void> {
    const { folder, name, mayReplace } = this.#options
    await this.flush()
    await this.#closeAll()
    const [top] = this.#entries
    for (const entry of this.#entries)
      if (entry.kind === 'link') await this.#makeLink(entry.path, entry.target, entry)
    const folders = this.#entries.filter(entry => entry.kind === 'folder')
    // The innermost first: what is made in a folder changes its time.
    for (const { path, mode, modifiedAtUs } of folders.reverse())
      await folder.change(this.#at(path), { mode, modifiedAtMs: modifiedAtUs / 1_000 })
    const there = mayReplace ? await folder.stat(name).catch(ignoreMissing) : undefined
    if (there === undefined || (there.kind !== 'folder' && top?.kind === 'file'))
      return folder.rename(this.aside, name, mayReplace)
    // No folder takes the place of another at once, nor of a file.
    const old = `${ASIDE_PREFIX}old-${this.aside.slice(ASIDE_PREFIX.length)}`
    await folder.rename(name, old)
    await folder.rename(this.aside, name, false)
    await folder.remove(old, true)
  }

  /** Remove what was put together so far. */
  async discard(): Promise<void> {
    await this.#closeAll()
    this.#small.splice(0)
    await this.#options.folder.remove(this.aside, true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush().catch(() => {})
    await this.#closeAll()
  }

  get #files(): FileEntry[] {
    return this.#entries.filter(entry => entry.kind === 'file')
  }

  #at(path: string): string {
    return join(this.aside, pathBelow(path, this.#options.part) ?? path)
  }

  async #prepareFolder(path: string): Promise<void> {
    const { folder } = this.#options
    await folder.makeFolder(path)
    // One that was finished before may not be writable.
    if (((await folder.stat(path)).mode & 0o700) !== 0o700) await folder.change(path, { mode: 0o700 })
  }

  #addSmall(entry: FileEntry, bytes: Uint8Array): void {
    const { folder, name } = splitPath(this.#at(entry.path))
    const file = {
      name,
      // A view of a larger piece would keep all of that, and it may be used again.
      bytes: new Uint8Array(bytes),
      isAside: true,
      mode: entry.mode,
      modifiedAtMs: entry.modifiedAtUs / 1_000,
    }
    this.#small.push({ folder, file })
    this.#smallBytes += bytes.length
  }

  /** The chunks of a file that is not on disk yet; holes are made without being fetched. */
  #allOf(index: number): number[] {
    const { layout } = this.#options.content
    const { first, end } = layout.chunksOf(index)
    const all = Array.from({ length: end - first }, (_, at) => first + at)
    const wanted = all.filter(chunk => !isZeroChunk(layout.place(chunk)))
    // Of one that is nothing but a hole the last is fetched, so that it is made.
    return wanted.length === 0 ? all.slice(-1) : wanted
  }

  /** Which chunks of a file are not on disk as they should be. */
  async #survey(index: number): Promise<number[]> {
    const { content, folder, signal } = this.#options
    const entry = content.layout.files[index] as FileEntry
    const { first, end } = content.layout.chunksOf(index)
    const all = Array.from({ length: end - first }, (_, at) => first + at)
    const path = this.#at(entry.path)
    const found = await folder.stat(path).catch(ignoreMissing)
    if (found?.kind !== 'file') {
      if (found !== undefined) await folder.remove(path, true)
      return this.#allOf(index)
    }
    if (isSmall(entry) && !isUnchanged(entry, found)) return all
    await using file = await folder.openFile(path, hasHoles(found) ? 'read-holes' : 'read')
    const missing: number[] = []
    const bytes = Buffer.from(createPageMemory(CHUNK_BYTES).buffer)
    for (const chunk of all) {
      signal.throwIfAborted()
      const { offset, length, hash } = content.layout.place(chunk)
      const part = bytes.subarray(0, length)
      const isWhole = found.storedBytes > 0 && (await file.read(part, offset)) === length
      const isZero = isZeroChunk(content.layout.place(chunk)) && (!isWhole || part.equals(ZEROS))
      if (!isZero && !(isWhole && isSameHash(await hashChunk(part), hash))) missing.push(chunk)
    }
    // It may have been cut between its last chunk and its time and mode.
    if (missing.length === 0 && !isSmall(entry)) await this.#finishFile(index)
    return missing
  }

  #file(index: number): Promise<DiskFile> {
    const known = this.#open.get(index)
    if (known !== undefined) return known
    const opening = this.#openFile(index)
    this.#open.set(index, opening)
    opening.catch(() => this.#open.delete(index))
    return opening
  }

  async #openFile(index: number): Promise<DiskFile> {
    const { content, folder } = this.#options
    const { path, sizeBytes } = content.layout.files[index] as FileEntry
    const place = this.#at(path)
    const opened = await folder.openFile(place, 'create').catch(async (error: MeshError) => {
      if (error.code !== 'conflict') throw error
      await folder.change(place, { mode: 0o600 })
      return folder.openFile(place, 'write')
    })
    await opened.setSize(sizeBytes)
    return opened
  }

  /**
   * Have what is written made durable while more of it comes: at the end there is little left to wait for. What fails is
   * thrown there, as the system tells it once alone.
   */
  #syncBehind(index: number, file: DiskFile, byteCount: number): void {
    const behind = this.#syncs.get(index) ?? { bytes: 0, running: undefined, error: undefined }
    this.#syncs.set(index, behind)
    behind.bytes += byteCount
    if (behind.bytes < SYNC_BYTES || behind.running !== undefined) return
    behind.bytes = 0
    behind.running = file
      .sync()
      .catch((error: unknown) => {
        behind.error ??= toMeshError(error)
      })
      .finally(() => {
        behind.running = undefined
      })
  }

  async #finishFile(index: number): Promise<void> {
    const { mode, modifiedAtUs } = this.#options.content.layout.files[index] as FileEntry
    const file = await this.#file(index)
    const behind = this.#syncs.get(index)
    await behind?.running
    if (behind?.error !== undefined) throw behind.error
    this.#open.delete(index)
    this.#syncs.delete(index)
    await file.sync()
    await file.change({ mode, modifiedAtMs: modifiedAtUs / 1_000 })
    await file[Symbol.asyncDispose]()
  }

  async #makeLink(path: string, target: string, { modifiedAtUs }: { modifiedAtUs: number }): Promise<void> {
    const { folder, part, onSkipped } = this.#options
    const place = this.#at(path)
    try {
      // What stays in the whole tree may lead out of a part of it.
      checkLinkTarget(parseDiskPath(pathBelow(path, part) ?? path), target)
    } catch {
      onSkipped(path)
      return
    }
    if ((await folder.stat(place).catch(ignoreMissing)) !== undefined) await folder.remove(place, true)
    await folder.makeLink(place, target)
    await folder.change(place, { modifiedAtMs: modifiedAtUs / 1_000 })
  }

  async #closeAll(): Promise<void> {
    await Promise.all([...this.#syncs.values()].map(({ running }) => running))
    this.#syncs.clear()
    const all = [...this.#open.values()]
    this.#open.clear()
    for (const opening of all)
      await opening.then(
        file => file[Symbol.asyncDispose](),
        () => {},
      )
  }
}

/** Of a file that is written: bytes since it was last made durable, and what is under way. */
interface WriteBehind {
  bytes: number
  running: Promise<void> | undefined
  error: MeshError | undefined
}

function isSmall({ path, sizeBytes }: FileEntry): boolean {
  return path !== '' && sizeBytes <= SMALL_FILE_BYTES
}

/** For what need not be there. */
function ignoreMissing(error: MeshError): undefined {
  if (error.code !== 'not-found') throw error
  return undefined
}

const ZEROS = Buffer.alloc(CHUNK_BYTES)
/** So much of a file is made durable at a time while it comes: short of what a disk needs a second for. */
const SYNC_BYTES = 67_108_864
const SURVEY_LANES = 8
const MAX_SMALL_FILES = 512
const MAX_SMALL_BYTES = 4_194_304
