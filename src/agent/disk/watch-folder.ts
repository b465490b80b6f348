import { type FSWatcher, watch } from 'node:fs'
import { lstat } from 'node:fs/promises'
import type { DiskPath } from '../../core/files/disk-path.ts'
import type { DiskKind } from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fromNodeError } from '../../net/node-error.ts'
import type { DiskSpot } from './disk-spot.ts'

/** What watching needs of the folder. */
export interface WatchedFolder {
  readonly onChange: (path: string | undefined) => void
  list(path: string): Promise<readonly { readonly name: string; readonly kind: DiskKind }[]>
  inside<T>(path: string, verb: string, work: (spot: DiskSpot) => Promise<T>): Promise<T>
}

/**
 * Watch a folder and all below it: each folder by itself, as Linux has it. Folders are opened without following links; what
 * comes is looked into before it is told.
 *
 * @throws MeshError `too-many` if the system watches no more
 */
export async function watchFolder(root: DiskPath, folder: WatchedFolder): Promise<AsyncDisposable> {
  const tree = new WatchedTree(folder)
  try {
    await tree.add(root)
  } catch (error) {
    tree.close()
    throw error
  }
  return { [Symbol.asyncDispose]: async () => tree.close() }
}

class WatchedTree {
  readonly #folder: WatchedFolder
  readonly #watchers = new Map<string, { watcher: FSWatcher; identity: bigint }>()
  #isClosed = false

  constructor(folder: WatchedFolder) {
    this.#folder = folder
  }

  /** Watch a folder, and then what is in it: in this order nothing that comes meanwhile is missed. */
  async add(path: string): Promise<void> {
    if (this.#isClosed) return
    const isNew = await this.#folder.inside(path, 'watch', async spot => {
      const { ino } = await lstat(spot.at('.'), { bigint: true })
      const known = this.#watchers.get(path)
      if (known?.identity === ino) return false
      if (this.#isClosed) return false
      const watcher = this.#listen(spot, path)
      this.#drop(path)
      this.#watchers.set(path, { watcher, identity: ino })
      return true
    })
    if (!isNew) return
    for (const { name, kind } of await this.#folder.list(path)) {
      if (kind === 'folder') await this.#addLater(join(path, name))
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { watcher } of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #listen(spot: DiskSpot, path: string): FSWatcher {
    if (this.#watchers.size >= MAX_WATCHED_FOLDERS) throw tooMany(path)
    try {
      const watcher = watch(spot.at(''), { persistent: false })
      watcher.on('change', (_, name) => {
        // The name of a folder that was removed is told by itself too.
        if (typeof name === 'string') this.#changed(join(path, name))
        else this.#folder.onChange(undefined)
      })
      watcher.on('error', () => {
        this.#drop(path)
        this.#folder.onChange(path)
      })
      return watcher
    } catch (error) {
      const { code } = error as { code?: unknown }
      throw code === 'ENOSPC' || code === 'EMFILE' ? tooMany(path, error) : error
    }
  }

  #changed(path: string): void {
    if (this.#isClosed) return
    void this.#addLater(path).then(() => {
      if (!this.#isClosed) this.#folder.onChange(path)
    })
  }

  /** What is no folder, or none any more, need not be watched; where watching fails, everything has to be looked at. */
  async #addLater(path: string): Promise<void> {
    try {
      await this.add(path)
    } catch (thrown) {
      const error = fromNodeError(thrown, `Cannot watch ${quote(path)}`)
      if (error.code === 'too-many') {
        if (this.#watchers.size === 0) throw error
        this.#folder.onChange(undefined)
      }
      for (const known of [...this.#watchers.keys()]) {
        if (known === path || known.startsWith(`${path}/`)) this.#drop(known)
      }
    }
  }

  #drop(path: string): void {
    this.#watchers.get(path)?.watcher.close()
    this.#watchers.delete(path)
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}

function tooMany(path: string, cause?: unknown): MeshError {
  return new MeshError(
    'too-many',
    `Cannot watch ${quote(path)}: too many folders are watched: raise fs.inotify.max_user_watches`,
    { cause },
  )
}

/** Folders that one tree has watched. */
export const MAX_WATCHED_FOLDERS = 100_000
