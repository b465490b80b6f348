import { MAX_CHANGED_ENDPOINTS } from '../core/api/network-api.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Context } from './context.ts'

/** What changed since somebody asked. */
export interface ChangedEndpoints {
  /** To ask with next. */
  readonly next: string
  readonly endpoints: EndpointId[]
  /** More changed than are named, or nobody knows any more which. */
  readonly isMore: boolean
}

/** Which endpoints changed last, for those who look at them. */
export interface EndpointChanges extends Disposable {
  note(endpoint: EndpointId): void
  /**
   * Wait until something changes, `waitMs` at most. One wait for each who asks: another one of the same ends the first.
   *
   * @param since  `next` of the answer before; without it the answer comes at once
   * @throws MeshError `too-many`
   */
  wait(asking: EndpointId, since: string | undefined): Promise<ChangedEndpoints>
}

/**
 * Make an empty list. Nothing is told to who does not ask: in a mesh of thousands somebody comes or goes each second, and few
 * look. What changes within `gatherMs` is told together.
 *
 * @param options.random  names this start: of what was before nobody knows
 */
export function createEndpointChanges({
  random,
  waitMs = 20_000,
  gatherMs = 50,
}: Pick<Context, 'random'> & {
  readonly waitMs?: number
  readonly gatherMs?: number
}): EndpointChanges {
  const epoch = Buffer.from(random(9)).toString('hex')
  /** When each changed last; in that order, so that the oldest are dropped first. */
  const changedAt = new Map<EndpointId, number>()
  const waiting = new Map<EndpointId, () => void>()
  let now = 0
  let droppedTo = 0
  let timer: NodeJS.Timeout | undefined

  function answer(since: number): ChangedEndpoints {
    const endpoints: EndpointId[] = []
    let isMore = since < droppedTo || since > now
    for (const [endpoint, at] of isMore ? [] : [...changedAt].reverse()) {
      if (at <= since) break
      if (endpoints.length === MAX_KEPT_CHANGES) isMore = true
      else endpoints.push(endpoint)
    }
    return { next: `${epoch}.${now}`, endpoints: isMore ? [] : endpoints, isMore }
  }

  function wakeAll(): void {
    timer = undefined
    for (const wake of [...waiting.values()]) wake()
  }

  return {
    note(endpoint) {
      now += 1
      changedAt.delete(endpoint)
      changedAt.set(endpoint, now)
      if (changedAt.size > MAX_KEPT_CHANGES) {
        const [oldest, at] = changedAt.entries().next().value as [EndpointId, number]
        changedAt.delete(oldest)
        droppedTo = at
      }
      if (waiting.size > 0) timer ??= setTimeout(wakeAll, gatherMs)
    },
    async wait(asking, since) {
      if (since === undefined) return answer(now)
      const [before, count] = since.split('.')
      const seen = before === epoch && Number.isSafeInteger(Number(count)) ? Number(count) : NEVER
      if (seen !== now) return answer(seen)
      waiting.get(asking)?.()
      if (waiting.size >= MAX_WAITING)
        throw new MeshError('too-many', 'Cannot wait for changes of endpoints: too many do: ask again later')
      await new Promise<void>(resolve => {
        const late = setTimeout(done, waitMs)
        function done(): void {
          clearTimeout(late)
          if (waiting.get(asking) === done) waiting.delete(asking)
          resolve()
        }
        waiting.set(asking, done)
      })
      return answer(seen)
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      wakeAll()
    },
  }
}

/** Before everything that is kept. */
const NEVER = -1
/** Changed endpoints that are known by name: as many as one answer may tell. */
const MAX_KEPT_CHANGES = MAX_CHANGED_ENDPOINTS
/** Endpoints that wait at the same time. */
const MAX_WAITING = 1_000
