import { CHUNK_BYTES, type ManifestEntry } from '../../core/files/manifest.ts'
import { layOutTar, staysInTar, type TarEntry, type TarLayout, type TarPart } from '../../core/files/tar.ts'
import type { AppContent } from '../../core/model/content.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fetchContent } from './download-file.ts'
import { readChunks, type Source } from './file-content.ts'
import type { Finder } from './find-files.ts'
import { findPath } from './find-path.ts'
import { hashChunk } from './hash-chunk.ts'

/**
 * Open a published tree, or a folder in one, as one archive, to be read from anywhere in it. Its files are fetched as they are read, each
 * chunk checked by its hash; nothing is kept. Of a folder in a tree, links that lead out of that folder are left out.
 *
 * @param path  in the mesh's file space
 * @throws MeshError `bad-input` for what is no folder; as `findPath`, `fetchContent`, `layOutTar`
 */
export async function openTreeArchive(finder: Finder, path: string): Promise<AppContent> {
  const { item, part } = await findPath(finder, path)
  const content = await fetchContent(finder, item)
  const { layout } = content
  const inside = content.manifest.entries.filter(
    entry => part === '' || entry.path === part || entry.path.startsWith(`${part}/`),
  )
  const first = inside[0]
  if (first === undefined)
    throw new MeshError('not-found', `Cannot archive ${quote(path)}: there is no such folder in the tree`)
  if (first.kind !== 'folder')
    throw new MeshError('bad-input', `Cannot archive ${quote(path)}: it is a ${first.kind}, not a folder`)
  const top = (part === '' ? item.name : part).split('/').at(-1) ?? item.name
  const entries = inside.map(entry => toTarEntry(entry, part)).filter(mayBeIn)
  const tar = layOutTar(top, entries)
  const fileIndex = new Map(layout.files.map((entry, index) => [belowPart(entry.path, part), index]))
  const firstChunk = (index: number) => layout.chunksOf(fileIndex.get(entries[index]?.path ?? '') ?? 0).first
  return {
    name: `${top}.tar`,
    sizeBytes: tar.sizeBytes,
    version: Buffer.from(await hashChunk(Buffer.from(`${item.content}\0${part}\0${top}`))).toString('hex'),
    async *read(start, end) {
      // In the archive files lie in the order of their chunks: what is wanted of them is one row of chunks.
      const { head, last } = filesOf(tar, start, end)
      const from = head === undefined ? 0 : firstChunk(head.index) + Math.floor(head.start / CHUNK_BYTES)
      const to = last === undefined ? 0 : firstChunk(last.index) + Math.ceil(last.end / CHUNK_BYTES)
      const chunks = readRow({ finder, item, content }, from, to)
      try {
        for (const one of tar.parts(start, end)) {
          if (one.kind === 'bytes') yield one.bytes
          else yield* chunks.take(firstChunk(one.index), one.start, one.end)
        }
      } finally {
        await chunks.end()
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** The bytes of one file after another, of a row of chunks that is read once. */
function readRow(source: Source, from: number, to: number) {
  const chunks = readChunks(source, from, to)
  return {
    end: () => chunks.return(undefined),
    async *take(first: number, start: number, end: number): AsyncGenerator<Uint8Array> {
      let at = Math.floor(start / CHUNK_BYTES) * CHUNK_BYTES
      for (let chunk = first + at / CHUNK_BYTES; at < end; chunk += 1) {
        const { done, value } = await chunks.next()
        if (done) throw new MeshError('bug', `Cannot archive: chunk ${chunk} is missing`)
        yield value.subarray(Math.max(0, start - at), end - at)
        at += CHUNK_BYTES
      }
    },
  }
}

/** The first and the last file that a range has something of. */
function filesOf(tar: TarLayout, start: number, end: number) {
  let head: Extract<TarPart, { kind: 'file' }> | undefined
  let last = head
  for (const one of tar.parts(start, end)) {
    if (one.kind !== 'file') continue
    head ??= one
    last = one
  }
  return { head, last }
}

function mayBeIn(entry: TarEntry): boolean {
  return entry.kind !== 'link' || staysInTar(entry.path, entry.target)
}

function belowPart(path: string, part: string): string {
  return part === '' ? path : path.slice(part.length + 1)
}

function toTarEntry(entry: ManifestEntry, part: string): TarEntry {
  const path = belowPart(entry.path, part)
  const modifiedAtMs = entry.modifiedAtUs / 1_000
  if (entry.kind === 'file')
    return { kind: 'file', path, sizeBytes: entry.sizeBytes, mode: entry.mode, modifiedAtMs }
  if (entry.kind === 'folder') return { kind: 'folder', path, mode: entry.mode, modifiedAtMs }
  return { kind: 'link', path, target: entry.target, modifiedAtMs }
}
