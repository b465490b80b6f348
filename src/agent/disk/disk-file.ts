import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
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

/** An open file. @param action  begins messages of errors, as in `Cannot read "a/b"` */
export function createDiskFile(handle: FileHandle, action: string): DiskFile {
  const explained = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw fromNodeError(error, action)
    }
  }
  return {
    stat: () => explained(handle.stat({ bigint: true }).then(describeEntry)),
    read: (into, position) => explained(readFully(handle, into, position)),
    write: (bytes, position) => explained(writeFully(handle, bytes, position)),
    setSize: sizeBytes => explained(handle.truncate(sizeBytes)),
    change: change => explained(changeOpen(handle, change)),
    sync: () => explained(handle.sync()),
    [Symbol.asyncDispose]: () => handle.close(),
  }
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

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
