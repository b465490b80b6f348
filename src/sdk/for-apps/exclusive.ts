/** Runs one piece of work at a time for each key, in the order asked. */
export interface Exclusive {
  run<T>(key: string, work: () => Promise<T>): Promise<T>
  /** Resolves when everything that was asked for until now is done. Never throws. */
  whenIdle(): Promise<void>
}

/** Make a queue for each key that is in use; none is kept for keys that are not. */
export function createExclusive(): Exclusive {
  const tails = new Map<string, Promise<unknown>>()
  return {
    run(key, work) {
      const before = tails.get(key) ?? Promise.resolve()
      const result = before.then(work)
      const tail = result.catch(() => {})
      tails.set(key, tail)
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key)
      })
      return result
    },
    async whenIdle() {
      await Promise.all(tails.values())
    },
  }
}
