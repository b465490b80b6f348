import { isSameHash, isZeroChunk } from '../../core/files/chunk-layout.ts'
import { CHUNK_BYTES } from '../../core/files/manifest.ts'
import type { AppContent } from '../../core/model/content.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fetchContent } from './download-file.ts'
import { FilePeer } from './file-peer.ts'
import type { Finder } from './find-files.ts'
import { findPath } from './find-path.ts'
import { hashChunk } from './hash-chunk.ts'
import type { Content } from './held-files.ts'
import type { FoundItem, HolderInfo } from './messages.ts'

/**
 * Open a published file, or one in a published tree, to be read from anywhere in it. It is fetched as it is read, from one holder
 * after another, each chunk checked by its hash; nothing is kept.
 *
 * @param path  in the mesh's file space
 * @throws MeshError `bad-input` for a folder or link; as `findPath`, `fetchContent`
 */
export async function openFileContent(finder: Finder, path: string): Promise<AppContent> {
  const { item, part } = await findPath(finder, path)
  const content = await fetchContent(finder, item)
  const entry = content.manifest.entries.find(one => one.path === part)
  if (entry === undefined)
    throw new MeshError('not-found', `Cannot read ${quote(path)}: there is no such file in the tree`)
  if (entry.kind !== 'file')
    throw new MeshError('bad-input', `Cannot read ${quote(path)}: it is a ${entry.kind}, not a file`)
  const { layout } = content
  const index = layout.files.indexOf(entry)
  const { first } = index < 0 ? { first: 0 } : layout.chunksOf(index)
  return {
    name: (part === '' ? item.name : part).split('/').at(-1) ?? item.name,
    sizeBytes: entry.sizeBytes,
    // The same file in another version of its tree is the same.
    version: Buffer.from(await hashChunk(entry.hashes)).toString('hex'),
    async *read(start, end) {
      const from = first + Math.floor(start / CHUNK_BYTES)
      const to = first + Math.ceil(end / CHUNK_BYTES)
      let at = (from - first) * CHUNK_BYTES
      for await (const bytes of readChunks({ finder, item, content }, from, to)) {
        yield bytes.subarray(Math.max(0, start - at), end - at)
        at += bytes.length
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Of what chunks are read. */
export interface Source {
  readonly finder: Finder
  readonly item: FoundItem
  readonly content: Content
}

/**
 * Read chunks in their order, each checked by its hash. A holder that fails is left for the next; when all have failed, who has it is
 * asked once more.
 *
 * @param from  the first chunk
 * @param to    the one after the last
 * @throws MeshError the last holder's; `offline`, `conflict`
 */
export async function* readChunks(source: Source, from: number, to: number): AsyncGenerator<Uint8Array> {
  const { finder, item } = source
  let next = from
  let last: MeshError | undefined
  for (let search = 0; search <= MAX_SEARCHES && next < to; search += 1) {
    const holders = search === 0 ? item.holders : await holdersNow(finder, item)
    for (const holder of holders) {
      try {
        for await (const bytes of readFrom(source, holder, next, to)) {
          next += 1
          yield bytes
        }
        return
      } catch (thrown) {
        last = toMeshError(thrown)
      }
    }
  }
  if (next >= to) return
  throw last ?? new MeshError('offline', `Cannot read ${quote(item.path)}: nobody who has it is online`)
}

async function holdersNow(finder: Finder, item: FoundItem): Promise<readonly HolderInfo[]> {
  const now = (await findPath(finder, item.path)).item
  if (now.content === item.content) return now.holders
  throw new MeshError('conflict', `Cannot go on with ${quote(item.path)}: it was changed meanwhile`)
}

async function* readFrom(
  { finder: { host, limits }, item, content: { layout } }: Source,
  holder: HolderInfo,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const peer = await FilePeer.open(host, holder, limits.answerTimeoutMs)
  const name = Buffer.from(item.content, 'hex')
  const waiting = new Map<number, PromiseWithResolvers<Uint8Array>>()
  const fail = (error: MeshError) => {
    for (const { reject } of waiting.values()) reject(error)
  }
  peer.listen({
    onHeard() {},
    onChunk: (chunk, bytes) => waiting.get(chunk)?.resolve(bytes),
    onMissing: (first, count, error) => {
      for (const [chunk, { reject }] of waiting) if (chunk >= first && chunk < first + count) reject(error)
    },
    onClose: error =>
      fail(error ?? new MeshError('link-closed', 'Cannot go on: the holder ended the stream')),
  })
  let asked = from
  let aheadBytes = 0
  const ask = (chunk: number) => {
    const place = layout.place(chunk)
    aheadBytes += place.length
    const answer = Promise.withResolvers<Uint8Array>()
    // Whoever stops reading hears of none that comes later.
    answer.promise.catch(() => {})
    waiting.set(chunk, answer)
    if (isZeroChunk(place)) answer.resolve(new Uint8Array(place.length))
    else peer.want(name, [chunk])
  }
  try {
    for (let chunk = from; chunk < to; chunk += 1) {
      const mayAsk = () => asked - chunk < CHUNKS_AHEAD && aheadBytes < BYTES_AHEAD
      for (; asked < to && (asked === chunk || mayAsk()); asked += 1) ask(asked)
      const cancel = host.after(STALL_MS, () => {
        fail(new MeshError('timed-out', `Cannot go on: "${holder.name}" gives nothing`))
      })
      const { promise } = waiting.get(chunk) as PromiseWithResolvers<Uint8Array>
      const bytes = await promise.finally(cancel)
      waiting.delete(chunk)
      aheadBytes -= bytes.length
      const { hash, length } = layout.place(chunk)
      if (bytes.length !== length || !isSameHash(await hashChunk(bytes), hash))
        throw new MeshError('bad-message', `Cannot go on: "${holder.name}" gave wrong bytes`)
      yield bytes
    }
  } finally {
    peer.close()
  }
}

/** Chunks on their way at once, and their bytes: many small files take one each. With who reads slowly, that many are held. */
const CHUNKS_AHEAD = 64
const BYTES_AHEAD = 6_291_456
const STALL_MS = 20_000
const MAX_SEARCHES = 1
