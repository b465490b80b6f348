import type { ChunkRange } from '../../core/codec/file-frame.ts'
import type { ChunkLayout, ChunkPlace } from '../../core/files/chunk-layout.ts'
import type { FileEntry } from '../../core/files/manifest.ts'
import type { DiskEntry, DiskFile, Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { join, modifiedAtUsOf, SMALL_FILE_BYTES, splitPath } from './scan-tree.ts'

/** A chunk as it is on disk, or why it cannot be had. */
export type ReadChunk = { readonly chunk: number } & (
  | { readonly bytes: Uint8Array }
  | { readonly error: MeshError }
)

/** Reads chunks of one content from disk, in the order asked, some ahead of who takes them. */
export interface ChunkReader extends AsyncDisposable {
  /** Chunks one after another, several at once where they are small. */
  read(ranges: readonly ChunkRange[]): AsyncGenerator<ReadChunk[]>
}

/** What is read, and how far ahead. */
export interface ChunkReaderOptions {
  readonly folder: Folder
  /** Where in it the content is. */
  readonly path: string
  readonly layout: ChunkLayout
  readonly readAheadBytes: number
}

/**
 * Read chunks from where they were when they were published. A file that has another size or time by then is refused: it
 * is not what its hashes say.
 */
export function createChunkReader(options: ChunkReaderOptions): ChunkReader {
  return new DiskChunks(options)
}

/** Whether a file on disk is still what a manifest says of it. */
export function isUnchanged(entry: FileEntry, disk: DiskEntry): boolean {
  // What a copy's time was set to may be off by the last digit.
  return disk.sizeBytes === entry.sizeBytes && Math.abs(modifiedAtUsOf(disk) - entry.modifiedAtUs) <= 1
}

/** Why a file cannot be given away that was changed. */
export function changedError(path: string): MeshError {
  return new MeshError('conflict', `Cannot give ${quote(path)}: it was changed since it was published`)
}

interface Unit {
  readonly chunks: number[]
  /** Whole small files of one folder; else one chunk of a larger file. */
  readonly isSmall: boolean
  bytes: number
}

class DiskChunks implements ChunkReader {
  readonly #options: ChunkReaderOptions
  #open: { path: string; file: Promise<DiskFile>; reads: Promise<unknown>[] } | undefined

  constructor(options: ChunkReaderOptions) {
    this.#options = options
  }

  async *read(ranges: readonly ChunkRange[]): AsyncGenerator<ReadChunk[]> {
    const ahead: { reading: Promise<ReadChunk[]>; bytes: number }[] = []
    let aheadBytes = 0
    try {
      for (const unit of this.#unitsOf(ranges)) {
        const reading = unit.isSmall
          ? this.#readSmall(unit.chunks)
          : this.#readLarge(unit.chunks[0] as number)
        ahead.push({ reading, bytes: unit.bytes })
        aheadBytes += unit.bytes
        while (aheadBytes >= this.#options.readAheadBytes || ahead.length >= MAX_AHEAD) {
          const first = ahead.shift()
          if (first === undefined) break
          yield await first.reading
          aheadBytes -= first.bytes
        }
      }
      for (let first = ahead.shift(); first !== undefined; first = ahead.shift()) yield await first.reading
    } finally {
      await Promise.all(ahead.map(({ reading }) => reading))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = this.#open
    this.#open = undefined
    if (open !== undefined) await closeAfter(open)
  }

  *#unitsOf(ranges: readonly ChunkRange[]): Generator<Unit> {
    const { layout } = this.#options
    let small: (Unit & { folder: string }) | undefined
    for (const { first, count } of ranges) {
      const end = Math.min(layout.chunkCount, first + count)
      for (let chunk = first; chunk < end; chunk += 1) {
        const { entry, length } = layout.place(chunk)
        const { folder } = splitPath(entry.path)
        const isSmall = entry.sizeBytes <= SMALL_FILE_BYTES && entry.path !== ''
        const fits =
          small !== undefined &&
          isSmall &&
          small.folder === folder &&
          small.chunks.length < MAX_SMALL_FILES &&
          small.bytes + length <= MAX_SMALL_BYTES
        if (small !== undefined && !fits) {
          yield small
          small = undefined
        }
        if (!isSmall) yield { chunks: [chunk], isSmall, bytes: length }
        else if (small === undefined) small = { chunks: [chunk], isSmall, bytes: length, folder }
        else {
          small.chunks.push(chunk)
          small.bytes += length
        }
      }
    }
    if (small !== undefined) yield small
  }

  async #readSmall(chunks: readonly number[]): Promise<ReadChunk[]> {
    const { folder, path, layout } = this.#options
    const places = chunks.map(chunk => layout.place(chunk))
    const parts = places.map(({ entry }) => splitPath(join(path, entry.path)))
    try {
      const read = await folder.readFiles(
        parts[0]?.folder ?? '',
        parts.map(({ name }) => name),
        SMALL_FILE_BYTES,
      )
      return chunks.map((chunk, index): ReadChunk => {
        const { entry } = places[index] as ChunkPlace
        const one = read[index] ?? changedError(join(path, entry.path))
        if (one instanceof MeshError)
          return { chunk, error: one.code === 'too-large' ? changedError(join(path, entry.path)) : one }
        return isUnchanged(entry, one.entry)
          ? { chunk, bytes: one.bytes }
          : { chunk, error: changedError(join(path, entry.path)) }
      })
    } catch (thrown) {
      return chunks.map(chunk => ({ chunk, error: toMeshError(thrown) }))
    }
  }

  #readLarge(chunk: number): Promise<ReadChunk[]> {
    const { folder, path, layout } = this.#options
    const place = layout.place(chunk)
    const diskPath = join(path, place.entry.path)
    if (this.#open?.path !== diskPath) {
      if (this.#open !== undefined) void closeAfter(this.#open)
      this.#open = { path: diskPath, file: folder.openFile(diskPath, 'read'), reads: [] }
    }
    const open = this.#open
    const reading = this.#readChunk(chunk, place, open.file)
    open.reads.push(reading)
    if (open.reads.length > MAX_AHEAD) open.reads.splice(0, open.reads.length - MAX_AHEAD)
    return reading
  }

  async #readChunk(chunk: number, place: ChunkPlace, opening: Promise<DiskFile>): Promise<ReadChunk[]> {
    const { entry, offset, length } = place
    const { path } = this.#options
    try {
      const file = await opening
      const bytes = Buffer.allocUnsafeSlow(length)
      const readBytes = await file.read(bytes, offset)
      if (readBytes !== length || !isUnchanged(entry, await file.stat()))
        return [{ chunk, error: changedError(join(path, entry.path)) }]
      return [{ chunk, bytes }]
    } catch (thrown) {
      return [{ chunk, error: toMeshError(thrown) }]
    }
  }
}

async function closeAfter({
  file,
  reads,
}: {
  file: Promise<DiskFile>
  reads: Promise<unknown>[]
}): Promise<void> {
  await Promise.all(reads)
  await file.then(
    open => open[Symbol.asyncDispose](),
    () => {},
  )
}

const MAX_SMALL_FILES = 128
const MAX_SMALL_BYTES = 1_048_576
/** Units that are read ahead. */
const MAX_AHEAD = 32
