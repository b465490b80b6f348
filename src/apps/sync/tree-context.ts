import { parseDiskPath } from '../../core/files/disk-path.ts'
import type { TreeEntry } from '../../core/files/tree-entry.ts'
import { nameOf } from '../../core/files/tree-path.ts'
import type { DiskEntry, Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Clock } from '../../core/model/time.ts'

/** What requests to one tree share. */
export interface TreeContext {
  readonly folder: Folder
  readonly isMirror: boolean
  readonly isReadOnly: boolean
  /** Parts that somebody writes to, by absolute path, in all trees of this computer. */
  readonly claims: Set<string>
  readonly clock: Clock
}

/** What something on disk is in a tree. @throws MeshError `unsupported` for a device, a pipe, a socket, a name that is no text */
export async function toTreeEntry(entry: DiskEntry, readTarget: () => Promise<string>): Promise<TreeEntry> {
  const { kind, mode, modifiedAtMs: mtimeMs, sizeBytes: size, identity: id, version } = entry
  switch (kind) {
    case 'file':
      return { kind, size, mtimeMs, mode, id, version }
    case 'folder':
      return { kind, mode, mtimeMs }
    case 'link':
      return { kind, target: await readTarget(), version }
    default:
      throw new MeshError(
        'unsupported',
        'Cannot copy: it is a device, a pipe, a socket, or its name is no text',
      )
  }
}

/** What lies at a path now; undefined if nothing does. @throws MeshError */
export async function lookAt({ folder }: TreeContext, path: string): Promise<TreeEntry | undefined> {
  try {
    return await toTreeEntry(await folder.stat(path), () => folder.readLink(path))
  } catch (error) {
    if (toMeshError(error).code === 'not-found') return undefined
    throw error
  }
}

/**
 * Refuse to go on unless there is what whoever asks has seen there.
 *
 * @param over  its version; null if there must be nothing; whatever there is if undefined
 * @returns what is there
 * @throws MeshError `conflict`
 */
export async function expectThere(
  { folder }: TreeContext,
  path: string,
  over: string | null | undefined,
): Promise<DiskEntry | undefined> {
  let entry: DiskEntry | undefined
  try {
    entry = await folder.stat(path)
  } catch (error) {
    if (toMeshError(error).code !== 'not-found') throw error
  }
  if (over === undefined || (over === null ? entry === undefined : entry?.version === over)) return entry
  throw new MeshError('conflict', 'Cannot change it: something else is there meanwhile')
}

/** Where the trash and what else a mirror keeps of its own are, in each of its two folders. */
export const MIRROR_FOLDER = '.ztm-mirror'

/** Whether it is something of our own, that is shown to nobody: what is written aside, or the folder of a mirror. */
export function isOwnName(path: string): boolean {
  return OWN_NAME.test(nameOf(path)) || path === MIRROR_FOLDER
}

/** @throws MeshError `bad-name` for what is no path, `denied` for what is our own, so that no request reaches it */
export function refuseOwn(path: string): void {
  parseDiskPath(path)
  const first = path.split('/')[0] ?? ''
  if (first !== MIRROR_FOLDER && !OWN_NAME.test(nameOf(path))) return
  throw new MeshError('denied', 'Cannot use path: it has a name that is kept for what is written aside')
}

/** The name of a part of the file that is to be at a path. */
export function partPath(path: string, key: string): string {
  return `${path.slice(0, path.length - nameOf(path).length)}.ztm-part-${key}`
}

/** Whether it is the name of a part. */
export function isPartName(name: string): boolean {
  return name.startsWith('.ztm-part-') && OWN_NAME.test(name)
}

// With the names that files have while a disk writes them aside: `.ztm-` and a UUID.
const OWN_NAME = /^\.ztm-(?:part-[0-9a-f]{16}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/
