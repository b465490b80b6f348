import { MeshError } from '../../core/model/errors.ts'
import { ownView } from './zap-connection.ts'
import { ITEM_COST_BYTES } from './zap-limits.ts'

/** What all streams of a connection share. */
export interface ItemBudget {
  waitingBytes: number
  readonly maxWaitingBytes: number
}

/** Items of one stream between the connection, which gives them, and the program, which takes them. */
export interface ItemQueue {
  /**
   * Add an item.
   *
   * @returns why the stream has to end: the connection's budget is used up
   * @throws MeshError `bad-message` if the sender had no credit left: the connection is no use any more
   */
  push(item: Uint8Array): MeshError | undefined
  /** No item comes any more, but perhaps one last. */
  end(last?: Uint8Array): void
  /** As `end`, but who takes the last item's successor gets the error. */
  fail(error: unknown): void
  /** The next item, undefined after the last. @throws what `fail` was told */
  take(): Promise<Uint8Array | undefined>
  /** Forget all items; there are none from now on. */
  stop(): void
}

/**
 * Make the queue of a stream that was asked for with a window of `windowBytes`.
 *
 * @param grant  tells the sender that items of so much more may come; called when half of the window was taken
 */
export function createItemQueue(options: {
  readonly windowBytes: number
  readonly budget: ItemBudget
  readonly grant: (creditBytes: number) => void
}): ItemQueue {
  const { windowBytes, budget, grant } = options
  const items: Uint8Array[] = []
  /** What the sender may still send, and what was taken but not granted again. */
  let credit = windowBytes
  let takenBytes = 0
  let ending: { readonly error?: unknown } | undefined
  const takers: PromiseWithResolvers<Uint8Array | undefined>[] = []

  function release(item: Uint8Array): void {
    const cost = item.length + ITEM_COST_BYTES
    takenBytes += cost
    if (takenBytes * 2 < windowBytes || ending !== undefined) return
    credit += takenBytes
    grant(takenBytes)
    takenBytes = 0
  }

  function deliver(item: Uint8Array): void {
    const taker = takers.shift()
    if (taker === undefined) {
      items.push(ownView(item))
      budget.waitingBytes += item.length + ITEM_COST_BYTES
      return
    }
    taker.resolve(item)
    release(item)
  }

  function finish(how: { readonly error?: unknown }): void {
    if (ending !== undefined) return
    ending = how
    for (const taker of takers.splice(0)) {
      if ('error' in how) taker.reject(how.error)
      else taker.resolve(undefined)
    }
  }

  function clear(): void {
    for (const item of items) budget.waitingBytes -= item.length + ITEM_COST_BYTES
    items.length = 0
  }

  return {
    push(item) {
      if (credit <= 0) throw new MeshError('bad-message', 'ZAP connection ended: an item came without credit')
      const cost = item.length + ITEM_COST_BYTES
      credit -= cost
      if (budget.waitingBytes + cost > budget.maxWaitingBytes) {
        clear()
        return new MeshError(
          'too-large',
          `Cannot read stream: over ${budget.maxWaitingBytes} bytes wait to be taken`,
        )
      }
      deliver(item)
      return undefined
    },
    end(last) {
      if (last !== undefined) deliver(last)
      finish({})
    },
    fail: error => finish({ error }),
    async take() {
      const item = items.shift()
      if (item !== undefined) {
        budget.waitingBytes -= item.length + ITEM_COST_BYTES
        release(item)
        return item
      }
      if (ending !== undefined) {
        if ('error' in ending) throw ending.error
        return undefined
      }
      const taker = Promise.withResolvers<Uint8Array | undefined>()
      takers.push(taker)
      return taker.promise
    },
    stop() {
      clear()
      finish({})
    },
  }
}
