/** What lies at a path of a tree, as a computer's file system tells it. */
export type TreeEntry = FileEntry | FolderEntry | LinkEntry

/** A file. Two looks at it that agree in size, time and mode are taken for the same content. */
export interface FileEntry {
  readonly kind: 'file'
  readonly size: number
  /** When its content was last written, ms since the epoch by its own computer's clock; fractions count. */
  readonly mtimeMs: number
  /** The nine permission bits; absent where the system has none. */
  readonly mode?: number
  /** What stays when it is renamed (device and inode); absent where the system has no such thing. */
  readonly id?: string
  /** Another whenever it was changed in any way, renamed too; only its own computer can say what it means. */
  readonly version?: string
  /** SHA-256 of the content in hex; only where somebody asked. */
  readonly hash?: string
}

/** A folder. Whether it was changed says nothing of its time: that is of the names in it. */
export interface FolderEntry {
  readonly kind: 'folder'
  readonly mode?: number
  readonly mtimeMs?: number
}

/** A symbolic link, which is never followed. */
export interface LinkEntry {
  readonly kind: 'link'
  /** What it holds, as it stands. */
  readonly target: string
  /** As that of a file. */
  readonly version?: string
}

/** A tree: each path of it, in the form of `parseDiskPath`, and what lies there. Parents of what is in it are in it. */
export type Tree = ReadonlyMap<string, TreeEntry>

/** Whether nothing was changed between two looks at one place. */
export function isUntouched(before: TreeEntry | undefined, after: TreeEntry | undefined): boolean {
  if (before === undefined || after === undefined) return before === after
  if (before.kind === 'file' && after.kind === 'file') {
    return before.size === after.size && before.mtimeMs === after.mtimeMs && isModeAlike(before, after)
  }
  return (
    hasSameContent(before, after) === true &&
    (before.kind === 'link' || isModeAlike(before, after as FolderEntry))
  )
}

/** Whether two places hold the same, whatever their modes and times; undefined if only hashes could tell. */
export function hasSameContent(one: TreeEntry, other: TreeEntry): boolean | undefined {
  if (one.kind === 'folder') return other.kind === 'folder'
  if (one.kind === 'link') return other.kind === 'link' && one.target === other.target
  if (other.kind !== 'file' || one.size !== other.size) return false
  if (one.size === 0) return true
  if (one.hash === undefined || other.hash === undefined) return undefined
  return one.hash === other.hash
}

/** Whether the modes agree as far as both have one. */
export function isModeAlike(one: { readonly mode?: number }, other: { readonly mode?: number }): boolean {
  return one.mode === undefined || other.mode === undefined || one.mode === other.mode
}
