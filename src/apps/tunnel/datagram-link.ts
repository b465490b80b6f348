import type { Duplex } from 'node:stream'
import {
  createDatagramDecoder,
  createDatagramQueue,
  type DatagramQueue,
  encodeDatagrams,
} from '../../core/codec/datagram.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { DatagramPath } from '../../sdk/app.ts'
import type { TunnelLimits } from './limits.ts'

/** What the queues of all flows of one end may hold together, and what they lost. */
export interface QueueBudget {
  usedBytes: number
  readonly maxBytes: number
  droppedCount: number
}

/** What a link needs. */
export interface DatagramLinkOptions {
  readonly budget: QueueBudget
  readonly limits: TunnelLimits
  readonly onDatagram: (payload: Uint8Array) => void
  /** The stream has ended, or broke, or carried no datagrams. */
  readonly onClosed: () => void
}

/**
 * One flow of datagrams in a stream of the mesh, and beside it where there is such a path. What the stream cannot take
 * at once waits in a bounded queue that loses the oldest; a link that is not open yet queues everything.
 */
export class DatagramLink {
  readonly #options: DatagramLinkOptions
  readonly #queue: DatagramQueue
  #stream: Duplex | undefined
  #path: DatagramPath | undefined
  #isFull = false
  #isClosed = false

  constructor(options: DatagramLinkOptions) {
    this.#options = options
    const { maxQueuedBytes, maxQueuedCount } = options.limits
    this.#queue = createDatagramQueue({ maxBytes: maxQueuedBytes, maxCount: maxQueuedCount })
  }

  /** Send one datagram, or lose it, or an older one. */
  send(payload: Uint8Array): void {
    if (this.#isClosed || this.#path?.send(payload)) return
    if (this.#stream === undefined || this.#isFull) this.#enqueue(payload)
    else this.#isFull = !this.#stream.write(encodeDatagrams([payload]))
  }

  /** Send by `path` what it takes from now on, and hear what comes by it. */
  useBeside(path: DatagramPath): void {
    if (this.#isClosed) return
    this.#path = path
    path.onDatagram = payload => {
      if (!this.#isClosed) this.#options.onDatagram(payload)
    }
  }

  /** Carry everything else in `stream` from now on, which the link owns. */
  open(stream: Duplex): void {
    stream.on('error', () => {})
    if (this.#isClosed || stream.destroyed) {
      stream.destroy()
      this.close()
      return
    }
    this.#stream = stream
    const decoder = createDatagramDecoder()
    stream.on('data', (chunk: Uint8Array) => {
      try {
        for (const payload of decoder.push(chunk)) this.#options.onDatagram(payload)
      } catch (thrown) {
        stream.destroy(toMeshError(thrown))
      }
    })
    stream.on('drain', () => this.#flush())
    // Datagrams need no half close: when one direction is over, the flow is.
    stream.once('end', () => this.close())
    stream.once('close', () => this.close())
    this.#isFull = stream.writableNeedDrain
    this.#flush()
  }

  /** End the stream; what waits is lost. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { budget, onClosed } = this.#options
    budget.usedBytes -= this.#queue.byteCount
    // The memory goes with the link, which nobody holds any more.
    this.#stream?.destroy()
    onClosed()
  }

  #enqueue(payload: Uint8Array): void {
    const { budget } = this.#options
    if (budget.usedBytes + payload.length > budget.maxBytes) {
      budget.droppedCount += 1
      return
    }
    const { byteCount, droppedCount } = this.#queue
    this.#queue.push(payload)
    budget.usedBytes += this.#queue.byteCount - byteCount
    budget.droppedCount += this.#queue.droppedCount - droppedCount
  }

  #flush(): void {
    const stream = this.#stream
    if (stream === undefined) return
    this.#isFull = stream.writableNeedDrain
    while (!this.#isFull && this.#queue.count > 0) {
      const before = this.#queue.byteCount
      const taken = this.#queue.take(BATCH_BYTES)
      this.#options.budget.usedBytes -= before - this.#queue.byteCount
      const batch = taken.filter(payload => !this.#path?.send(payload))
      if (batch.length > 0) this.#isFull = !stream.write(encodeDatagrams(batch))
    }
  }
}

/** Make the shared budget of one end. */
export function createQueueBudget(maxBytes: number): QueueBudget {
  return { usedBytes: 0, maxBytes, droppedCount: 0 }
}

/** Written at once when a stream takes more: few writes, but no copy of a whole queue. */
const BATCH_BYTES = 65_536
