import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

import { MeshError } from '../core/model/errors.ts'
import type { DataFolder } from './data-folder.ts'
import { ensurePrivateFile, PRIVATE_MODE } from './private-file.ts'
import { storageError } from './storage-error.ts'

/**
 * Make this process the only agent, or the only hub, of a state folder until the result is disposed. Keep the
 * result: the lock goes with it when the garbage collector takes it.
 *
 * What excludes is an operating system's lock on `agent.lock` (or `hub.lock`), taken through SQLite because Node has
 * no other: it is gone when the process is, however that ended, so there is nothing stale to clean up. The file
 * stays empty, so a full disk or a kill cannot spoil it. `agent.pid` only tells who holds the lock.
 *
 * @throws MeshError `already-running`, naming the process that holds it; `not-permitted`, `storage-failed`
 */
export async function lockFolder(
  folder: Pick<DataFolder, 'root' | 'path'>,
  role: 'agent' | 'hub',
): Promise<AsyncDisposable> {
  const pidFile = folder.path(`${role}.pid`)
  const db = takeLock(folder, role)
  if (db === undefined) {
    const pid = await readHolder(pidFile)
    throw new MeshError(
      'already-running',
      `Cannot start ${role}: ${pid === undefined ? 'another process' : `process ${pid}`} runs on ${folder.root}: ` +
        `stop it with \`ztm stop ${role}\``,
    )
  }
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: PRIVATE_MODE })
  } catch {
    // The lock holds without it: on a full disk only the other's message is poorer.
  }
  return {
    [Symbol.asyncDispose]: async () => {
      if (!db.isOpen) return
      try {
        rmSync(pidFile, { force: true })
      } finally {
        db.close()
      }
    },
  }
}

/** @returns the connection that holds the lock, or undefined if somebody else does */
function takeLock(folder: Pick<DataFolder, 'path'>, role: string): DatabaseSync | undefined {
  const file = folder.path(`${role}.lock`)
  let db: DatabaseSync | undefined
  try {
    ensurePrivateFile(file)
    db = new DatabaseSync(file, { timeout: 0 })
    // IMMEDIATE takes one lock, so of several that start at once one wins; with EXCLUSIVE all may refuse each other.
    // The journal is in memory, or a kill would leave one beside the file.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE')
    return db
  } catch (thrown) {
    db?.close()
    if (isBusy(thrown)) return undefined
    throw storageError(`Cannot lock ${file}`, thrown)
  }
}

/** The holder writes its number just after it got the lock: a number of no process is that of the one before. */
async function readHolder(pidFile: string): Promise<number | undefined> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const pid = readPid(pidFile)
    if (pid !== undefined && isAlive(pid)) return pid
    await delay(10)
  }
  return undefined
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'latin1').slice(0, 20))
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    // A process of another user is alive too, and says so by refusing.
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM'
  }
}

function isBusy(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    'errcode' in thrown &&
    typeof thrown.errcode === 'number' &&
    (thrown.errcode & 0xff) === SQLITE_BUSY
  )
}

const SQLITE_BUSY = 5
