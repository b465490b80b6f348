import { createHash } from 'node:crypto'
import type { TreeEntry } from '../core/files/tree-entry.ts'
import type { TreeAnswer, TreeOpened, TreeRequest } from '../core/files/tree-requests.ts'
import type { MeshError } from '../core/model/errors.ts'
import type { DeadProperties } from './dead-properties.ts'
import type { LockTable } from './lock-table.ts'

/** A tree of files, on this computer or elsewhere. */
export interface ShareTree {
  readonly opened: TreeOpened
  /** @throws MeshError what went wrong; `link-closed` and the like if the tree is of no use any more */
  ask(request: TreeRequest, body?: Uint8Array): Promise<{ answer: TreeAnswer; body: Uint8Array }>
}

/** Where a tree comes from, again if its connection broke. */
export interface TreeSource {
  /** The tree, opened if it is not. @throws MeshError */
  take(): Promise<ShareTree>
  /** It broke: the next one is opened anew. */
  drop(tree: ShareTree): void
}

/** A tree as programs see it by WebDAV. */
export interface Share {
  readonly trees: TreeSource
  readonly locks: LockTable
  readonly properties: DeadProperties
  /** Milliseconds since the epoch. */
  now(): number
  /** A name that was never used, for a part of a file or a lock: a UUID. */
  makeId(): string
  /** Runs so many lists at once, as they are in memory. */
  whileListing<T>(work: () => Promise<T>): Promise<T>
}

/** Whether the tree is of no use any more. */
export function isBroken({ code }: MeshError): boolean {
  return code === 'link-closed' || code === 'offline' || code === 'unreachable' || code === 'timed-out'
}

/** What changes whenever a file does; folders have none. @see RFC 9110, section 8.8.3 */
export function etagOf(entry: TreeEntry | null): string | undefined {
  if (entry?.kind !== 'file') return undefined
  const mark = `${entry.version}\0${entry.size}\0${entry.mtimeMs}`
  return `"${createHash('sha256').update(mark).digest('hex').slice(0, 32)}"`
}
