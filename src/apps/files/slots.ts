/** Room for so much at the same time: of files that are read, bytes that are hashed. */
export interface Slots {
  /** Wait until there is room for so much, first come first served; what is more than all there is waits for all of it. */
  take(amount: number): Promise<() => void>
}

/** Make room. @param total  what fits at the same time */
export function createSlots(total: number): Slots {
  let free = total
  const waiting: { amount: number; start: () => void }[] = []
  const give = (amount: number) => {
    free += amount
    for (let next = waiting[0]; next !== undefined && next.amount <= free; next = waiting[0]) {
      waiting.shift()
      free -= next.amount
      next.start()
    }
  }
  return {
    async take(amount) {
      const taken = Math.min(amount, total)
      if (waiting.length === 0 && taken <= free) free -= taken
      else await new Promise<void>(start => waiting.push({ amount: taken, start }))
      let isGiven = false
      return () => {
        if (!isGiven) give(taken)
        isGiven = true
      }
    },
  }
}

/** Do something with each, so many at a time; the first that fails ends it, when those under way are done. */
export async function inLanes<T>(
  items: Iterable<T>,
  laneCount: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]()
  let failure: { error: unknown } | undefined
  const lane = async () => {
    for (let next = iterator.next(); !next.done && failure === undefined; next = iterator.next()) {
      try {
        await work(next.value)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: laneCount }, lane))
  if (failure !== undefined) throw failure.error
}
