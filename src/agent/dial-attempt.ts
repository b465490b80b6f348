import type { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import type { ServiceName } from '../core/model/names.ts'
import { breakOff } from '../net/splice.ts'
import { type Dialing, EARLY_BYTES } from '../sdk/app.ts'

/** A stream that a hosting said yes to. */
export type OpenStream = Awaited<Dialing['opened']>

/** One dial: holds the early bytes until a hosting has said yes. */
export class DialAttempt implements Dialing {
  readonly opened: Promise<OpenStream>
  isCancelled = false
  #early: Uint8Array[] = []
  #earlyBytes = 0
  #stream: Duplex | undefined

  constructor(service: ServiceName, open: (attempt: DialAttempt) => Promise<OpenStream>) {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new MeshError('timed-out', `Cannot dial "${service}": no answer within ${DIAL_TIMEOUT_MS} ms`))
        this.cancel()
      }, DIAL_TIMEOUT_MS)
    })
    this.opened = Promise.race([open(this), late]).finally(() => {
      clearTimeout(timer)
      this.#early = []
    })
    this.opened.catch(() => {})
  }

  /** How many bytes were written so far. */
  get earlyBytes(): number {
    return this.#earlyBytes
  }

  write(bytes: Uint8Array): boolean {
    this.#early.push(bytes)
    this.#earlyBytes += bytes.length
    this.#stream?.write(bytes)
    return this.#earlyBytes < EARLY_BYTES
  }

  /** Send what came early on a stream that is being opened. */
  start(stream: Duplex): Duplex {
    this.#stream = stream
    for (const bytes of this.#early) stream.write(bytes)
    return stream
  }

  /** What is written from now on goes into another stream around the one that was opened. */
  goOn(wrap: (early: readonly Uint8Array[]) => Duplex): Duplex {
    this.#stream = wrap(this.#early)
    return this.#stream
  }

  cancel(): void {
    this.isCancelled = true
    if (this.#stream !== undefined) breakOff(this.#stream)
  }
}

/** A dial must be answered within this time, all hostings together. */
const DIAL_TIMEOUT_MS = 20_000
