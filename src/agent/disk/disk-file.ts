import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { DiskChange, DiskEntry, DiskFile, DiskKind } from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import { fromNodeError } from '../../net/node-error.ts'
import { identityOf } from './disk-spot.ts'

/** What the operating system says of something on disk. */
export function describeEntry(found: BigIntStats): DiskEntry {
  const identity = identityOf(found)
  return {
    kind: kindOf(found),
    sizeBytes: Number(found.size),
    storedBytes: Number(found.blocks ?? 0n) * 512,
    mode: Number(found.mode) & 0o777,
    modifiedAtMs: Number(found.mtimeNs / 1_000n) / 1_000,
    identity,
    version: `${identity}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`,
  }
}

/** What kind of thing it is, of a directory's entry or a stat. */
export function kindOf(found: {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
}): DiskKind {
  if (found.isFile()) return 'file'
  if (found.isDirectory()) return 'folder'
  return found.isSymbolicLink() ? 'link' : 'other'
}

/**
 * An open file.
 *
 * @param action     begins messages of errors, as in `Cannot read "a/b"`
 * @param pastCache  the same file opened past the system's cache, see `openPastCache`; closed with it
 */
export function createDiskFile(handle: FileHandle, action: string, pastCache?: FileHandle): DiskFile {
  const explained = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw fromNodeError(error, action)
    }
  }
  return {
    stat: () => explained(handle.stat({ bigint: true }).then(describeEntry)),
    read: (into, position) =>
      explained(
        pastCache === undefined
          ? readFully(handle, into, position)
          : readPastCache(pastCache, handle, into, position),
      ),
    write: (bytes, position) => explained(writeFully(handle, bytes, position)),
    setSize: sizeBytes => explained(handle.truncate(sizeBytes)),
    change: change => explained(changeOpen(handle, change)),
    sync: () => explained(handle.sync()),
    async [Symbol.asyncDispose]() {
      await pastCache?.close()
      await handle.close()
    },
  }
}

/**
 * Open a file that is open once more, so that reading it passes by the system's cache (O_DIRECT): a hole is then zeros at once,
 * where the cache would make memory for each page of it.
 *
 * @returns undefined where system or file system have no such thing, or something else is there by now
 */
export async function openPastCache(path: string, opened: FileHandle): Promise<FileHandle | undefined> {
  const direct: number | undefined = constants.O_DIRECT
  if (direct === undefined) return undefined
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | direct
    const handle = await open(path, flags)
    const [one, other] = await Promise.all([handle.stat({ bigint: true }), opened.stat({ bigint: true })])
    if (identityOf(one) === identityOf(other)) return handle
    await handle.close()
  } catch {
    // Without it, it is as slow as it is.
  }
  return undefined
}

/** Change mode and time of what is open. */
export async function changeOpen(handle: FileHandle, { mode, modifiedAtMs }: DiskChange): Promise<void> {
  if (mode !== undefined) await handle.chmod(checkMode(mode))
  if (modifiedAtMs !== undefined) await handle.utimes(new Date(), modifiedAtMs / 1_000)
}

/** @throws MeshError `bad-input` unless it is permission bits alone: none that lends the owner's rights */
export function checkMode(mode: number): number {
  if (Number.isInteger(mode) && mode >= 0 && mode <= 0o777) return mode
  throw new MeshError('bad-input', `Cannot use mode ${mode.toString(8)}: write 0 to 777`)
}

async function readFully(handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** What cannot be read past the cache, as the last bytes of a file or into memory at an odd place, is read through it. */
async function readPastCache(
  direct: FileHandle,
  plain: FileHandle,
  into: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0
  try {
    done = (await direct.read(into, 0, into.length, position)).bytesRead
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  }
  if (done === into.length) return done
  return done + (await readFully(plain, into.subarray(done), position + done))
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
