import type { ChunkRange } from '../../core/codec/file-frame.ts'
import { rangesOf } from '../../core/codec/file-frame.ts'
import { type ChunkLayout, isSameHash, isZeroChunk } from '../../core/files/chunk-layout.ts'
import { CHUNK_BYTES } from '../../core/files/manifest.ts'
import type { Folder, NewFile } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { hashChunk } from './hash-chunk.ts'
import { changedError, createChunkReader, type ReadChunk } from './read-chunks.ts'

/** What kept versions are kept with. */
export interface KeptVersionsOptions {
  /** The app's own folder. */
  readonly openFolder: () => Promise<Folder>
  /** Of all versions that are kept. */
  readonly layouts: () => Promise<ChunkLayout[]>
}

/** Where a content is on disk, that is to be kept as it is. */
export interface VersionSource {
  readonly folder: Folder
  readonly path: string
  readonly layout: ChunkLayout
  readonly readAheadBytes: number
  readonly signal: AbortSignal
}

/**
 * The bytes of versions that are kept, as chunks each under its hash: what two versions have in common is there once. They are
 * copied when they are published, as nobody can read them any more when something else is.
 */
export class KeptVersions {
  readonly #options: KeptVersionsOptions
  readonly #exclusive = createExclusive()

  constructor(options: KeptVersionsOptions) {
    this.#options = options
  }

  /** Do something that makes chunks kept, or no more, when nothing else of that kind is under way. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive.run('chunks', work)
  }

  /**
   * Copy what is not there yet; to be called within `alone`, as is what makes it belong to a version.
   *
   * @throws MeshError `conflict` if it was changed since it was hashed, `storage-full`
   */
  async keep({ folder, path, layout, readAheadBytes, signal }: VersionSource): Promise<void> {
    const own = await this.#options.openFolder()
    await own.makeFolder(CHUNKS)
    const there = new Set((await own.list(CHUNKS)).map(({ name }) => name))
    const wanted = Array.from({ length: layout.chunkCount }, (_, chunk) => chunk).filter(chunk => {
      const place = layout.place(chunk)
      const name = nameOf(place.hash)
      if (isZeroChunk(place) || there.has(name)) return false
      there.add(name)
      return true
    })
    await using reader = createChunkReader({ folder, path, layout, readAheadBytes })
    let files: NewFile[] = []
    let bytes = 0
    const flush = async () => {
      const placed = await own.placeFiles(CHUNKS, files)
      const failure = placed.find(one => one instanceof MeshError)
      if (failure !== undefined) throw failure
      files = []
      bytes = 0
    }
    for await (const parts of reader.read(rangesOf(wanted))) {
      signal.throwIfAborted()
      for (const part of parts) {
        if ('error' in part) throw part.error
        const { hash, entry } = layout.place(part.chunk)
        if (!isSameHash(await hashChunk(part.bytes), hash)) throw changedError(entry.path)
        files.push({ name: nameOf(hash), bytes: part.bytes, mode: 0o600, modifiedAtMs: 0 })
        bytes += part.bytes.length
      }
      if (bytes >= FLUSH_BYTES) await flush()
    }
    if (files.length > 0) await flush()
  }

  /** Chunks of a version that is kept, a few at a time, each checked. */
  async *read(layout: ChunkLayout, ranges: readonly ChunkRange[]): AsyncGenerator<ReadChunk[]> {
    const own = await this.#options.openFolder()
    for (const { first, count } of ranges) {
      for (let from = first; from < first + count; from += READ_CHUNKS) {
        const chunks = Array.from(
          { length: Math.min(READ_CHUNKS, first + count - from) },
          (_, at) => from + at,
        )
        yield await readKept(own, layout, chunks)
      }
    }
  }

  /** Remove chunks that no version has any more; to be called within `alone`. */
  async sweep(): Promise<void> {
    const own = await this.#options.openFolder()
    const isKept = await own.stat(CHUNKS).then(
      () => true,
      () => false,
    )
    if (!isKept) return
    // If it is not known what each version is made of, nothing is removed.
    const layouts = await this.#options.layouts().catch(() => undefined)
    if (layouts === undefined) return
    const used = new Set<string>()
    for (const layout of layouts)
      for (let chunk = 0; chunk < layout.chunkCount; chunk += 1) used.add(nameOf(layout.place(chunk).hash))
    for (const { name } of await own.list(CHUNKS)) if (!used.has(name)) await own.remove(`${CHUNKS}/${name}`)
  }

  /** Resolves when nothing is under way. */
  whenIdle(): Promise<void> {
    return this.#exclusive.whenIdle()
  }
}

async function readKept(own: Folder, layout: ChunkLayout, chunks: readonly number[]): Promise<ReadChunk[]> {
  const places = chunks.map(chunk => layout.place(chunk))
  const names = places.filter(place => !isZeroChunk(place)).map(({ hash }) => nameOf(hash))
  try {
    const read = names.length === 0 ? [] : await own.readFiles(CHUNKS, names, CHUNK_BYTES)
    const parts: ReadChunk[] = []
    let next = 0
    for (const [index, place] of places.entries()) {
      const chunk = chunks[index] as number
      const one = isZeroChunk(place) ? { bytes: new Uint8Array(place.length) } : read[next++]
      const isWhole =
        one !== undefined &&
        !(one instanceof MeshError) &&
        (isZeroChunk(place) || isSameHash(await hashChunk(one.bytes), place.hash))
      parts.push(isWhole ? { chunk, bytes: one.bytes } : { chunk, error: DAMAGED })
    }
    return parts
  } catch (thrown) {
    return chunks.map(chunk => ({ chunk, error: toMeshError(thrown) }))
  }
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}

const DAMAGED = new MeshError('storage-failed', 'Cannot give that version: what was kept of it is damaged')
const CHUNKS = 'chunks'
const FLUSH_BYTES = 4_194_304
/** Chunks of a MiB that are read at once for one who fetches. */
const READ_CHUNKS = 4
