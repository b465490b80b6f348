import type { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import { type Dialing, EARLY_BYTES } from '../sdk/app.ts'
import { createStreamPair } from './stream-pair.ts'

/** A dial in a test mesh: early bytes travel with each offer, and are sent again with the next. */
export class TestDialing implements Dialing {
  readonly opened: Dialing['opened']
  readonly #early: Uint8Array[] = []
  readonly #abort = new AbortController()
  #earlyByteCount = 0
  #stream: Duplex | undefined

  constructor(open: (attempt: TestDialing) => Dialing['opened']) {
    const { signal } = this.#abort
    const { promise: cancelled, reject } = Promise.withResolvers<never>()
    signal.addEventListener('abort', () => reject(new MeshError('timed-out', 'Cannot dial: given up')))
    const opening = open(this)
    this.opened = Promise.race([opening, cancelled])
    // Whoever does not wait for it must not end the process.
    this.opened.catch(() => {})
    opening.then(
      ({ stream }) => signal.aborted && stream.destroy(),
      () => {},
    )
  }

  write(bytes: Uint8Array): boolean {
    this.#early.push(bytes)
    this.#earlyByteCount += bytes.length
    this.#stream?.write(bytes)
    return this.#earlyByteCount < EARLY_BYTES
  }

  cancel(): void {
    this.#abort.abort()
    this.#stream?.destroy()
  }

  /** Offer a stream to one hosting. @param give  hands it the far end; it calls `settle` to accept or refuse */
  offer(
    give: (stream: Duplex, signal: AbortSignal, settle: (refusal?: MeshError) => void) => void,
  ): Promise<Duplex> {
    const [near, far] = createStreamPair()
    near.on('error', () => {})
    far.on('error', () => {})
    this.#stream = near
    for (const bytes of this.#early) near.write(bytes)
    return new Promise((resolve, reject) => {
      give(far, this.#abort.signal, refusal => {
        if (refusal === undefined) {
          resolve(near)
          return
        }
        this.#stream = undefined
        near.destroy()
        reject(refusal)
      })
    })
  }
}
