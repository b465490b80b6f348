import type { MeshError } from './errors.ts'

/** The way to files: by folders, out of which nothing leads. */
export interface Disk {
  /** The home folder of this computer's user. */
  readonly home: string
  /**
   * Open a folder to work in. Symbolic links in `path` itself are followed, once and now; none is later.
   *
   * @param path  absolute
   * @throws MeshError `not-found`, `not-permitted`, `bad-name`; `denied` for the agent's own state folder
   */
  openFolder(path: string): Promise<Folder>
  /** A folder of the app's own in this mesh, for what is too large for its records. Nothing else leads there. */
  openOwnFolder(): Promise<Folder>
}

/**
 * A folder. Paths are relative to it: names joined by `/`, no `.` or `..`, empty for the folder itself; names are as on disk, in
 * any script. A symbolic link is an entry like others and never followed: a path through one is `denied`, also when it
 * takes a folder's place at that moment. The agent's own state folder, if it is below, cannot be entered.
 *
 * Every method throws MeshError `not-found`, `not-permitted`, `denied`, `bad-name`, `storage-failed`; those that write
 * also `storage-full`, `conflict`.
 */
export interface Folder extends AsyncDisposable {
  /** Its absolute path, without symbolic links. */
  readonly path: string
  stat(path: string): Promise<DiskEntry>
  /** What is in a folder, in no order. Names that are no Unicode are of kind `other`. @throws MeshError `too-many` over 1,000,000 */
  list(path: string): Promise<{ readonly name: string; readonly kind: DiskKind }[]>
  /** The same, each with how it is and where a link points; what went meanwhile is left out. */
  look(path: string): Promise<FoundEntry[]>
  /**
   * Read many small files of one folder, with less ado than one by one.
   *
   * @returns of each its content, as it was at one moment, or why not: `too-large`, `conflict` if it was changed meanwhile …
   */
  readFiles(path: string, names: readonly string[], maxBytes: number): Promise<(ReadFile | MeshError)[]>
  /**
   * Put many small files into one folder, each whole or not at all.
   *
   * @returns of each what is there now, or why not: `conflict` if there is not what `over` says …
   */
  placeFiles(path: string, files: readonly NewFile[]): Promise<(DiskEntry | MeshError)[]>
  /**
   * Open a file: `read`; `write` to change one that is there; `create` to make one and change it. `read-holes` is `read` for a
   * file with holes: they are quick to read, at positions that are multiples of 4,096, into memory of `createPageMemory`.
   *
   * @param mode  of a file that is made, default 0o600
   * @throws MeshError `conflict` if it is to be made and there is something already
   */
  openFile(path: string, access: OpenMode, mode?: number): Promise<DiskFile>
  /** Put a small file there, whole or not at all: written aside, synced, and renamed over what was there. */
  writeFile(path: string, bytes: Uint8Array, mode?: number): Promise<void>
  /** Make a folder and those above it; none of it need be missing. @param mode  of what is made, default 0o700 */
  makeFolder(path: string, mode?: number): Promise<void>
  /** Make a symbolic link. @throws MeshError `denied` if the target is absolute or leads out of this folder */
  makeLink(path: string, target: string): Promise<void>
  /** Where a symbolic link points, wherever that is. */
  readLink(path: string): Promise<string>
  /** Change mode and time; a link's time alone can be changed. */
  change(path: string, change: DiskChange): Promise<void>
  /**
   * Move within this folder, at once; then it is durable.
   *
   * @param mayReplace  a file or link that is there, default true. @throws MeshError `conflict`
   */
  rename(from: string, to: string, mayReplace?: boolean): Promise<void>
  /**
   * Give a file or link a second name, where there is nothing; each name stays when the other goes.
   *
   * @throws MeshError `conflict` if something is there, `not-permitted` or `unsupported` where the file system has no such thing
   */
  link(path: string, to: string): Promise<void>
  /** Remove a file, link or empty folder; a folder with all that is in it if told so. Nothing there is fine. */
  remove(path: string, withContents?: boolean): Promise<void>
  /**
   * Hear of what changes below a folder, by the operating system. Resolves when it listens. Several changes may be told as one,
   * and of a folder that came only the folder is told: look what is there.
   *
   * @param onChange  path of what changed, came or went; `undefined` when some may have been missed: look everywhere
   * @throws MeshError `too-many` if the system watches no more folders
   */
  watch(path: string, onChange: (path: string | undefined) => void): Promise<AsyncDisposable>
  /** Bytes that this user can still write here. */
  freeSpace(): Promise<number>
}

/** What a file is opened for, see `Folder.openFile`. */
export type OpenMode = 'read' | 'read-holes' | 'write' | 'create'

/** What something on disk is: `other` are devices, pipes, sockets, and whatever cannot be named. */
export type DiskKind = 'file' | 'folder' | 'link' | 'other'

/** Something on disk. */
export interface DiskEntry {
  readonly kind: DiskKind
  readonly sizeBytes: number
  /** Bytes that are stored; fewer than `sizeBytes` where it has holes. */
  readonly storedBytes: number
  /** Permission bits, 0 to 0o777. */
  readonly mode: number
  readonly modifiedAtMs: number
  /** Which it is on this computer, wherever it is moved. */
  readonly identity: string
  /** Another whenever its content, name count, mode or owner changed since; of `identity` too. */
  readonly version: string
}

/** Something in a folder. */
export interface FoundEntry {
  readonly name: string
  readonly entry: DiskEntry
  /** Where a link points. */
  readonly target?: string
}

/** A small file that was read. */
export interface ReadFile {
  readonly bytes: Uint8Array
  readonly entry: DiskEntry
}

/** A small file to be put somewhere. */
export interface NewFile {
  readonly name: string
  readonly bytes: Uint8Array
  readonly mode: number
  readonly modifiedAtMs: number
  /** `version` of what it replaces, null if there must be nothing; whatever is there if absent. */
  readonly over?: string | null
  /**
   * It is in a folder that is put together aside, and looked at again after a crash: where nothing of that name is there, it is
   * written under it at once, the time last. Default false.
   */
  readonly isAside?: boolean
  /** Wait until it is durable. Default false. */
  readonly isDurable?: boolean
}

/** What can be changed of something on disk. */
export interface DiskChange {
  /** Permission bits, 0 to 0o777. */
  readonly mode?: number
  readonly modifiedAtMs?: number
}

/** An open file. Close it by disposing it. */
export interface DiskFile extends AsyncDisposable {
  stat(): Promise<DiskEntry>
  /** Fill `into` from there. @returns bytes read; fewer than asked for only at the end of the file */
  read(into: Uint8Array, position: number): Promise<number>
  /** Write all of it there; what is left out before it is a hole. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Cut it, or make it longer by a hole. */
  setSize(sizeBytes: number): Promise<void>
  change(change: DiskChange): Promise<void>
  /** Resolves when it is durable. */
  sync(): Promise<void>
}
