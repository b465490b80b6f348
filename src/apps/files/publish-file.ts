import { basename, dirname } from 'node:path'
import { encodeManifest, type Manifest } from '../../core/files/manifest.ts'
import type { Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../../sdk/app.ts'
import type { FileJob } from './file-jobs.ts'
import type { Finder } from './find-files.ts'
import { nameContent } from './hash-chunk.ts'
import { readContent } from './held-files.ts'
import type { FileVersion, Item } from './messages.ts'
import { scanTree } from './scan-tree.ts'

/** What is published, as what, and for whom. */
export interface PublishOptions {
  /** Absolute. */
  readonly source: string
  readonly name: string
  readonly item: Pick<Item, 'access' | 'tags'>
  /** As before if absent. */
  readonly keepCount?: number | undefined
}

/** Read a file or folder and keep it as published. @throws MeshError those of the disk, `conflict`, `too-large` */
export async function publishFile(
  { host, held, limits }: Finder,
  { source, name, item, keepCount: wantedCount }: PublishOptions,
  job: FileJob,
): Promise<void> {
  const opened = await openSource(host, source)
  await using folder = opened.folder
  const { path } = opened
  const known = held.find(host.endpoint.user, name)
  const before = known && (await held.content(known.item.content).catch(() => undefined))
  const manifest = await scanTree(folder, path, {
    ...(before && { before: before.manifest }),
    signal: job.signal,
    hashBytes: limits.hashBytes,
    onTotal: (bytes, files) => Object.assign(job.info, { totalBytes: bytes, totalFiles: files }),
    onFile: (bytes, files) => {
      job.info.doneBytes += bytes
      job.info.doneFiles += files
    },
    onSkipped: one => {
      if (job.info.skipped.length < MAX_SKIPPED) job.info.skipped.push(one)
    },
  })
  const bytes = encodeManifest(manifest)
  const { endpoint, clock } = host
  const now = clock.now()
  const published: Item = {
    owner: endpoint.user,
    name,
    ...describeContent(manifest),
    content: await nameContent(bytes),
    manifestBytes: bytes.length,
    access: item.access,
    tags: item.tags,
    publishedAtMs: now,
    serial: (known?.item.serial ?? 0) + 1,
    origin: endpoint.id,
  }
  const keepCount = wantedCount ?? known?.keepCount ?? 0
  const record = { version: 1, folder: folder.path, path, isCopy: false, confirmedAtMs: now } as const
  await held.kept.alone(async () => {
    const { layout } = readContent(bytes)
    const { readAheadBytes } = limits
    if (keepCount > 0) await held.kept.keep({ folder, path, layout, readAheadBytes, signal: job.signal })
    const before = (known?.versions ?? []).filter(({ content }) => content !== published.content)
    const versions = [versionOf(published), ...before].slice(0, keepCount + 1)
    await held.put({ ...record, item: published, ...(keepCount > 0 && { keepCount, versions }) }, bytes)
    if (known?.versions !== undefined) await held.kept.sweep()
  })
}

function versionOf(item: Item): FileVersion {
  const { serial, kind, content, manifestBytes, sizeBytes, fileCount, publishedAtMs, modifiedAtMs } = item
  return { serial, kind, content, manifestBytes, sizeBytes, fileCount, publishedAtMs, modifiedAtMs }
}

/**
 * The folder something is in, and its path there; a folder is its own.
 *
 * @throws MeshError `not-found`; `bad-input` for what is neither file nor folder; `denied`, `not-permitted`
 */
export async function openSource({ disk }: Host, source: string): Promise<{ folder: Folder; path: string }> {
  try {
    return { folder: await disk.openFolder(source), path: '' }
  } catch (thrown) {
    // Not a folder, or nothing: the folder above knows.
    if (toMeshError(thrown).code !== 'not-found') throw thrown
  }
  const folder = await disk.openFolder(dirname(source))
  try {
    const { kind } = await folder.stat(basename(source))
    if (kind === 'file') return { folder, path: basename(source) }
    throw new MeshError('bad-input', `Cannot publish ${quote(source)}: it is no file and no folder`)
  } catch (thrown) {
    await folder[Symbol.asyncDispose]()
    throw thrown
  }
}

function describeContent({
  entries,
}: Manifest): Pick<Item, 'kind' | 'sizeBytes' | 'fileCount' | 'modifiedAtMs'> {
  const files = entries.filter(entry => entry.kind === 'file')
  return {
    kind: entries[0]?.kind === 'file' ? 'file' : 'tree',
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    fileCount: files.length,
    modifiedAtMs: entries.reduce((latest, { modifiedAtUs }) => Math.max(latest, modifiedAtUs), 0) / 1_000,
  }
}

const MAX_SKIPPED = 100
