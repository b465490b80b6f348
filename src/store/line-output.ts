import sonic from 'sonic-boom'

import { PRIVATE_MODE } from './private-file.ts'

/**
 * Lines into a file or a descriptor, each written at once, so that the last words before a crash are there.
 *
 * Writing never throws and never waits: what a full disk or a stopped terminal does not take waits in memory, up to
 * a limit, and is tried again with each further line; what comes on top is counted as lost.
 */
export class LineOutput {
  readonly #out: sonic.SonicBoom
  #lostCount = 0
  #isFailing = false

  /**
   * @param target  a file, made with mode 0600 and appended to, or a descriptor
   * @throws the file system's error if the file cannot be opened
   */
  constructor(target: string | number, maxWaitingBytes: number) {
    this.#out = new sonic.SonicBoom({
      dest: target,
      mode: PRIVATE_MODE,
      sync: true,
      maxLength: maxWaitingBytes,
      retryEAGAIN: () => false,
    })
    // Each reopening listens until the next tick, and a storm of lines may reopen often in one.
    this.#out.setMaxListeners(0)
    this.#out.on('error', () => {
      this.#isFailing = true
    })
    this.#out.on('write', () => {
      this.#isFailing = false
    })
    this.#out.on('drop', () => {
      this.#lostCount += 1
    })
  }

  /** Append one line, given with its end. */
  write(line: string): void {
    try {
      this.#retry()
      this.#out.write(line)
    } catch {
      this.#lostCount += 1
    }
  }

  /** How many lines were lost since this was last asked; 0 as long as writing fails still. */
  takeLostCount(): number {
    this.#retry()
    if (this.#isFailing) return 0
    const count = this.#lostCount
    this.#lostCount = 0
    return count
  }

  /** Go on in a new file of the same name. @throws the file system's error; then the old one stays open */
  reopen(): void {
    this.#out.reopen()
  }

  /** Write what waits, as far as there is room, and close; a descriptor given as a number stays open. */
  async close(): Promise<void> {
    this.#retry()
    const ended = new Promise<void>(resolve =>
      this.#out.once('close', resolve).once('error', () => resolve()),
    )
    this.#out.destroy()
    await ended
  }

  /** A full buffer refuses lines without trying to write; an empty line always makes it try. */
  #retry(): void {
    if (this.#isFailing) this.#out.write('')
  }
}
