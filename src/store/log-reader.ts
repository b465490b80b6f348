import { type FileHandle, open } from 'node:fs/promises'

import type { LogLevel } from '../core/model/log.ts'
import { isShown, type LogLine, parseLogLine } from './log-line.ts'
import { rotatedName } from './rotating-file.ts'
import { isFileError, storageError } from './storage-error.ts'

/** Which lines of a log are wanted. */
export interface ReadLogOptions {
  readonly file: string
  /** Nothing before it, ms since the epoch; default all. */
  readonly sinceMs?: number
  /** Nothing below it; default `debug`. */
  readonly level?: LogLevel
  /** The newest so many; default 1,000. */
  readonly limit?: number
}

/**
 * The newest lines of a log, oldest first, from the current file and its predecessors.
 *
 * Reads from the end, so that the last lines of a large log cost little. Lines that are no log lines are skipped;
 * reading ends at the first line before `sinceMs`. No file at all is an empty log.
 *
 * @throws MeshError `not-permitted` or `storage-failed` if a file cannot be read
 */
export async function readLogFile(options: ReadLogOptions): Promise<LogLine[]> {
  const { file, sinceMs = -Infinity, level = 'debug', limit = 1_000 } = options
  const newestFirst: LogLine[] = []
  try {
    for await (const text of textsBackward(file)) {
      if (newestFirst.length >= limit) break
      const line = parseLogLine(text)
      if (line === undefined) continue
      if (line.timeMs < sinceMs) break
      if (isShown(line.level, level)) newestFirst.push(line)
    }
  } catch (thrown) {
    throw storageError(`Cannot read log ${file}`, thrown)
  }
  return newestFirst.reverse()
}

/** The lines of all files of a log, newest first. */
async function* textsBackward(file: string): AsyncGenerator<string> {
  let previous: bigint | undefined
  // While the log goes on to a new file one name may be missing for a moment.
  for (let age = 0, missingCount = 0; missingCount < 2; age += 1) {
    const handle = await openIfThere(rotatedName(file, age))
    if (handle === undefined) {
      missingCount += 1
      continue
    }
    missingCount = 0
    try {
      const { ino } = await handle.stat({ bigint: true })
      // The log went on to a new file meanwhile: what was `x.log` is `x.log.1` now and was read already.
      if (ino !== previous) yield* linesBackward(handle)
      previous = ino
    } finally {
      await handle.close()
    }
  }
}

async function* linesBackward(handle: FileHandle): AsyncGenerator<string> {
  let at = (await handle.stat()).size
  // The beginning of the part already read: the end of a line whose beginning comes with the next chunk.
  let rest: Buffer = Buffer.alloc(0)
  while (at > 0) {
    const length = Math.min(CHUNK_BYTES, at)
    at -= length
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at)
    // Too long a line is none of ours: what was read of it is dropped, and its other pieces parse as nothing.
    const kept = rest.length > MAX_LINE_BYTES ? Buffer.alloc(0) : rest
    const lines = Buffer.concat([buffer.subarray(0, bytesRead), kept])
    const firstEnd = at === 0 ? -1 : lines.indexOf(NEW_LINE)
    if (at > 0 && firstEnd === -1) {
      rest = lines
      continue
    }
    yield* lines
      .subarray(firstEnd + 1)
      .toString('utf8')
      .split('\n')
      .reverse()
    rest = firstEnd === -1 ? Buffer.alloc(0) : lines.subarray(0, firstEnd)
  }
}

/** Open a file to read it. @returns undefined if there is none */
export async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r')
  } catch (thrown) {
    if (isFileError(thrown, 'ENOENT')) return undefined
    throw thrown
  }
}

const CHUNK_BYTES = 64 * 1024
const MAX_LINE_BYTES = 256 * 1024
const NEW_LINE = 0x0a
