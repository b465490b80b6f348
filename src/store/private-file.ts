import { chmodSync, closeSync, fsyncSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

import { isFileError } from './storage-error.ts'

/**
 * Make sure that a file exists and that only its owner may read it (mode 0600).
 *
 * A file that exists is never opened: closing it would drop the locks that this process holds on it through SQLite
 * (POSIX locks belong to process and file, not to the descriptor).
 *
 * @throws the file system's own error
 */
export function ensurePrivateFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', PRIVATE_MODE))
    syncFolder(dirname(file))
  } catch (thrown) {
    if (!isFileError(thrown, 'EEXIST')) throw thrown
    makePrivate(file)
  }
}

/**
 * Take a file's mode back to 0600 where a group or others got rights on it.
 *
 * @returns whether that was needed; false also where there is no such file
 */
export function makePrivate(file: string): boolean {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode
  if (mode === undefined || (mode & 0o077) === 0 || process.platform === 'win32') return false
  chmodSync(file, PRIVATE_MODE)
  return true
}

/** Make names made, renamed or removed in a folder survive a loss of power. */
export function syncFolder(folder: string): void {
  // Windows cannot open a folder for this and writes its directories through.
  if (process.platform === 'win32') return
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Mode of every file that holds state: its owner reads and writes, nobody else does anything. */
export const PRIVATE_MODE = 0o600
