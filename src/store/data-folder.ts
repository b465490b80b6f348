import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { makePrivate, PRIVATE_MODE, syncFolder } from './private-file.ts'
import { isFileError, storageError } from './storage-error.ts'

/** The folder with all state of one agent or hub, which nobody else may write to. */
export interface DataFolder {
  /** Absolute, without symbolic links. */
  readonly root: string
  /**
   * Where a file of that name lies; it need not exist.
   *
   * @throws MeshError `bad-input` unless it is one plain file name
   */
  path(name: string): string
  /**
   * Replace a small file that only its owner may read (mode 0600): whole or not at all, also when power is lost.
   *
   * @throws MeshError `bad-input`, `too-large` over 1 MiB, `storage-full`, `storage-failed`, `not-permitted`
   */
  writeSecret(name: string, text: string): Promise<void>
  /**
   * The text of a secret, or undefined if there is none. Rights that others have on it are taken back, with a
   * warning in the log: whether it was read meanwhile nobody knows.
   *
   * @throws MeshError as `writeSecret`, and `not-permitted` if it belongs to another user
   */
  readSecret(name: string): Promise<string | undefined>
}

/**
 * Open the folder for state, made with mode 0700 if there is none.
 *
 * @param options.log  hears of secrets that were open to others
 * @throws MeshError `not-permitted` if it belongs to another user, if others can write to it, or if it cannot be
 *   made; `storage-full`, `storage-failed`
 */
export async function openDataFolder(path: string, options: { log?: Log } = {}): Promise<DataFolder> {
  const action = `Cannot use folder ${path}`
  let root: string
  let stats: Stats
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    root = realpathSync(path)
    stats = statSync(root)
  } catch (thrown) {
    throw storageError(action, thrown)
  }
  refuseShared(action, root, stats)
  return createDataFolder(root, options.log)
}

function refuseShared(action: string, root: string, { mode, uid }: Stats): void {
  const self = process.getuid?.()
  // Windows: a profile folder's access list, which Node does not show, keeps others out.
  if (self === undefined) return
  if (uid !== self) {
    throw new MeshError(
      'not-permitted',
      `${action}: it belongs to user id ${uid}, this is user id ${self}: run as its owner or choose another`,
    )
  }
  if ((mode & 0o022) !== 0) {
    const octal = (mode & 0o7777).toString(8).padStart(4, '0')
    throw new MeshError(
      'not-permitted',
      `${action}: others can write to it (mode ${octal}): run \`chmod 700 ${root}\``,
    )
  }
}

function createDataFolder(root: string, log: Log | undefined): DataFolder {
  const path = (name: string) => {
    checkFileName(name)
    return join(root, name)
  }
  return {
    root,
    path,
    async writeSecret(name, text) {
      const file = path(name)
      if (Buffer.byteLength(text) > MAX_SECRET_BYTES) throw tooLarge('write', name)
      try {
        replaceFile(root, file, text)
      } catch (thrown) {
        throw storageError(`Cannot write ${file}`, thrown)
      }
    },
    async readSecret(name) {
      const file = path(name)
      try {
        return readOwnFile(file, () => log?.warn('secret.was-open', { file }))
      } catch (thrown) {
        if (isFileError(thrown, 'ENOENT')) return undefined
        throw storageError(`Cannot read ${file}`, thrown)
      }
    },
  }
}

/** Synchronous, so that two writes of one name never share the file on the side. */
function replaceFile(root: string, file: string, text: string): void {
  const aside = `${file}${ASIDE}`
  // One that a crash left may have any content, and rights of whoever made it.
  rmSync(aside, { force: true })
  try {
    const fd = openSync(aside, 'wx', PRIVATE_MODE)
    try {
      writeFileSync(fd, text)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(aside, file)
  } catch (thrown) {
    rmSync(aside, { force: true })
    throw thrown
  }
  syncFolder(root)
}

function readOwnFile(file: string, onWasOpen: () => void): string {
  const fd = openSync(file, 'r')
  try {
    const { size, uid } = fstatSync(fd)
    const self = process.getuid?.()
    if (self !== undefined && uid !== self) {
      throw new MeshError(
        'not-permitted',
        `Cannot read ${file}: it belongs to user id ${uid}, this is user id ${self}: run as its owner`,
      )
    }
    if (size > MAX_SECRET_BYTES) throw tooLarge('read', file)
    if (makePrivate(file)) onWasOpen()
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function checkFileName(name: string): void {
  if (FILE_NAME.test(name) && !name.endsWith(ASIDE)) return
  throw new MeshError(
    'bad-input',
    `Cannot use file name ${JSON.stringify(name.slice(0, 80))}: 1 to 128 letters, digits, ".", "-" or "_", no "." first`,
  )
}

function tooLarge(verb: string, name: string): MeshError {
  return new MeshError('too-large', `Cannot ${verb} ${name}: at most ${MAX_SECRET_BYTES} bytes`)
}

const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/
const ASIDE = '.aside'

/** The largest secret, in bytes of UTF-8: a key, a permit, a chain of certificates are a few KiB. */
const MAX_SECRET_BYTES = 1024 * 1024
