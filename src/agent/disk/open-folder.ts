import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import {
  access,
  type FileHandle,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rmdir,
  stat,
  statfs,
  symlink,
  unlink,
} from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join, relative, sep } from 'node:path'
import {
  checkLinkTarget,
  findNameTrouble,
  type NameRules,
  namesOf,
  parseDiskPath,
} from '../../core/files/disk-path.ts'
import type {
  Disk,
  DiskChange,
  DiskEntry,
  DiskFile,
  DiskKind,
  Folder,
  FoundEntry,
  NewFile,
  OpenMode,
  ReadFile,
} from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fromNodeError } from '../../net/node-error.ts'
import { changeOpen, checkMode, createDiskFile, describeEntry, kindOf, openPastCache } from './disk-file.ts'
import { chooseSpotFinder, type DiskSpot, FOLDER_FLAGS, identityOf, type SpotFinder } from './disk-spot.ts'
import { lookInto, placeSmallFiles, readSmallFiles } from './small-files.ts'
import { watchFolder } from './watch-folder.ts'

/** How folders are opened. */
export interface DiskOptions {
  /** Folders nobody gets into, nor what is below: state folders of agents. */
  readonly closedFolders?: readonly string[]
  /** How folders are found; the best way of this computer by default. */
  readonly findSpot?: SpotFinder
}

/** The files of this computer, with the rights of this process. */
export function createDisk(options: DiskOptions = {}): Omit<Disk, 'openOwnFolder'> {
  const { closedFolders = [], findSpot = chooseSpotFinder() } = options
  // Once seen, one stays closed wherever it is moved.
  const identities = new Set<string>()
  return {
    home: homedir(),
    async openFolder(path) {
      const action = `Cannot open folder ${quote(path)}`
      if (!isAbsolute(path) || path.includes('\0'))
        throw new MeshError('bad-name', `${action}: write a whole path, from the root`)
      try {
        const real = await realpath(path)
        const closed = await Promise.all(closedFolders.map(folder => identify(folder)))
        if (closed.some(({ path: outer }) => isBelow(real, outer)))
          throw new MeshError('denied', `${action}: it is the state folder of an agent`)
        for (const { identity } of closed) if (identity !== '') identities.add(identity)
        const root = await open(real, FOLDER_FLAGS | constants.O_DIRECTORY)
        if (identities.has(identityOf(await root.stat({ bigint: true })))) {
          await root.close()
          throw new MeshError('denied', `${action}: it is the state folder of an agent`)
        }
        return new OpenFolder(root, real, findSpot, {
          isClosed: identity => identities.has(identity),
          holdsClosed: inner => closed.some(({ path: outer }) => isBelow(outer, inner)),
        })
      } catch (error) {
        throw fromNodeError(error, action)
      }
    },
  }
}

/** @throws MeshError `bad-name` */
function checkName(name: string): void {
  const trouble = findNameTrouble(name, NAME_RULES)
  if (trouble !== undefined) throw new MeshError('bad-name', `Cannot use name ${quote(name)}: ${trouble}`)
}

async function identify(folder: string): Promise<{ path: string; identity: string }> {
  try {
    const path = await realpath(folder)
    return { path, identity: identityOf(await stat(path, { bigint: true })) }
  } catch {
    return { path: folder, identity: '' }
  }
}

function isBelow(path: string, outer: string): boolean {
  const way = relative(outer, path)
  return way === '' || !(way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))
}

/** Folders nobody gets into. */
interface ClosedFolders {
  isClosed(identity: string): boolean
  /** Whether one of them is there or below. @param path  absolute, without links */
  holdsClosed(path: string): boolean
}

class OpenFolder implements Folder {
  readonly path: string
  readonly #root: FileHandle
  readonly #findSpot: SpotFinder
  readonly #closed: ClosedFolders

  constructor(root: FileHandle, path: string, findSpot: SpotFinder, closed: ClosedFolders) {
    this.#root = root
    this.path = path
    this.#findSpot = findSpot
    this.#closed = closed
  }

  stat(path: string): Promise<DiskEntry> {
    return this.#in(path, 'look at', async (spot, name) => {
      // At a folder by its descriptor: the name of that is itself a link.
      if (name === '') return describeEntry(await stat(spot.at(''), { bigint: true }))
      return describeEntry(await lstat(spot.at(name), { bigint: true }))
    })
  }

  list(path: string): Promise<{ name: string; kind: DiskKind }[]> {
    return this.#inside(path, 'list', async spot => {
      const entries = await readdir(spot.at(''), { withFileTypes: true, encoding: 'buffer' })
      if (entries.length > MAX_FOLDER_ENTRIES) {
        throw new MeshError('too-many', `Cannot list ${quote(path)}: over ${MAX_FOLDER_ENTRIES} entries`)
      }
      return entries.map(entry => {
        const name = entry.name.toString('utf8')
        return { name, kind: Buffer.from(name).equals(entry.name) ? kindOf(entry) : ('other' as const) }
      })
    })
  }

  look(path: string): Promise<FoundEntry[]> {
    return this.#inside(path, 'list', spot => lookInto(spot, path, MAX_FOLDER_ENTRIES))
  }

  readFiles(path: string, names: readonly string[], maxBytes: number): Promise<(ReadFile | MeshError)[]> {
    for (const name of names) checkName(name)
    return this.#inside(path, 'read', spot => readSmallFiles(spot, names, maxBytes))
  }

  placeFiles(path: string, files: readonly NewFile[]): Promise<(DiskEntry | MeshError)[]> {
    for (const { name, mode } of files) {
      checkName(name)
      checkMode(mode)
    }
    return this.#inside(path, 'write', spot => placeSmallFiles(spot, files))
  }

  openFile(path: string, mode: OpenMode, permissions = 0o600): Promise<DiskFile> {
    const isRead = mode === 'read' || mode === 'read-holes'
    const action = isRead ? 'read' : 'write'
    return this.#in(path, mode === 'create' ? 'make' : action, async (spot, name) => {
      if (name === '') throw new MeshError('bad-input', 'Cannot open file: the path is that of the folder')
      // Without waiting, for a pipe that nobody writes to; what is opened must be a file then.
      const handle = await open(
        spot.at(name),
        ACCESS_FLAGS[mode] | constants.O_NOFOLLOW | constants.O_NONBLOCK,
        checkMode(permissions),
      )
      try {
        if (!(await handle.stat()).isFile())
          throw new MeshError('bad-input', `Cannot open ${quote(path)}: it is no file`)
        await spot.check(name, handle)
        const pastCache = mode === 'read-holes' ? await openPastCache(spot.at(name), handle) : undefined
        return createDiskFile(handle, `Cannot ${action} ${quote(path)}`, pastCache)
      } catch (error) {
        await handle.close()
        throw error
      }
    })
  }

  async writeFile(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
    const names = namesOf(parseDiskPath(path, NAME_RULES))
    const aside = [...names.slice(0, -1), `.ztm-${randomUUID()}`].join('/')
    try {
      {
        await using file = await this.openFile(aside, 'create', mode)
        await file.write(bytes, 0)
        await file.sync()
      }
      await this.rename(aside, path)
    } catch (error) {
      await this.remove(aside).catch(() => {})
      throw error
    }
  }

  async makeFolder(path: string, mode = 0o700): Promise<void> {
    const names = namesOf(parseDiskPath(path, NAME_RULES))
    checkMode(mode)
    for (let count = 1; count <= names.length; count += 1) {
      const outer = names.slice(0, count).join('/')
      await this.#in(outer, 'make folder', async (spot, name) => {
        try {
          await mkdir(spot.at(name), { mode })
        } catch (error) {
          if (!isCode(error, 'EEXIST')) throw error
          const found = await lstat(spot.at(name))
          if (found.isSymbolicLink())
            throw new MeshError('denied', `Cannot make folder ${quote(outer)}: a symbolic link is there`)
          if (!found.isDirectory())
            throw new MeshError('conflict', `Cannot make folder ${quote(outer)}: something else is there`)
        }
      })
    }
  }

  async makeLink(path: string, target: string): Promise<void> {
    checkLinkTarget(parseDiskPath(path, NAME_RULES), target, NAME_RULES)
    await this.#in(path, 'make link', (spot, name) => symlink(target, spot.at(name)))
  }

  readLink(path: string): Promise<string> {
    return this.#in(path, 'read link', (spot, name) => readlink(spot.at(name)))
  }

  change(path: string, change: DiskChange): Promise<void> {
    return this.#in(path, 'change', async (spot, name) => {
      const found = name === '' ? await stat(spot.at('')) : await lstat(spot.at(name))
      if (found.isSymbolicLink()) {
        const { modifiedAtMs } = change
        if (modifiedAtMs !== undefined) await lutimes(spot.at(name), new Date(), modifiedAtMs / 1_000)
        return
      }
      if (!found.isFile() && !found.isDirectory())
        throw new MeshError('bad-input', `Cannot change ${quote(path)}: it is no file and no folder`)
      await using handle = await open(
        spot.at(name),
        constants.O_RDONLY | constants.O_NONBLOCK | (name === '' ? 0 : constants.O_NOFOLLOW),
      )
      if (name !== '') await spot.check(name, handle)
      await changeOpen(handle, change)
    })
  }

  async rename(from: string, to: string, mayReplace = true): Promise<void> {
    // It would lie where nobody keeps it closed, and its agent would not find it.
    if (this.#closed.holdsClosed(join(this.path, ...namesOf(parseDiskPath(from, NAME_RULES)))))
      throw new MeshError('denied', `Cannot move ${quote(from)}: the state folder of an agent is in it`)
    await this.#in(from, 'move', (source, fromName) =>
      this.#in(to, 'move to', async (target, toName) => {
        if (fromName === '' || toName === '')
          throw new MeshError('bad-input', 'Cannot move: the path is that of the folder')
        const [here, there] = [source.at(fromName), target.at(toName)]
        if (mayReplace) await rename(here, there)
        else await renameToNothing(here, there, to)
        await syncFolder(target)
      }),
    )
  }

  async link(path: string, to: string): Promise<void> {
    await this.#in(path, 'link', (source, name) =>
      this.#in(to, 'link to', (target, toName) => link(source.at(name), target.at(toName))),
    )
  }

  async remove(path: string, withContents = false): Promise<void> {
    try {
      const isFolder = await this.#in(path, 'remove', async (spot, name) => {
        if (name === '') throw new MeshError('bad-input', 'Cannot remove: the path is that of the folder')
        const found = await lstat(spot.at(name))
        if (!found.isDirectory()) await unlink(spot.at(name))
        return found.isDirectory()
      })
      if (!isFolder) return
      if (withContents) {
        for (const { name } of await this.list(path)) await this.remove(`${path}/${name}`, true)
      }
      await this.#in(path, 'remove', (spot, name) => rmdir(spot.at(name)))
    } catch (error) {
      if ((error as MeshError).code !== 'not-found') throw error
    }
  }

  async watch(path: string, onChange: (path: string | undefined) => void): Promise<AsyncDisposable> {
    const checked = parseDiskPath(path, NAME_RULES)
    return watchFolder(checked, { onChange, list: of => this.list(of), inside: this.#inside.bind(this) })
  }

  freeSpace(): Promise<number> {
    return this.#inside('', 'look at', async spot => {
      const { bavail, bsize } = await statfs(spot.at(''))
      return bavail * bsize
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root.close()
  }

  /** Do something with the real folder that a path is in, and its name there: empty for this folder itself. */
  async #in<T>(path: string, verb: string, work: (spot: DiskSpot, name: string) => Promise<T>): Promise<T> {
    const names = namesOf(parseDiskPath(path, NAME_RULES))
    return this.#at(path, verb, names.slice(0, -1), spot => work(spot, names.at(-1) ?? ''))
  }

  /** Do something in a folder itself. */
  #inside<T>(path: string, verb: string, work: (spot: DiskSpot) => Promise<T>): Promise<T> {
    return this.#at(path, verb, namesOf(parseDiskPath(path, NAME_RULES)), work)
  }

  async #at<T>(
    path: string,
    verb: string,
    names: readonly string[],
    work: (spot: DiskSpot) => Promise<T>,
  ): Promise<T> {
    try {
      await using spot = await this.#findSpot(this.#root, this.path, names, this.#closed.isClosed)
      return await work(spot)
    } catch (error) {
      throw fromNodeError(error, `Cannot ${verb} ${quote(path === '' ? this.path : path)}`)
    }
  }
}

/** Without a moment in which something could come there, for files; folders never take the place of what has something in it. */
async function renameToNothing(from: string, to: string, name: string): Promise<void> {
  const taken = new MeshError('conflict', `Cannot move to ${quote(name)}: something is there already`)
  const isFolder = (await lstat(from)).isDirectory()
  try {
    if (!isFolder) {
      await link(from, to)
      return await unlink(from)
    }
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw taken
    // A file system without second names.
    if (!isCode(error, 'EPERM') && !isCode(error, 'ENOTSUP') && !isCode(error, 'EMLINK')) throw error
  }
  const isTaken = await access(to).then(
    () => true,
    () =>
      lstat(to).then(
        () => true,
        () => false,
      ),
  )
  if (isTaken) throw taken
  await rename(from, to)
}

async function syncFolder(spot: DiskSpot): Promise<void> {
  // Windows opens no folders, and some file systems sync none: the move is whole all the same.
  try {
    await using handle = await open(spot.at(''), constants.O_RDONLY)
    await handle.sync()
  } catch {}
}

function isCode(error: unknown, code: string): boolean {
  return (error as { code?: unknown }).code === code
}

/** Entries of one folder. */
export const MAX_FOLDER_ENTRIES = 1_000_000

const NAME_RULES: NameRules = process.platform === 'win32' ? 'windows' : 'posix'

const ACCESS_FLAGS = {
  read: constants.O_RDONLY,
  'read-holes': constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}
