import { MeshError } from '../model/errors.ts'

/**
 * What one side of a resumable stream has sent, and keeps until the other side says that it got it.
 *
 * A _position_ counts the bytes of one direction from its start, and its end as one more: of a direction of 10 bytes that has
 * ended, 10 means all bytes and not the end, 11 means all. Chunks are kept by reference and whole until their last
 * byte is acknowledged.
 *
 * @see docs/protocol.md, "Resumable streams"
 */
export class SentBytes {
  readonly #chunks: Uint8Array[] = []
  /** Position of the first byte of the first chunk that is kept. */
  #headAt = 0
  #byteCount = 0
  #acknowledged = 0
  #isEnded = false
  #isKeeping = true
  #keptCost = 0

  /** Bytes sent so far, acknowledged or not. */
  get byteCount(): number {
    return this.#byteCount
  }

  /** Whether nothing more will be sent. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** How far the other side got, by its own word. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** The end, and all before it, was acknowledged. */
  get isDelivered(): boolean {
    return this.#acknowledged > this.#byteCount
  }

  /** What is kept, bytes: the chunks and `CHUNK_COST_BYTES` for each. */
  get keptCost(): number {
    return this.#keptCost
  }

  /** @param chunk  kept by reference: it must not be changed any more */
  add(chunk: Uint8Array): void {
    this.#byteCount += chunk.length
    if (!this.#isKeeping || chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#keptCost += chunk.length + CHUNK_COST_BYTES
  }

  /** Nothing more will be sent. */
  end(): void {
    this.#isEnded = true
  }

  /**
   * The other side has got everything before `position`. One that was acknowledged before says nothing new.
   *
   * @throws MeshError `bad-message` for more than was sent
   */
  acknowledge(position: number): void {
    const last = this.#byteCount + (this.#isEnded ? 1 : 0)
    if (position > last) {
      throw new MeshError(
        'bad-message',
        `Cannot go on with stream: ${position} was acknowledged, but only ${last} sent`,
      )
    }
    if (position <= this.#acknowledged) return
    this.#acknowledged = position
    if (this.#isKeeping) this.#letGo()
  }

  /**
   * What has to be sent again to a side that got everything before `position`: it is taken as acknowledged.
   *
   * @throws MeshError `bad-message` for more than was sent, and for less than was acknowledged, which is not here any more
   */
  after(position: number): Uint8Array[] {
    if (position < this.#acknowledged || !this.#isKeeping) {
      const from = this.#isKeeping ? this.#acknowledged : this.#byteCount
      throw new MeshError(
        'bad-message',
        `Cannot go on with stream from ${position}: what came before ${from} is not kept any more`,
      )
    }
    this.acknowledge(position)
    const kept = this.#chunks.slice()
    const [first] = kept
    if (first !== undefined && position > this.#headAt) kept[0] = first.subarray(position - this.#headAt)
    return kept
  }

  /** Keep nothing from now on: the stream cannot be resumed any more. */
  letAllGo(): void {
    this.#isKeeping = false
    this.#chunks.length = 0
    this.#keptCost = 0
  }

  #letGo(): void {
    for (;;) {
      const [chunk] = this.#chunks
      if (chunk === undefined || this.#headAt + chunk.length > this.#acknowledged) return
      this.#headAt += chunk.length
      this.#keptCost -= chunk.length + CHUNK_COST_BYTES
      this.#chunks.shift()
    }
  }
}

/** What a kept chunk costs beside its bytes: a stream of single bytes must not take more memory than was agreed. */
export const CHUNK_COST_BYTES = 256
