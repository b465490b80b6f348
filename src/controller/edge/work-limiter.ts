import { EdgeError } from '../../core/edge/edge-error.ts'

/** Lets only so much of one kind of work go on at a time, and refuses what would wait too long. */
export interface WorkLimiter {
  /**
   * Do it now, or in its turn.
   *
   * @throws EdgeError SERVER_TOO_MANY_REQUESTS with `retry-after`, where too many wait already
   */
  run<T>(work: () => Promise<T>): Promise<T>
}

/** How much of it goes on. */
export interface WorkLimits {
  /** At the same time. */
  readonly atOnce: number
  /** Waiting for their turn, first come, first served. */
  readonly waiting: number
  /** Whoever would have to wait longer, by how long the last ones took, is refused at once. */
  readonly waitMs: number
}

/** Make one. @param now  ms of any clock that does not jump */
export function createWorkLimiter(limits: WorkLimits, now: () => number): WorkLimiter {
  const turns: (() => void)[] = []
  let runningCount = 0
  // What a piece of work takes of late.
  let usualMs = 0

  function expectedWaitMs(): number {
    return ((turns.length + 1) * usualMs) / limits.atOnce
  }

  async function takeTurn(): Promise<void> {
    if (runningCount < limits.atOnce) {
      runningCount++
      return
    }
    const waitMs = expectedWaitMs()
    if (turns.length >= limits.waiting || waitMs > limits.waitMs) {
      throw new EdgeError('SERVER_TOO_MANY_REQUESTS', 'Too many logins at once: try again in a moment', {
        headers: { 'retry-after': `${Math.max(1, Math.ceil(waitMs / 1_000))}` },
      })
    }
    await new Promise<void>(resolve => turns.push(resolve))
  }

  return {
    async run(work) {
      await takeTurn()
      const startedAtMs = now()
      try {
        return await work()
      } finally {
        usualMs += (now() - startedAtMs - usualMs) * WEIGHT_OF_LAST
        const next = turns.shift()
        // A turn is handed on, so that nobody who comes now gets it first.
        if (next === undefined) runningCount--
        else next()
      }
    },
  }
}

const WEIGHT_OF_LAST = 0.1
