import { type BigIntStats, constants, existsSync } from 'node:fs'
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'

/** A real folder, found name by name from a root without following a link; it stays that folder while it is held. */
export interface DiskSpot extends AsyncDisposable {
  /** A path for the operating system to something in this folder; to the folder itself for an empty name. */
  at(name: string): string
  /**
   * Throws if a file that was opened here is not the one this spot means.
   *
   * @throws MeshError `denied`
   */
  check(name: string, opened: { stat(options: { bigint: true }): Promise<BigIntStats> }): Promise<void>
}

/** How folders are found: by descriptors, where the system can, or by looking at each name before and after. */
export type SpotFinder = (
  root: FileHandle,
  rootPath: string,
  names: readonly string[],
  isClosed: (identity: string) => boolean,
) => Promise<DiskSpot>

/** Which file it is on this computer. */
export function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`
}

/** The best way that this computer has. */
export function chooseSpotFinder(): SpotFinder {
  return process.platform === 'linux' && existsSync('/proc/self/fd') ? findByDescriptor : findByLooking
}

/** Flags to open a folder with: to pass through it is enough, it need not be readable. */
export const FOLDER_FLAGS =
  process.platform === 'linux'
    ? 0o10000000 /* O_PATH, of fcntl(2) */ | constants.O_DIRECTORY | constants.O_NOFOLLOW
    : constants.O_RDONLY

/**
 * As openat(2) with O_NOFOLLOW, name by name: below `/proc/self/fd/N` is what is in that open folder, wherever it is moved and
 * whatever takes its place. Nothing can come between a check and its use, as there is no check.
 */
export const findByDescriptor: SpotFinder = async (root, _, names, isClosed) => {
  let current = root
  for (const [index, name] of names.entries()) {
    const path = `/proc/self/fd/${current.fd}/${name}`
    let next: FileHandle
    try {
      next = await open(path, FOLDER_FLAGS)
      if (isClosed(identityOf(await next.stat({ bigint: true })))) {
        await next.close()
        throw closed(names, index)
      }
    } catch (error) {
      const isLink = await lstat(path).then(
        found => found.isSymbolicLink(),
        () => false,
      )
      if (current !== root) await current.close()
      throw isLink ? isALink(names, index) : error
    }
    if (current !== root) await current.close()
    current = next
  }
  const held = current
  return {
    at: name => (name === '' ? `/proc/self/fd/${held.fd}/.` : `/proc/self/fd/${held.fd}/${name}`),
    check: async () => {},
    [Symbol.asyncDispose]: async () => {
      if (held !== root) await held.close()
    },
  }
}

/**
 * Where descriptors are no folders to go on from: look at each name first, and at what was opened afterwards. Whoever can
 * write there and swaps folders for links at that very moment can have something changed elsewhere, but nothing read.
 */
export const findByLooking: SpotFinder = async (_, rootPath, names, isClosed) => {
  let path = rootPath
  for (const [index, name] of names.entries()) {
    path = join(path, name)
    const found = await lstat(path, { bigint: true })
    if (found.isSymbolicLink()) throw isALink(names, index)
    if (isClosed(identityOf(found))) throw closed(names, index)
    if (!found.isDirectory())
      throw Object.assign(new Error('not a folder'), { code: index < names.length ? 'ENOTDIR' : '' })
  }
  return {
    at: name => (name === '' ? path : join(path, name)),
    async check(name, opened) {
      const [real, now, meant] = await Promise.all([
        realpath(join(path, name)),
        lstat(join(path, name), { bigint: true }),
        opened.stat({ bigint: true }),
      ])
      if (real === join(path, name) && identityOf(now) === identityOf(meant)) return
      throw new MeshError('denied', `Cannot open ${quote(name)}: a link took its place`)
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

function isALink(names: readonly string[], index: number): MeshError {
  const path = names.slice(0, index + 1).join('/')
  return new MeshError('denied', `Cannot enter ${quote(path)}: it is a symbolic link, and none is followed`)
}

function closed(names: readonly string[], index: number): MeshError {
  const path = names.slice(0, index + 1).join('/')
  return new MeshError('denied', `Cannot enter ${quote(path)}: it is the state folder of an agent`)
}
