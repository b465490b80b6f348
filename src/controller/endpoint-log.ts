import { MAX_CHANGED_ENDPOINTS } from '../core/api/network-api.ts'
import type { EndpointId } from '../core/model/ids.ts'

/** Which endpoints changed last. */
export interface EndpointLog {
  /** Grows with each change. */
  readonly count: number
  note(endpoint: EndpointId): void
  /**
   * Which changed after the count was that.
   *
   * @returns `isMore` where more changed than are kept, or nobody knows which
   */
  since(count: number): { readonly endpoints: EndpointId[]; readonly isMore: boolean }
}

/** Make an empty log. It keeps as many as one answer may name. */
export function createEndpointLog(): EndpointLog {
  /** When each changed last; in that order, so that the oldest are dropped first. */
  const changedAt = new Map<EndpointId, number>()
  let now = 0
  let droppedTo = 0
  return {
    get count() {
      return now
    },
    note(endpoint) {
      now += 1
      changedAt.delete(endpoint)
      changedAt.set(endpoint, now)
      if (changedAt.size <= MAX_CHANGED_ENDPOINTS) return
      const [oldest, at] = changedAt.entries().next().value as [EndpointId, number]
      changedAt.delete(oldest)
      droppedTo = at
    },
    since(count) {
      if (count < droppedTo || count > now) return { endpoints: [], isMore: true }
      const endpoints: EndpointId[] = []
      for (const [endpoint, at] of [...changedAt].reverse()) {
        if (at <= count) break
        endpoints.push(endpoint)
      }
      return { endpoints, isMore: false }
    },
  }
}
