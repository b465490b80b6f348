import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { MeetingPlace } from '../core/path/hub-choice.ts'

/** What is asked, and how long it is waited. All in ms. */
export interface FirstAnswerOptions<P extends MeetingPlace, T> {
  readonly ask: (place: P) => Promise<T>
  /** No other place will say anything else. */
  readonly isFinal: (place: P, error: MeshError) => boolean
  /** Default `ANSWER_TIMES`. */
  readonly times?: AnswerTimes
}

/** How long one is waited for before others are asked as well. All in ms. */
export interface AnswerTimes {
  /** A hub that has not answered by then is not waited for alone. */
  readonly patienceMs: number
  /** The same where a link has to be opened first: it may never open. */
  readonly linkPatienceMs: number
  /** One that said no is asked again after this time, while another is still waited for: links may just be coming back. */
  readonly againMs: number
  /** After this time none is asked again. */
  readonly longestMs: number
}

/** The times an agent uses. */
export const ANSWER_TIMES: AnswerTimes = {
  patienceMs: 400,
  linkPatienceMs: 200,
  againMs: 250,
  longestMs: 3_000,
}

/**
 * Ask several places in turn, the next one when the one before has failed or not answered for a while. While one is waited for
 * that may be dead, those that said no are asked again: when a hub dies that carried links to another, the other is without
 * links for a moment.
 *
 * @throws MeshError the first that is final; else that of the hub with the controller, else the first; `offline` for no places
 */
export async function firstAnswer<P extends MeetingPlace, T>(
  places: readonly P[],
  { ask, isFinal, times = ANSWER_TIMES }: FirstAnswerOptions<P, T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const startedMs = performance.now()
  const failures = new Map<P, MeshError>()
  const timers = new Set<NodeJS.Timeout>()
  let next = 0
  let pendingCount = 0
  let isOver = false

  function later(waitMs: number, call: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      timers.delete(timer)
      call()
    }, waitMs)
    timers.add(timer)
    return timer
  }

  function failed(place: P, error: MeshError): void {
    if (isOver) return
    failures.set(place, error)
    if (isFinal(place, error)) reject(error)
    else if (next < places.length) askNext()
    else if (pendingCount === 0) reject(reasonOf(places, failures))
    if (performance.now() - startedMs < times.longestMs) later(times.againMs, () => askOne(place))
  }

  function askOne(place: P): void {
    pendingCount += 1
    ask(place).then(resolve, thrown => {
      pendingCount -= 1
      failed(place, toMeshError(thrown))
    })
  }

  let patience: NodeJS.Timeout | undefined
  function askNext(): void {
    clearTimeout(patience)
    const place = places[next]
    if (place === undefined) return
    next += 1
    patience = later(place.isLinked ? times.patienceMs : times.linkPatienceMs, askNext)
    askOne(place)
  }

  if (places.length === 0) throw new MeshError('offline', 'Cannot meet: there is no other hub')
  askNext()
  try {
    return await promise
  } finally {
    isOver = true
    for (const timer of timers) clearTimeout(timer)
  }
}

function reasonOf<P extends MeetingPlace>(
  places: readonly P[],
  failures: ReadonlyMap<P, MeshError>,
): MeshError | undefined {
  const controller = places.find(({ id }) => id === undefined)
  const first = failures.values().next().value
  return (controller && failures.get(controller)) ?? first
}
