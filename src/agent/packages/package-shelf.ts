import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type PackageContent, readPackage } from '../../core/app/package-archive.ts'
import { MeshError } from '../../core/model/errors.ts'
import { hashFolder, hashPackage, removeLeftovers, unpackTo } from '../../store/package-folder.ts'
import { isFileError, storageError } from '../../store/storage-error.ts'

/** The packages of one mesh on this computer's disk, by their hash: the archive as others fetch it, and the files as they run. */
export interface PackageShelf {
  /** Write an archive whose hash was checked. @throws MeshError `storage-full`, `storage-failed` */
  keep(hash: string, archive: Uint8Array): Promise<void>
  /** The archive, compared with its hash. @returns undefined if it is not here, or damaged */
  archive(hash: string): Promise<Uint8Array | undefined>
  /** Write the files of a package, in place of what is there by that name. */
  unpack(hash: string, content: PackageContent): Promise<void>
  /**
   * The folder of an unpacked package, its files just compared with the hash.
   *
   * @throws MeshError `not-trusted` if they are not what they were, or gone
   */
  folder(hash: string): Promise<string>
  /** Take away what is none of these, and what a crash left. */
  removeAllBut(hashes: ReadonlySet<string>): Promise<void>
}

/** Open the shelf. @param root  absolute; made when something is kept */
export function createPackageShelf(root: string): PackageShelf {
  const archiveOf = (hash: string) => join(root, `${hash}${ARCHIVE}`)
  const folderOf = (hash: string) => join(root, hash)
  return {
    async keep(hash, archive) {
      const file = archiveOf(hash)
      try {
        await mkdir(root, { recursive: true, mode: 0o700 })
        await writeFile(`${file}.aside`, archive, { mode: 0o600, flush: true })
        await rename(`${file}.aside`, file)
      } catch (thrown) {
        await rm(`${file}.aside`, { force: true }).catch(() => {})
        throw storageError(`Cannot write ${file}`, thrown)
      }
    },
    async archive(hash) {
      const bytes = await readFile(archiveOf(hash)).catch((thrown: unknown) => {
        if (isFileError(thrown, 'ENOENT')) return undefined
        throw storageError(`Cannot read ${archiveOf(hash)}`, thrown)
      })
      return bytes !== undefined && hashPackage(bytes) === hash ? bytes : undefined
    },
    async unpack(hash, content) {
      await rm(folderOf(hash), { recursive: true, force: true })
      await unpackTo(folderOf(hash), content)
    },
    async folder(hash) {
      const found = await hashFolder(folderOf(hash)).catch((thrown: unknown) => String(thrown))
      if (found === hash) return folderOf(hash)
      throw new MeshError(
        'not-trusted',
        'Cannot run app: its files are not those that were installed: install it again',
      )
    },
    async removeAllBut(hashes) {
      await removeLeftovers(root)
      for (const name of await readdir(root).catch(() => [])) {
        const hash = name.endsWith(ARCHIVE) ? name.slice(0, -ARCHIVE.length) : name
        if (!hashes.has(hash)) await rm(join(root, name), { recursive: true, force: true })
      }
    },
  }
}

/** The content of an archive that is what a signed release says. @throws MeshError `not-trusted`, and as `readPackage` */
export function openSignedArchive(
  archive: Uint8Array,
  release: { readonly hash: string; readonly sizeBytes: number; readonly manifestText: string },
): PackageContent {
  if (archive.length !== release.sizeBytes || hashPackage(archive) !== release.hash)
    throw new MeshError('not-trusted', 'Cannot use package: its bytes are not those that were signed')
  const content = readPackage(archive)
  if (content.manifestText === release.manifestText) return content
  throw new MeshError('not-trusted', 'Cannot use package: its app.json is not the one that was signed')
}

const ARCHIVE = '.package'
