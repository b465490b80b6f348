import { parentOf } from '../../core/files/tree-path.ts'
import type { Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { MIRROR_FOLDER, type TreeContext } from './tree-context.ts'

/**
 * Put something into the trash of a mirror: below the day it went, with the path it had.
 *
 * @throws MeshError as `Folder.rename`; it is then where it was
 */
export async function moveToTrash(context: TreeContext, path: string): Promise<void> {
  await inTrash(context, path, to => context.folder.rename(path, to, false))
}

/**
 * Put what is about to be replaced into the trash, and leave it there until it is: nobody then finds nothing.
 *
 * @returns its version now, to be replaced; null where it could only be moved away
 * @throws MeshError as `Folder.rename`
 */
export async function keepInTrash(context: TreeContext, path: string): Promise<string | null> {
  const { folder } = context
  const { identity, modifiedAtMs, sizeBytes } = await folder.stat(path)
  try {
    await inTrash(context, path, to => folder.link(path, to))
  } catch (error) {
    if (!NO_LINKS.has(toMeshError(error).code)) throw error
    await moveToTrash(context, path)
    return null
  }
  // A second name is a change too, as the system counts.
  const now = await folder.stat(path)
  if (now.identity === identity && now.modifiedAtMs === modifiedAtMs && now.sizeBytes === sizeBytes)
    return now.version
  throw new MeshError('conflict', 'Cannot replace it: it is changed meanwhile')
}

async function inTrash(
  { folder, clock }: TreeContext,
  path: string,
  put: (to: string) => Promise<void>,
): Promise<void> {
  const day = `${TRASH}/${new Date(clock.now()).toISOString().slice(0, 10)}`
  for (let number = 1; ; number++) {
    const to = `${day}/${path}${number === 1 ? '' : `~${number}`}`
    await folder.makeFolder(parentOf(to) ?? day)
    try {
      return await put(to)
    } catch (error) {
      if (toMeshError(error).code !== 'conflict' || number >= MAX_NAMESAKES) throw error
    }
  }
}

/** Throw away the days in the trash that are past, and then the oldest until the rest is small enough; never today's. */
export async function cleanTrash(
  { folder, clock }: TreeContext,
  { keepMs, keepBytes }: { keepMs: number; keepBytes: number },
): Promise<void> {
  const today = new Date(clock.now()).toISOString().slice(0, 10)
  const oldest = new Date(Math.max(0, clock.now() - keepMs)).toISOString().slice(0, 10)
  let bytes = 0
  for (const day of (await listDays(folder)).sort().reverse()) {
    if (day >= today) continue
    if (bytes <= keepBytes) bytes += await measure(folder, `${TRASH}/${day}`)
    if (day < oldest || bytes > keepBytes) await folder.remove(`${TRASH}/${day}`, true)
  }
}

async function listDays(folder: Folder): Promise<string[]> {
  try {
    return (await folder.list(TRASH)).map(({ name }) => name).filter(name => /^\d{4}-\d{2}-\d{2}$/.test(name))
  } catch (error) {
    if (toMeshError(error).code === 'not-found') return []
    throw error
  }
}

async function measure(folder: Folder, path: string): Promise<number> {
  let bytes = 0
  for (const { name, entry } of await folder.look(path)) {
    bytes += entry.kind === 'folder' ? await measure(folder, `${path}/${name}`) : entry.storedBytes
  }
  return bytes
}

const TRASH = `${MIRROR_FOLDER}/trash`
/** What a file system without second names, or one that forbids them, says. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'not-permitted',
  'unsupported',
  'too-many',
  'bug',
  'bad-input',
])
/** Things of one path in the trash of a day. */
const MAX_NAMESAKES = 1_000
