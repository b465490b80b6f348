import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { parseMeshPath } from '../../core/files/mesh-path.ts'
import type { Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fetchChunks } from './fetch-chunks.ts'
import type { FileJob } from './file-jobs.ts'
import { FilePeer } from './file-peer.ts'
import { findVersion } from './file-versions.ts'
import type { Finder } from './find-files.ts'
import { nameContent } from './hash-chunk.ts'
import { type Content, readContent } from './held-files.ts'
import type { FoundItem } from './messages.ts'
import { TreeWriter } from './write-tree.ts'

/** A download, as it is kept until it is done. */
export interface DownloadRequest {
  /** In the mesh's file space. */
  readonly path: string
  /** On this computer, absolute. */
  readonly file: string
  readonly mayReplace: boolean
  /** The number of a version that is kept; the newest if absent. */
  readonly version?: number | undefined
}

/** What something is made of: known here, or asked of who has it. @throws MeshError `offline`, the holders' */
export async function fetchContent({ host, held, limits }: Finder, item: FoundItem): Promise<Content> {
  const known = await held.known(item.content)
  if (known !== undefined) return known
  let last: MeshError | undefined
  for (const holder of item.holders) {
    try {
      const peer = await FilePeer.open(host, holder, limits.answerTimeoutMs)
      try {
        const bytes = await peer.manifest(host, item.content, item.manifestBytes, limits.answerTimeoutMs)
        if ((await nameContent(bytes)) !== item.content)
          throw new MeshError(
            'bad-message',
            `Cannot fetch from "${holder.name}": its list of contents is wrong`,
          )
        const content = readContent(bytes)
        held.remember(item.content, content)
        return content
      } finally {
        peer.close()
      }
    } catch (thrown) {
      last = toMeshError(thrown)
    }
  }
  throw last ?? new MeshError('offline', `Cannot fetch ${quote(item.path)}: nobody who has it is online`)
}

/**
 * Fetch what a path names to a file or folder. If it is changed meanwhile, what it is then.
 *
 * @returns what it was that was fetched
 * @throws MeshError `conflict` if something is there, or it does not stop changing; `storage-full`, `offline`, `not-found` …
 */
export async function downloadFile(
  finder: Finder,
  request: DownloadRequest,
  job: FileJob,
): Promise<{ item: FoundItem; part: string; content: Content }> {
  const [place, name] = [dirname(request.file), basename(request.file)]
  await using folder = await finder.host.disk.openFolder(place)
  if (!request.mayReplace && (await exists(folder, name)))
    throw new MeshError('conflict', `Cannot fetch to ${quote(request.file)}: something is there already`)
  for (let attempt = 0; ; attempt += 1) {
    const look = () => findVersion(finder, request.path, request.version)
    const { item, part } = await look()
    const content = await fetchContent(finder, item)
    const { mayReplace } = request
    const changed = await fetchTo(finder, { look, item, part, content, folder, name, mayReplace }, job)
    if (changed === undefined) return { item, part, content }
    if (attempt >= MAX_CHANGES) throw changed
  }
}

/** Where a download goes that was told no place, below a folder; the folders on the way are made. */
export async function makePlace(finder: Finder, folder: string, path: string): Promise<string> {
  const { disk, endpoint } = finder.host
  const { owner, path: below } = parseMeshPath(path, endpoint.user)
  const target = join(folder, 'users', owner ?? endpoint.user, ...below.split('/'))
  // From the home folder on they can be made; elsewhere the folder itself has to be there.
  const base = isBelow(folder, disk.home) ? disk.home : folder
  await using root = await disk.openFolder(base)
  await root.makeFolder(relative(base, dirname(target)).split('\\').join('/'), 0o755)
  return target
}

/** A path of this computer's user: absolute, or below the home folder. */
export function onDisk(home: string, path: string): string {
  return resolve(home, path)
}

interface Fetching {
  /** Find it again. */
  readonly look: () => Promise<{ item: FoundItem }>
  readonly item: FoundItem
  readonly part: string
  readonly content: Content
  readonly folder: Folder
  readonly name: string
  readonly mayReplace: boolean
}

/** @returns why not, if it is something else by now */
async function fetchTo(finder: Finder, fetching: Fetching, job: FileJob): Promise<MeshError | undefined> {
  const { host, limits } = finder
  const { look, item, content, part, folder, name, mayReplace } = fetching
  const { info, signal } = job
  await using writer = new TreeWriter({
    folder,
    name,
    mayReplace,
    content,
    contentName: item.content,
    part,
    signal,
    onSkipped: path => note(info.skipped, path),
  })
  job.aside = writer.aside
  try {
    info.totalBytes = writer.totalBytes
    info.totalFiles = writer.fileCount
    const chunks = await writer.prepare()
    const { layout } = content
    info.keptBytes = info.totalBytes - chunks.reduce((sum, chunk) => sum + layout.lengthOf(chunk), 0)
    info.doneBytes = info.keptBytes
    info.holders = []
    let isFirst = true
    await fetchChunks({
      host,
      limits,
      content,
      contentHash: Buffer.from(item.content, 'hex'),
      chunks,
      signal,
      holders: info.holders,
      findHolders: async () => {
        // The first time that is known from a moment ago.
        if (isFirst) {
          isFirst = false
          return item.holders
        }
        const now = (await look()).item
        if (now.content === item.content) return now.holders
        throw new MeshError(
          CHANGED,
          `Cannot fetch ${quote(item.path)}: it was changed meanwhile: fetch it again`,
        )
      },
      write: async (chunk, bytes) => {
        await writer.write(chunk, bytes)
        info.doneBytes += bytes.length
      },
    })
    await writer.finish()
    info.doneFiles = info.totalFiles
    return undefined
  } catch (thrown) {
    const error = toMeshError(thrown)
    // Only one that was told to stop for good leaves nothing behind; else what came is used the next time.
    const isCancelled = signal.aborted && (signal.reason as MeshError).code === 'timed-out'
    const isChanged = error.code === CHANGED && (await isOutdated(fetching))
    if (isCancelled || isChanged) await writer.discard()
    if (isChanged) return error
    throw error
  }
}

/** Whether it is something else by now, which can be fetched instead. */
async function isOutdated({ look, item }: Fetching): Promise<boolean> {
  return look().then(
    now => now.item.content !== item.content,
    () => false,
  )
}

function note(list: string[], path: string): void {
  if (list.length < MAX_NOTES) list.push(path)
}

async function exists(folder: Folder, name: string): Promise<boolean> {
  try {
    await folder.stat(name)
    return true
  } catch (error) {
    if ((error as MeshError).code === 'not-found') return false
    throw error
  }
}

function isBelow(path: string, above: string): boolean {
  const way = relative(above, path)
  return way !== '..' && !way.startsWith('../') && !way.startsWith('..\\') && !isAbsolute(way)
}

const CHANGED = 'conflict'
const MAX_CHANGES = 3
const MAX_NOTES = 100
