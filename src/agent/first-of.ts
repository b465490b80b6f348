import { MeshError, toMeshError } from '../core/model/errors.ts'

/** One thing to try; its signal aborts when another one won, or all are given up. */
export type Try<T> = (signal: AbortSignal) => Promise<T>

/** How they are tried. */
export interface FirstOfOptions<T> {
  /** The next begins when the one before has failed, or has taken this long. */
  readonly patienceMs: number
  /** Gives all of them up. */
  readonly signal?: AbortSignal
  /** What came of one that was too late: let go of it. */
  readonly drop: (late: T) => void
  /** No other will do better. Default: nothing is. */
  readonly isFinal?: (error: MeshError) => boolean
}

/**
 * Try one after the other, each next one beside those that take their time, until one works.
 *
 * @throws MeshError the first that is final, else that of the first try; `timed-out` if given up
 */
export async function firstOf<T>(tries: readonly Try<T>[], options: FirstOfOptions<T>): Promise<T> {
  const { patienceMs, drop, isFinal = () => false } = options
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const abort = new AbortController()
  const failures = new Map<number, MeshError>()
  let next = 0
  let timer: NodeJS.Timeout | undefined
  let isOver = false

  function failed(index: number, error: MeshError): void {
    failures.set(index, error)
    if (isFinal(error)) reject(error)
    else if (next < tries.length) begin()
    else if (failures.size === tries.length) reject(failures.get(0))
  }

  function begin(): void {
    clearTimeout(timer)
    const index = next
    const one = tries[index]
    if (one === undefined || isOver) return
    next += 1
    timer = setTimeout(begin, patienceMs)
    one(abort.signal).then(
      found => {
        if (isOver) drop(found)
        isOver = true
        resolve(found)
      },
      thrown => failed(index, toMeshError(thrown)),
    )
  }

  const giveUp = () => reject(new MeshError('timed-out', 'Cannot connect: given up'))
  options.signal?.addEventListener('abort', giveUp, { once: true })
  if (options.signal?.aborted) giveUp()
  else if (tries.length === 0) reject(new MeshError('unreachable', 'Cannot connect: there is nothing to try'))
  else begin()
  try {
    return await promise
  } finally {
    isOver = true
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', giveUp)
    abort.abort()
  }
}

/** What is asked for; or, where that takes too long, what is at hand. What is asked for goes on beside. */
export async function atHandAfter<T>(asked: Promise<T>, patienceMs: number, atHand: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<T>(resolve => {
    timer = setTimeout(() => resolve(atHand), patienceMs)
  })
  asked.catch(() => {})
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/** How long somebody who does not answer is waited for where there is something at hand. */
export const AT_HAND_MS = 500
