import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  PACKAGE_LIMITS,
  type PackageContent,
  type PackageFile,
  writePackage,
} from '../core/app/package-archive.ts'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import { PRIVATE_MODE, syncFolder } from './private-file.ts'
import { isFileError, storageError } from './storage-error.ts'

/**
 * Make a package of a folder. What begins with a dot, and `node_modules`, is left out.
 *
 * @returns the archive, `PACKAGE_LIMITS.archiveBytes` at most
 * @throws MeshError `not-found`; `bad-input` for a symbolic link or what is no plain file: what it leads to would be published;
 *   `too-large`; `bad-message` for a name that some system cannot have; `storage-failed`
 */
export async function packFolder(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const isLeftOut = (name: string) => name.startsWith('.') || name === 'node_modules'
  return writePackage(await readFiles(folder, isLeftOut))
}

/**
 * The hash that a package with just the files of this folder would have: nothing is left out.
 *
 * @returns SHA-256, 64 hex digits
 * @throws MeshError as `packFolder`
 */
export async function hashFolder(folder: string): Promise<string> {
  return hashPackage(writePackage(await readFiles(folder, () => false)))
}

/** SHA-256 of an archive, 64 hex digits. */
export function hashPackage(archive: Uint8Array): string {
  return createHash('sha256').update(archive).digest('hex')
}

/**
 * Write the files of a package to a folder that is not there yet: aside first, then renamed, so that it is whole or not there.
 *
 * @param folder  absolute; what is above it is made
 * @throws MeshError `storage-full`, `storage-failed`, `not-permitted`
 */
export async function unpackTo(folder: string, { files }: Pick<PackageContent, 'files'>): Promise<void> {
  const aside = `${folder}.${randomBytes(6).toString('hex')}${ASIDE}`
  try {
    await mkdir(aside, { recursive: true, mode: 0o700 })
    for (const { path, bytes } of files) {
      const file = join(aside, ...path.split('/'))
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      const handle = await open(file, 'wx', PRIVATE_MODE)
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
    await rename(aside, folder)
    syncFolder(dirname(folder))
  } catch (thrown) {
    await rm(aside, { recursive: true, force: true }).catch(() => {})
    throw storageError(`Cannot write ${folder}`, thrown)
  }
}

/** Take away what a crash left of unpacking below this folder. */
export async function removeLeftovers(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => [])
  for (const name of names)
    if (name.endsWith(ASIDE)) await rm(join(parent, name), { recursive: true, force: true })
}

/** Names that have a meaning to us while a package is unpacked; no package's folder ends so. */
const ASIDE = '.aside'

async function readFiles(root: string, isLeftOut: (name: string) => boolean): Promise<PackageFile[]> {
  const found: { path: string; sizeBytes: number }[] = []
  let sizeBytes = 0
  const visit = async (below: string): Promise<void> => {
    const entries = await readdir(join(root, ...below.split('/')), { withFileTypes: true })
    for (const entry of entries) {
      if (isLeftOut(entry.name)) continue
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (path.length > PACKAGE_LIMITS.pathLength)
        throw new MeshError('bad-input', `Cannot pack ${quote(path)}: too long`)
      if (entry.isDirectory()) await visit(path)
      else if (!entry.isFile())
        throw new MeshError(
          'bad-input',
          `Cannot pack ${quote(path)}: not a plain file: links are not followed`,
        )
      else {
        const { size } = await lstat(join(root, ...path.split('/')))
        sizeBytes += size
        found.push({ path, sizeBytes: size })
        if (found.length > PACKAGE_LIMITS.files || sizeBytes > PACKAGE_LIMITS.contentBytes)
          throw new MeshError(
            'too-large',
            `Cannot pack ${root}: over ${PACKAGE_LIMITS.files} files or ${PACKAGE_LIMITS.contentBytes} bytes`,
          )
      }
    }
  }
  try {
    await visit('')
    const files: PackageFile[] = []
    for (const { path, sizeBytes } of found)
      files.push({ path, bytes: await readWhole(join(root, ...path.split('/')), sizeBytes) })
    return files
  } catch (thrown) {
    if (isFileError(thrown, 'ENOENT'))
      throw new MeshError('not-found', `Cannot pack ${root}: no such folder, or it changed meanwhile`)
    if (isFileError(thrown, 'ENOTDIR')) throw new MeshError('bad-input', `Cannot pack ${root}: not a folder`)
    throw storageError(`Cannot read ${root}`, thrown)
  }
}

/** The bytes of a file that is no link now either, if it is as long as it was. */
async function readWhole(file: string, sizeBytes: number): Promise<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    const bytes = new Uint8Array(sizeBytes)
    let at = 0
    while (at < sizeBytes) {
      const { bytesRead } = await handle.read(bytes, at, sizeBytes - at, at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    const { size } = await handle.stat()
    if (at !== sizeBytes || size !== sizeBytes)
      throw new MeshError('conflict', `Cannot pack ${file}: it changed while it was read: try again`)
    return bytes
  } catch (thrown) {
    if (isFileError(thrown, 'ELOOP')) throw new MeshError('bad-input', `Cannot pack ${file}: it is a link`)
    throw thrown
  } finally {
    await handle?.close()
  }
}
