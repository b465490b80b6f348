import { type MeshError, toMeshError } from '../model/errors.ts'

/** What delivering needs. */
export interface DeliveryOptions<T> {
  /** What is to be delivered next, oldest first; empty when all is. Asked again after each batch. */
  readonly next: () => readonly T[]
  /**
   * Deliver them; what is settled must not be in `next` any more.
   *
   * @throws MeshError why something of it has to be tried again later
   */
  readonly deliver: (batch: readonly T[]) => Promise<void>
  /** Call back once after a while. @returns a function that cancels */
  readonly after: (ms: number, call: () => void) => () => void
  /** From 0 to 1, so that not all who were cut off come back at once. */
  readonly random: () => number
  readonly onFailure?: (error: MeshError, pauseMs: number) => void
}

/** Delivers what a durable queue holds, as often as it takes. */
export interface Delivery extends AsyncDisposable {
  /** Something is there to be delivered; a pause after a failure goes on. */
  wake(): void
  /** What failed may work now: end the pause. */
  hurry(): void
  /** Why the last try failed; undefined after one that did not. */
  readonly lastError: MeshError | undefined
}

/**
 * Start to deliver: one batch at a time. After a failure it pauses, twice as long each time, from `FIRST_PAUSE_MS` to
 * `LONGEST_PAUSE_MS`, for as long as it takes.
 */
export function createDelivery<T>(options: DeliveryOptions<T>): Delivery {
  const { after, random } = options
  let running: Promise<void> | undefined
  let endPause: (() => void) | undefined
  let lastError: MeshError | undefined
  let failures = 0
  let isOver = false

  async function run(): Promise<void> {
    for (let batch = options.next(); batch.length > 0 && !isOver; batch = options.next()) {
      try {
        await options.deliver(batch)
        lastError = undefined
        failures = 0
      } catch (thrown) {
        lastError = toMeshError(thrown)
        if (!isOver) await pause(lastError)
      }
    }
  }

  function pause(error: MeshError): Promise<void> {
    const longMs = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS)
    const pauseMs = Math.round(longMs * (0.75 + random() / 4))
    failures += 1
    options.onFailure?.(error, pauseMs)
    return new Promise(resolve => {
      const done = () => {
        cancel()
        endPause = undefined
        resolve()
      }
      const cancel = after(pauseMs, done)
      endPause = done
    })
  }

  function wake(): void {
    if (running !== undefined || isOver) return
    running = run().finally(() => {
      running = undefined
      if (options.next().length > 0) wake()
    })
  }

  return {
    wake,
    hurry() {
      failures = 0
      endPause?.()
      wake()
    },
    get lastError() {
      return lastError
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      endPause?.()
      await running
    },
  }
}

/** The first pause after a failure. */
const FIRST_PAUSE_MS = 1_000
/** The longest pause between two tries. */
const LONGEST_PAUSE_MS = 300_000
