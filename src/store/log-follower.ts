import { type FSWatcher, statSync, watch } from 'node:fs'
import { type FileHandle, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import type { LogLevel } from '../core/model/log.ts'
import { isShown, type LogLine, parseLogLine } from './log-line.ts'
import { openIfThere } from './log-reader.ts'
import { rotatedName } from './rotating-file.ts'
import { storageError } from './storage-error.ts'

/** Which lines a follower wants, and for how long. */
export interface FollowLogOptions {
  /** Nothing below it; default `debug`. */
  readonly level?: LogLevel
  /** Ends the following; the iteration then ends without an error. */
  readonly signal: AbortSignal
}

/**
 * The lines that are logged from the moment of this call on, also across rotations, an emptied file, and before
 * there is a file at all.
 *
 * A follower that is slower than the log goes on with the oldest file that is kept.
 *
 * @throws MeshError `not-permitted` or `storage-failed`, in the iteration, if a file cannot be read
 */
export function followLogFile(file: string, options: FollowLogOptions): AsyncIterable<LogLine> {
  const now = statSync(file, { bigint: true, throwIfNoEntry: false })
  const start = now === undefined ? undefined : { ino: now.ino, offset: Number(now.size) }
  return follow(file, start, options)
}

/** A place in a file that keeps its number when it is renamed. */
interface Place {
  readonly ino: bigint
  readonly offset: number
}

async function* follow(
  file: string,
  start: Place | undefined,
  { level = 'debug', signal }: FollowLogOptions,
): AsyncGenerator<LogLine> {
  await using tail = new Tail(file, start)
  using wakeups = watchFolder(dirname(file), signal)
  while (!signal.aborted) {
    try {
      for await (const text of tail.texts()) {
        const line = parseLogLine(text)
        if (line === undefined || !isShown(line.level, level)) continue
        yield line
        if (signal.aborted) return
      }
    } catch (thrown) {
      throw storageError(`Cannot follow log ${file}`, thrown)
    }
    await wakeups.next()
  }
}

/** Reads on from a place. The file stays open while it is current, so that no other can get its number. */
class Tail implements AsyncDisposable {
  readonly #file: string
  readonly #start: Place | undefined
  #handle: FileHandle | undefined
  #offset = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor(file: string, start: Place | undefined) {
    this.#file = file
    this.#start = start
  }

  /** All whole lines there are now. */
  async *texts(): AsyncGenerator<string> {
    this.#handle ??= await this.#openFirst()
    while (this.#handle !== undefined) {
      // Asked before reading: once the file has a successor nobody writes to it, so the reading below is complete.
      const hasSuccessor = (await this.#findSuccessor(this.#handle)) !== undefined
      yield* this.#readOn(this.#handle)
      if (!hasSuccessor) return
      const successor = await openListed(this.#file, await this.#findSuccessor(this.#handle))
      if (successor === undefined) return
      await this.#handle.close()
      this.#handle = successor
      this.#offset = 0
      this.#rest = Buffer.alloc(0)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close()
  }

  async *#readOn(handle: FileHandle): AsyncGenerator<string> {
    if ((await handle.stat()).size < this.#offset) {
      this.#offset = 0
      this.#rest = Buffer.alloc(0)
    }
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, this.#offset)
      if (bytesRead === 0) return
      this.#offset += bytesRead
      const read = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)])
      const end = read.lastIndexOf(NEW_LINE) + 1
      // A copy, or the few bytes left would keep the whole buffer. Too long a line is none of ours.
      this.#rest = read.length - end > MAX_LINE_BYTES ? Buffer.alloc(0) : Buffer.from(read.subarray(end))
      if (end > 0) yield* read.toString('utf8', 0, end - 1).split('\n')
    }
  }

  async #openFirst(): Promise<FileHandle | undefined> {
    const start = this.#start
    const files = await listFiles(this.#file)
    if (start === undefined)
      return openListed(
        this.#file,
        files.find(({ age }) => age === 0),
      )
    const handle = await openListed(this.#file, files.find(({ ino }) => ino === start.ino) ?? files.at(-1))
    if (handle === undefined) return undefined
    if ((await handle.stat({ bigint: true })).ino === start.ino) this.#offset = start.offset
    return handle
  }

  /** The file after the one being read, the oldest kept if that one is gone; undefined if it is the current one. */
  async #findSuccessor(handle: FileHandle): Promise<ListedFile | undefined> {
    const { ino } = await handle.stat({ bigint: true })
    const files = await listFiles(this.#file)
    const index = files.findIndex(listed => listed.ino === ino)
    return index === -1 ? files.at(-1) : files[index - 1]
  }
}

interface ListedFile {
  readonly age: number
  readonly ino: bigint
}

/** The files of a log, newest first. While it goes on to a new file one name may be missing for a moment. */
async function listFiles(file: string): Promise<ListedFile[]> {
  const files: ListedFile[] = []
  for (let age = 0, missingCount = 0; missingCount < 2; age += 1) {
    const stats = await stat(rotatedName(file, age), { bigint: true }).catch(() => undefined)
    if (stats !== undefined) files.push({ age, ino: stats.ino })
    missingCount = stats === undefined ? missingCount + 1 : 0
  }
  return files
}

/** @returns undefined if there is none, or it was renamed since it was listed: the next look finds it */
async function openListed(file: string, listed: ListedFile | undefined): Promise<FileHandle | undefined> {
  if (listed === undefined) return undefined
  const handle = await openIfThere(rotatedName(file, listed.age))
  if (handle === undefined || (await handle.stat({ bigint: true })).ino === listed.ino) return handle
  await handle.close()
  return undefined
}

/** Says when something in a folder may have changed. */
interface Wakeups extends Disposable {
  /** At the next change, at once if there was one since the last call; also now and then, and when aborted. */
  next(): Promise<void>
}

function watchFolder(folder: string, signal: AbortSignal): Wakeups {
  let hasChanged = false
  let wake: (() => void) | undefined
  const onChange = () => {
    hasChanged = true
    wake?.()
  }
  const watcher = watchIfPossible(folder, onChange)
  // Some file systems tell nothing, and a busy computer runs out of watches: then this alone keeps the follower going.
  const timer = setInterval(onChange, POLL_MS)
  signal.addEventListener('abort', onChange)
  return {
    next: async () => {
      if (!hasChanged && !signal.aborted) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      wake = undefined
      hasChanged = false
    },
    [Symbol.dispose]: () => {
      watcher?.close()
      clearInterval(timer)
      signal.removeEventListener('abort', onChange)
    },
  }
}

function watchIfPossible(folder: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onChange)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}

const CHUNK_BYTES = 64 * 1024
const MAX_LINE_BYTES = 256 * 1024
const NEW_LINE = 0x0a
const POLL_MS = 1_000
