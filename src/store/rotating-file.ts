import { renameSync, rmSync, statSync } from 'node:fs'

import { LineOutput } from './line-output.ts'
import { makePrivate } from './private-file.ts'

/** The file `hub.log` and its predecessors `hub.log.1` (the last), `hub.log.2` … */
export interface RotatingFileOptions {
  readonly file: string
  /** A file that would grow over it becomes the first predecessor; one longer line may exceed it. */
  readonly maxBytes: number
  /** How many files are kept, the current one among them: `maxBytes × keepCount` is the most that they take. */
  readonly keepCount: number
}

/** A file of lines that is renamed when it gets large, with mode 0600. Writing never throws. */
export class RotatingFile implements AsyncDisposable {
  readonly #options: RotatingFileOptions
  readonly #out: LineOutput
  #bytes: number
  #isClosed = false

  /** @throws the file system's error if the file cannot be opened */
  constructor(options: RotatingFileOptions) {
    this.#options = options
    makePrivate(options.file)
    this.#out = new LineOutput(options.file, MAX_WAITING_BYTES)
    this.#bytes = sizeOf(options.file)
  }

  /** Append one line, given with its end. */
  write(line: string): void {
    if (this.#isClosed) return
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > this.#options.maxBytes) this.#rotate(bytes)
    this.#out.write(line)
    this.#bytes += bytes
  }

  /** How many lines were lost since this was last asked; 0 as long as writing fails still. */
  takeLostCount(): number {
    return this.#isClosed ? 0 : this.#out.takeLostCount()
  }

  /** Write what still waits, as far as the disk has room, and close. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#out.close()
  }

  #rotate(nextBytes: number): void {
    const { file, maxBytes, keepCount } = this.#options
    try {
      // The count is only a guess: a person may have emptied the file or moved it away.
      this.#bytes = sizeOf(file)
      if (this.#bytes > 0 && this.#bytes + nextBytes <= maxBytes) return
      if (this.#bytes > 0) shiftFiles(file, keepCount)
      this.#out.reopen()
    } catch {
      // The current file grows on: better too large a log than none.
    }
    // Also after a failure: it is tried again when as much has been written once more, not at every line.
    this.#bytes = 0
  }
}

/** The name of a predecessor; 0 is the current file. */
export function rotatedName(file: string, age: number): string {
  return age === 0 ? file : `${file}.${age}`
}

function shiftFiles(file: string, keepCount: number): void {
  if (keepCount <= 1) rmSync(file, { force: true })
  for (let age = keepCount - 1; age >= 1; age -= 1) {
    const younger = rotatedName(file, age - 1)
    if (sizeOf(younger) > 0) renameSync(younger, rotatedName(file, age))
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

const MAX_WAITING_BYTES = 1024 * 1024
