import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'
import { isInsidePath, type Manifest, parseManifest } from './manifest.ts'

/** One file of a package. Folders are there because files are in them. */
export interface PackageFile {
  /** From the root of the package, with `/` between names. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** A package that was read: its files in their order, and what its `app.json` says. */
export interface PackageContent {
  readonly files: readonly PackageFile[]
  readonly manifest: Manifest
  /** The very text of its `app.json`, which the publisher signs beside the hash. */
  readonly manifestText: string
}

/** How much one package may hold. */
export const PACKAGE_LIMITS = {
  files: 2_000,
  /** UTF-16 units of a path. */
  pathLength: 200,
  /** Bytes of all files together. */
  contentBytes: 33_554_432,
  /** Bytes of the whole archive: the content, and what the framing may add. */
  archiveBytes: 35_000_000,
} as const

/**
 * Write a package. There is one way to write the same files: sorted by path, no times, no modes, no links, so that the same
 * folder has the same hash on every computer.
 *
 * ```
 * "ZTMPKG1\n"  count u32  then for each file, paths rising by UTF-16 units:
 * path length u16, path (UTF-8), size u32, bytes                           all numbers big-endian
 * ```
 *
 * @throws MeshError as `readPackage`, and `bad-input` for a path that stands there twice
 */
export function writePackage(files: readonly PackageFile[]): Uint8Array<ArrayBuffer> {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  checkFiles(sorted)
  const heads = sorted.map(({ path }) => new TextEncoder().encode(path))
  const size = sorted.reduce((sum, { bytes }, at) => sum + 6 + (heads[at]?.length ?? 0) + bytes.length, 12)
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  out.set(MAGIC)
  view.setUint32(8, sorted.length)
  let at = 12
  for (const [index, { bytes }] of sorted.entries()) {
    const head = heads[index] ?? new Uint8Array()
    view.setUint16(at, head.length)
    out.set(head, at + 2)
    view.setUint32(at + 2 + head.length, bytes.length)
    out.set(bytes, at + 6 + head.length)
    at += 6 + head.length + bytes.length
  }
  return out
}

/**
 * Read a package, strictly: what `writePackage` would not have written is none. Files are views into `bytes`; nothing is
 * allocated by what a length announces.
 *
 * @param bytes  at most `PACKAGE_LIMITS.archiveBytes`
 * @throws MeshError `too-large`; `bad-message` for what is no package: another magic, a path that leads out or that some system
 *   reads otherwise, two paths that one file system may take for one, wrong order, bytes missing or left over; `bad-input` if
 *   its `app.json` is missing or wrong, or names a file that is not there
 */
export function readPackage(bytes: Uint8Array): PackageContent {
  if (bytes.length > PACKAGE_LIMITS.archiveBytes)
    throw new MeshError('too-large', `Cannot read package: ${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 12 || MAGIC.some((byte, at) => bytes[at] !== byte)) throw bad('it does not begin as one')
  const count = view.getUint32(8)
  if (count > PACKAGE_LIMITS.files) throw bad(`${count} files announced: at most ${PACKAGE_LIMITS.files}`)
  const files: PackageFile[] = []
  let at = 12
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw bad('it is cut short')
    at += length
    return bytes.subarray(at - length, at)
  }
  for (let index = 0; index < count; index++) {
    const path = decodePath(take(readLength(view, at, 2, () => take(2))))
    files.push({ path, bytes: take(readLength(view, at, 4, () => take(4))) })
  }
  if (at !== bytes.length) throw bad(`${bytes.length - at} bytes too many`)
  checkFiles(files)
  return { files, ...readOwnManifest(files) }
}

/** A number of so many bytes at `at`; `skip` moves past it, or throws if it is cut short. */
function readLength(view: DataView, at: number, width: 2 | 4, skip: () => unknown): number {
  skip()
  return width === 2 ? view.getUint16(at) : view.getUint32(at)
}

function decodePath(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw bad('a path is not UTF-8')
  }
}

/** @param files  sorted by path */
function checkFiles(files: readonly PackageFile[]): void {
  if (files.length > PACKAGE_LIMITS.files)
    throw new MeshError(
      'too-large',
      `Cannot use package: ${files.length} files: at most ${PACKAGE_LIMITS.files}`,
    )
  const contentBytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (contentBytes > PACKAGE_LIMITS.contentBytes)
    throw new MeshError(
      'too-large',
      `Cannot use package: ${contentBytes} bytes of files: at most ${PACKAGE_LIMITS.contentBytes}`,
    )
  /** How each file and folder is spelled, by how a file system without cases would find it. */
  const spelled = new Map<string, string>()
  let before = ''
  for (const { path } of files) {
    if (path.length > PACKAGE_LIMITS.pathLength || !isInsidePath(path))
      throw bad(`a file cannot be called ${quote(path)}`)
    if (path <= before) throw bad(`${quote(path)} is there twice, or not in its order`)
    before = path
    const names = path.split('/')
    for (let depth = 1; depth <= names.length; depth++) {
      const part = names.slice(0, depth).join('/') + (depth === names.length ? '' : '/')
      const folded = part.replace(/\/$/, '').toLowerCase()
      const other = spelled.get(folded)
      if (other !== undefined && (other !== part || !part.endsWith('/')))
        throw bad(`${quote(path)} is the same as ${quote(other)} where cases do not count`)
      spelled.set(folded, part)
    }
  }
}

function readOwnManifest(files: readonly PackageFile[]): Pick<PackageContent, 'manifest' | 'manifestText'> {
  const own = files.find(({ path }) => path === MANIFEST_FILE)
  if (own === undefined)
    throw new MeshError('bad-input', `Cannot use package: it has no ${MANIFEST_FILE} in its first folder`)
  const manifest = parseManifest(own.bytes)
  const has = (path: string) => files.some(file => file.path === path)
  const named = [manifest.entry, manifest.cli, manifest.icon, manifest.gui && `${manifest.gui}/index.html`]
  for (const path of named) {
    if (path === undefined || has(path)) continue
    throw new MeshError(
      'bad-input',
      `Cannot use package: ${MANIFEST_FILE} names ${quote(path)}, which is not there`,
    )
  }
  return { manifest, manifestText: new TextDecoder().decode(own.bytes) }
}

function bad(why: string): MeshError {
  return new MeshError('bad-message', `Cannot read package: ${why}`)
}

/** The file that makes a folder an app. */
export const MANIFEST_FILE = 'app.json'
const MAGIC = new TextEncoder().encode('ZTMPKG1\n')
