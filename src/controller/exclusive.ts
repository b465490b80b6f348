/** Runs changes one after the other, so that what one of them checked still holds when it writes. */
export type Exclusive = <T>(change: () => Promise<T>) => Promise<T>

/**
 * Make a queue of one: a change starts when the one before it has ended, however that ended. A change must not wait
 * for another of the same queue.
 */
export function createExclusive(): Exclusive {
  let last: Promise<unknown> = Promise.resolve()
  return change => {
    const turn = last.then(change)
    last = turn.catch(() => undefined)
    return turn
  }
}
