import { CHUNK_BYTES, type FileEntry, HASH_BYTES, type Manifest } from './manifest.ts'

/** A chunk of a manifest's files. */
export interface ChunkPlace {
  readonly entry: FileEntry
  /** Where in its file it begins. */
  readonly offset: number
  readonly length: number
  readonly hash: Uint8Array
}

/** The chunks of all files of a manifest, numbered from 0 in the order of its entries. Empty files have none. */
export interface ChunkLayout {
  readonly chunkCount: number
  readonly fileCount: number
  readonly totalBytes: number
  /** Files that have chunks, in order. */
  readonly files: readonly FileEntry[]
  /** The chunks of the file of that index: first, and the one after the last. */
  chunksOf(fileIndex: number): { readonly first: number; readonly end: number }
  /** The file, by index, that a chunk is of. @param chunk  0 to chunkCount - 1 */
  fileOf(chunk: number): number
  place(chunk: number): ChunkPlace
  /** Bytes of a chunk. */
  lengthOf(chunk: number): number
}

/** Number the chunks. Memory: 4 bytes for each file. */
export function layOutChunks({ entries }: Manifest): ChunkLayout {
  const all = entries.filter(entry => entry.kind === 'file')
  const files = all.filter(({ sizeBytes }) => sizeBytes > 0)
  const firsts = new Uint32Array(files.length + 1)
  for (const [index, { hashes }] of files.entries()) {
    firsts[index + 1] = (firsts[index] ?? 0) + hashes.length / HASH_BYTES
  }
  const fileOf = (chunk: number): number => {
    let [low, high] = [0, files.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((firsts[middle] ?? 0) <= chunk) low = middle
      else high = middle - 1
    }
    return low
  }
  const place = (chunk: number): ChunkPlace => {
    const index = fileOf(chunk)
    const entry = files[index] as FileEntry
    const at = chunk - (firsts[index] ?? 0)
    const offset = at * CHUNK_BYTES
    return {
      entry,
      offset,
      length: Math.min(CHUNK_BYTES, entry.sizeBytes - offset),
      hash: entry.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
    }
  }
  return {
    chunkCount: firsts[files.length] ?? 0,
    fileCount: all.length,
    totalBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    files,
    chunksOf: index => ({ first: firsts[index] ?? 0, end: firsts[index + 1] ?? 0 }),
    fileOf,
    place,
    lengthOf: chunk => place(chunk).length,
  }
}

/** Whether a chunk is a whole one of zeros: it need not be sent, and is left as a hole. */
export function isZeroChunk({ length, hash }: ChunkPlace): boolean {
  return length === CHUNK_BYTES && isSameHash(hash, ZERO_CHUNK_HASH)
}

/** Whether two hashes are equal. */
export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** SHA-256 of 1,048,576 zeros; a test computes it. */
export const ZERO_CHUNK_HASH: Uint8Array = Uint8Array.from(
  ('30e14955ebf1352266dc2ff8067e6810' + '4607e750abb9d3b36582b8af909fcb58').match(/../g) ?? [],
  pair => Number.parseInt(pair, 16),
)
