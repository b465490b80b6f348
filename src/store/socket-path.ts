import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { MeshError } from '../core/model/errors.ts'
import { storageError } from './storage-error.ts'

/**
 * Where the agent or hub of a state folder is spoken to: `agent.sock` or `hub.sock` in the folder itself. The one
 * place that knows; the daemon and the command line both ask it.
 *
 * The kernel takes paths of about 100 bytes at most. A longer one becomes a name made of its hash, in a folder of
 * this user's own (mode 0700) below the temporary folder; that folder is made here. On Windows it is a named pipe.
 *
 * @param dataFolder  need not exist
 * @throws MeshError `not-permitted` if somebody else made that folder or can write to it; `storage-failed`
 */
export function socketPath(dataFolder: string, role: 'agent' | 'hub'): string {
  const folder = realFolder(dataFolder)
  if (process.platform === 'win32') return `\\\\.\\pipe\\ztm-${hashOf(folder)}-${role}`
  const plain = join(folder, `${role}.sock`)
  if (Buffer.byteLength(plain) <= MAX_PATH_BYTES) return plain
  return join(ownFolder(), `${hashOf(folder)}-${role}.sock`)
}

/** Both sides must come to the same path, whichever way through symbolic links each took. */
function realFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

function hashOf(folder: string): string {
  return createHash('sha256').update(folder).digest('hex').slice(0, 16)
}

/** Anybody may make a folder of that name below /tmp before we do; a socket in theirs would be theirs to replace. */
function ownFolder(): string {
  const uid = process.getuid?.()
  const folder = join(tmpdir(), `ztm-${uid}`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const stats = lstatSync(folder)
    if (stats.isDirectory() && stats.uid === uid && (stats.mode & 0o077) === 0) return folder
  } catch (thrown) {
    throw storageError(`Cannot use folder ${folder}`, thrown)
  }
  throw new MeshError(
    'not-permitted',
    `Cannot use folder ${folder}: it is not this user's alone: remove it, or choose a state folder with a shorter path`,
  )
}

/** Linux has room for 107, macOS for 103. */
const MAX_PATH_BYTES = 100
