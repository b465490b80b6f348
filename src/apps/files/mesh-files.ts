import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { isZeroChunk } from '../../core/files/chunk-layout.ts'
import { parseDiskPath } from '../../core/files/disk-path.ts'
import { CHUNK_BYTES, type FileEntry } from '../../core/files/manifest.ts'
import type { MeshFile, MeshFiles, MeshFileTerms } from '../../core/files/mesh-files.ts'
import { formatMeshPath, pathBelow } from '../../core/files/mesh-path.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { fetchContent, makePlace } from './download-file.ts'
import { fetchChunks } from './fetch-chunks.ts'
import type { FileSpace } from './file-space.ts'
import { type Finder, findFiles } from './find-files.ts'
import { findPath } from './find-path.ts'
import type { Content } from './held-files.ts'
import type { FoundItem, HeldInfo } from './messages.ts'
import { ASIDE_PREFIX } from './scan-tree.ts'

/** What one app from elsewhere may publish at an endpoint. */
export const APP_FILES_LIMITS = {
  maxItems: 1_000,
  /** Of all that it has published, together. */
  maxBytes: 1_073_741_824,
  /** Files found that are told it at once. */
  maxFound: 1_000,
} as const

/** Let an app from elsewhere use the files of the mesh. @param app  `alice/notes` */
export function createMeshFiles(space: FileSpace, app: string): MeshFiles {
  const { finder } = space
  const { user } = finder.host.endpoint
  const own = `apps/${app}`
  const exclusive = createExclusive()
  return {
    async find(query) {
      const { items, unanswered } = await findFiles(finder, query)
      return {
        files: items.slice(0, APP_FILES_LIMITS.maxFound).map(describeFound),
        unanswered: unanswered.map(({ name }) => name),
      }
    },
    async read(path, signal) {
      const { item, part } = await findPath(finder, path)
      const content = await fetchContent(finder, item)
      const entry = content.manifest.entries.find(one => one.path === part)
      if (entry === undefined)
        throw new MeshError('not-found', `Cannot read ${quote(path)}: there is no such file in the tree`)
      if (entry.kind !== 'file')
        throw new MeshError('bad-input', `Cannot read ${quote(path)}: it is no file: name one in it`)
      return { sizeBytes: entry.sizeBytes, bytes: readInOrder(finder, { item, content, entry, signal }) }
    },
    publish(name, bytes, terms) {
      const path = `${own}/${parseInner(name)}`
      return exclusive.run('publish', () => publish(space, { own, path, terms, bytes }))
    },
    async withdraw(name) {
      await space.withdraw(formatMeshPath(user, `${own}/${parseInner(name)}`), true)
    },
  }
}

/** @throws MeshError `bad-name` for what could mean another place */
function parseInner(name: string): string {
  const path = parseDiskPath(name)
  if (path !== '') return path
  throw new MeshError('bad-name', 'Cannot use file: it has no name')
}

interface AppPublication {
  /** The app's place below its user's. */
  readonly own: string
  readonly path: string
  readonly terms: MeshFileTerms
  readonly bytes: AsyncIterable<Uint8Array>
}

async function publish(space: FileSpace, { own, path, terms, bytes }: AppPublication): Promise<MeshFile> {
  const { host } = space.finder
  const meshPath = formatMeshPath(host.endpoint.user, path)
  const others = space
    .list()
    .filter(one => !one.isCopy && one.path !== meshPath && pathBelow(one.name, own) !== undefined)
    .filter(({ owner }) => owner === host.endpoint.user)
  if (others.length >= APP_FILES_LIMITS.maxItems)
    throw new MeshError(
      'too-many',
      `Cannot publish ${quote(path)}: at most ${APP_FILES_LIMITS.maxItems} files`,
    )
  const room = APP_FILES_LIMITS.maxBytes - others.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const isKnown = space.list().some(one => one.path === meshPath)
  const file = await makePlace(space.finder, space.config.folder, meshPath)
  await using folder = await host.disk.openFolder(dirname(file))
  await writeWhole(folder, basename(file), bytes, room)
  try {
    const { id } = await space.publish({ source: file, name: path, ...terms, tags: [...terms.tags] })
    await space.jobs.whenEnded(id)
    const { error } = space.jobs.find(id)
    const held = space.list().find(one => one.path === meshPath)
    if (error === undefined && held !== undefined) return describeHeld(held, host.endpoint.name)
    throw parseErrorBody({ ...error }) ?? new MeshError('link-closed', 'Cannot publish: it was ended')
  } catch (thrown) {
    if (!isKnown) await folder.remove(basename(file)).catch(() => {})
    throw thrown
  }
}

/** Put a file there, whole or not at all. */
async function writeWhole(
  folder: Awaited<ReturnType<Finder['host']['disk']['openFolder']>>,
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<void> {
  const aside = `${ASIDE_PREFIX}app-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
  // Of a publication that the end of the agent cut off.
  await folder.remove(aside)
  try {
    let position = 0
    {
      await using file = await folder.openFile(aside, 'create', 0o644)
      for await (const chunk of bytes) {
        if (position + chunk.length > maxBytes)
          throw new MeshError(
            'too-large',
            `Cannot publish ${quote(name)}: what the app has published is over ${APP_FILES_LIMITS.maxBytes} bytes then`,
          )
        await file.write(chunk, position)
        position += chunk.length
      }
      await file.sync()
    }
    await folder.rename(aside, name)
  } catch (error) {
    await folder.remove(aside).catch(() => {})
    throw error
  }
}

interface Reading {
  readonly item: FoundItem
  readonly content: Content
  readonly entry: FileEntry
  readonly signal: AbortSignal
}

/** A few chunks are fetched while those before them are taken: memory is twice `AHEAD_CHUNKS`, however large the file. */
async function* readInOrder(finder: Finder, reading: Reading): AsyncGenerator<Uint8Array> {
  const { layout } = reading.content
  const given = new AbortController()
  const signal = AbortSignal.any([reading.signal, given.signal])
  const { first, end } = reading.entry.sizeBytes === 0 ? { first: 0, end: 0 } : chunksOf(reading)
  const batch = (from: number) => {
    const chunks = Array.from(
      { length: Math.max(0, Math.min(AHEAD_CHUNKS, end - from)) },
      (_, at) => from + at,
    )
    const fetched = fetchBatch(finder, { ...reading, signal }, chunks)
    // Whoever takes no more hears of nothing.
    fetched.catch(() => {})
    return { chunks, fetched }
  }
  try {
    let next = batch(first)
    for (let at = first; at < end; at += AHEAD_CHUNKS) {
      const { chunks, fetched } = next
      const bytes = await fetched
      next = batch(at + AHEAD_CHUNKS)
      for (const chunk of chunks) yield bytes.get(chunk) ?? ZEROS.subarray(0, layout.lengthOf(chunk))
    }
  } finally {
    given.abort()
  }
}

function chunksOf({ content: { layout }, entry }: Reading): { first: number; end: number } {
  return layout.chunksOf(layout.files.indexOf(entry))
}

async function fetchBatch(
  finder: Finder,
  { item, content, signal }: Reading,
  chunks: readonly number[],
): Promise<Map<number, Uint8Array>> {
  const wanted = chunks.filter(chunk => !isZeroChunk(content.layout.place(chunk)))
  const come = new Map<number, Uint8Array>()
  if (wanted.length === 0) return come
  const { host, limits } = finder
  let isFirst = true
  await fetchChunks({
    host,
    limits,
    content,
    contentHash: Buffer.from(item.content, 'hex'),
    chunks: wanted,
    signal,
    holders: [],
    async findHolders() {
      // The first time that is known from a moment ago.
      const now = isFirst ? item : (await findPath(finder, item.path)).item
      isFirst = false
      if (now.content === item.content) return now.holders
      throw new MeshError('conflict', `Cannot read ${quote(item.path)}: it was changed meanwhile`)
    },
    // The memory that it came in is used again.
    write: async (chunk, bytes) => void come.set(chunk, Uint8Array.from(bytes)),
  })
  return come
}

function describeFound({ holders, ...item }: FoundItem): MeshFile {
  return { ...describeItem(item), holders: holders.map(({ name }) => name) }
}

function describeHeld(item: HeldInfo, here: string): MeshFile {
  return { ...describeItem(item), holders: [here] }
}

function describeItem(item: Omit<FoundItem, 'holders'>): Omit<MeshFile, 'holders'> {
  const { path, owner, kind, sizeBytes, modifiedAtMs, publishedAtMs, tags } = item
  return { path, owner, kind, sizeBytes, modifiedAtMs, publishedAtMs, tags }
}

const AHEAD_CHUNKS = 8
const ZEROS = new Uint8Array(CHUNK_BYTES)
