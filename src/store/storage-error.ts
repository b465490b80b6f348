import { statfsSync } from 'node:fs'

import { MeshError } from '../core/model/errors.ts'

/**
 * What a file system or SQLite threw, as a MeshError; the only place that reads their codes.
 *
 * @param action  begins the message, as in `Cannot write "a/b"`
 * @param folder  where the file lies: a disk without room turns a vague failure there into `storage-full`
 * @returns `storage-full`, `not-permitted` (files only) or `storage-failed`, with the original as cause
 */
export function storageError(action: string, thrown: unknown, folder?: string): MeshError {
  if (thrown instanceof MeshError) return thrown
  const { code, errcode } = codesOf(thrown)
  if (isFull(code, errcode, folder)) {
    return new MeshError('storage-full', `${action}: the disk is full: free some space and try again`, {
      cause: thrown,
    })
  }
  if (code !== undefined && FORBIDDEN.has(code)) {
    return new MeshError('not-permitted', `${action}: ${textOf(thrown)}: check owner and mode`, {
      cause: thrown,
    })
  }
  const advice = errcode === undefined ? undefined : ADVICE[errcode & 0xff]
  const state = advice === undefined ? textOf(thrown) : `${textOf(thrown)}: ${advice}`
  return new MeshError('storage-failed', `${action}: ${state}`, { cause: thrown })
}

/** Whether a thrown value is a file system's error of that code, such as `ENOENT`. */
export function isFileError(thrown: unknown, code: string): boolean {
  return codesOf(thrown).code === code
}

function codesOf(thrown: unknown): { code: string | undefined; errcode: number | undefined } {
  if (typeof thrown !== 'object' || thrown === null) return { code: undefined, errcode: undefined }
  const { code, errcode } = thrown as { code?: unknown; errcode?: unknown }
  return {
    code: typeof code === 'string' ? code : undefined,
    errcode: typeof errcode === 'number' ? errcode : undefined,
  }
}

function isFull(code: string | undefined, errcode: number | undefined, folder: string | undefined): boolean {
  if (code === 'ENOSPC' || code === 'EDQUOT') return true
  if (errcode === undefined) return false
  const primary = errcode & 0xff
  if (primary === SQLITE_FULL) return true
  // SQLite says "I/O error" or "cannot open" where only growing its shared index or making a file found no room.
  return (
    (primary === SQLITE_IOERR || primary === SQLITE_CANTOPEN) && folder !== undefined && hasNoRoom(folder)
  )
}

function hasNoRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize < ROOM_BYTES
  } catch {
    return false
  }
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS'])

// https://www.sqlite.org/rescode.html, primary codes.
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const ADVICE: Readonly<Record<number, string>> = {
  5: 'another program is writing to it: stop that one',
  8: 'check owner and mode of the file and its folder',
  10: 'check the disk',
  11: 'the file is damaged: restore it from a copy',
  14: 'check that its folder exists and is yours',
  26: 'the file is no store: restore it from a copy or move it away',
}

// The shared index of a write-ahead log grows in steps of 32 KiB.
const ROOM_BYTES = 64 * 1024
