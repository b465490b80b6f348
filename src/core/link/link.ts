import type { MeshError } from '../model/errors.ts'
import { type Ms, ms } from '../model/time.ts'

/**
 * What the agent must now do about its link.
 *
 * `wake`: call `tick` at that time. A wake that is already set for an earlier time stands, for `tick` asks again; so an
 * edge keeps one timer, for the earliest wake it was asked for.
 */
export type LinkAction =
  | { readonly do: 'connect'; readonly bootstrap: string }
  | { readonly do: 'renew' }
  | { readonly do: 'wake'; readonly at: Ms }

/** Where a link stands, for `ztm status`. */
export type LinkState =
  | { readonly state: 'stopped' }
  | {
      readonly state: 'connecting'
      readonly bootstrap: string
      readonly since: Ms
      readonly lastError?: MeshError
    }
  | { readonly state: 'online'; readonly bootstrap: string; readonly since: Ms }
  | {
      readonly state: 'waiting'
      readonly since: Ms
      readonly until: Ms
      readonly lastError: MeshError
      /** Tries that failed since the link was last up for `stableMs`; 0 after such a link ended. */
      readonly failureCount: number
    }

/** How long the waits are. Each is cut by chance to between half and the whole of it. */
export interface LinkTimes {
  /** Wait between the hubs of a round, and after the first round; doubled after each further one. */
  readonly firstRetryMs: number
  /** Longest round over all hubs that are away: short enough that an endpoint is back within 3 s of its hub. */
  readonly longestRetryMs: number
  /** Wait after every hub said no for a reason that only a person can change (evicted, not trusted, clock). */
  readonly refusedRetryMs: number
  /** A link that ends sooner counts as a failed try: a hub that drops whom it accepts is not asked ever faster. */
  readonly stableMs: number
  /** First wait after a renewal failed, doubled each time; also the least time between two renewals. */
  readonly firstRenewRetryMs: number
  readonly longestRenewRetryMs: number
}

/** The times an agent uses. */
export const LINK_TIMES: LinkTimes = {
  firstRetryMs: 100,
  longestRetryMs: 2_000,
  refusedRetryMs: 30_000,
  stableMs: 5_000,
  firstRenewRetryMs: 1_000,
  longestRenewRetryMs: 60_000,
}

/**
 * The agent's mind about its link to a mesh: which hub to try, when to try again, when to renew the certificate.
 * Pure: the edge connects and reports back; chance comes in as a function so that tests can fix it.
 *
 * States: *stopped* until `start`; *connecting* until the edge reports `connected` or `lost`; *online* until `lost`;
 * *waiting* between tries, until the wake. There is always exactly one way forward.
 *
 * All bootstraps are tried in turn, shortly after one another, before the longer wait; the next round begins where a
 * link was last up for `stableMs`.
 */
export interface LinkMachine {
  readonly state: LinkState
  start(now: Ms): LinkAction[]
  /** At any time. The edge drops the try or link it has, and reports nothing more of it. */
  stop(): void
  connected(now: Ms): LinkAction[]
  /** The try failed, or the open link ended. */
  lost(error: MeshError, now: Ms): LinkAction[]
  /** A certificate is in use: renew it at two thirds of its life, while online. */
  certified(issuedAt: Ms, expiresAt: Ms, now: Ms): LinkAction[]
  renewFailed(now: Ms): LinkAction[]
  /**
   * The network changed: what failed before says nothing any more, so try now. A try that is under way may lead nowhere:
   * the edge drops it when it is told to connect, and reports nothing more of it. No more than one in `stableMs`.
   */
  networkChanged(now: Ms): LinkAction[]
  tick(now: Ms): LinkAction[]
}

/** Make a machine for one mesh. @param bootstraps  at least one `host:port` */
export function createLinkMachine(
  bootstraps: readonly string[],
  random: () => number,
  times: LinkTimes = LINK_TIMES,
): LinkMachine {
  const retry = createRetryPlan(bootstraps, times)
  const renewal = createRenewalPlan(times)
  let state: LinkState = { state: 'stopped' }
  let droppedAt = Number.NEGATIVE_INFINITY

  // Agents that lost the same hub at the same moment must not come back in step.
  const jitter = (waitMs: number) => waitMs * (0.5 + random() / 2)

  function connect(now: Ms, lastError?: MeshError): LinkAction[] {
    const bootstrap = retry.next()
    state = { state: 'connecting', bootstrap, since: now, ...(lastError && { lastError }) }
    return [{ do: 'connect', bootstrap }]
  }

  /** For whatever is next in this state. */
  function wake(): LinkAction[] {
    const at = state.state === 'waiting' ? state.until : state.state === 'online' ? renewal.at : undefined
    return at === undefined ? [] : [{ do: 'wake', at }]
  }

  function tick(now: Ms): LinkAction[] {
    // Before `since`: the clock was set back, and would otherwise keep the endpoint away for as long.
    if (state.state === 'waiting' && (state.until <= now || now < state.since)) {
      return connect(now, state.lastError)
    }
    const isDue = state.state === 'online' && renewal.take(now)
    return [...(isDue ? [{ do: 'renew' } as const] : []), ...wake()]
  }

  return {
    get state() {
      return state
    },
    start(now) {
      return state.state === 'stopped' ? connect(now) : []
    },
    stop() {
      state = { state: 'stopped' }
      retry.reset()
    },
    connected(now) {
      if (state.state !== 'connecting') return []
      state = { state: 'online', bootstrap: state.bootstrap, since: now }
      return tick(now)
    },
    lost(error, now) {
      if (state.state === 'stopped' || state.state === 'waiting') return []
      const wasStable = state.state === 'online' && (now - state.since >= times.stableMs || now < state.since)
      const until = ms(now + jitter(retry.failed(error, wasStable)))
      state = { state: 'waiting', since: now, until, lastError: error, failureCount: retry.failureCount }
      return wake()
    },
    certified(issuedAt, expiresAt, now) {
      renewal.certified(issuedAt, expiresAt, now)
      return wake()
    },
    renewFailed(now) {
      renewal.failed(now, jitter)
      return wake()
    },
    networkChanged(now) {
      retry.reset()
      if (state.state === 'connecting') {
        // In a network that changes all the time a try must have its time, too.
        if (Math.abs(now - droppedAt) < times.stableMs) return []
        droppedAt = now
        retry.stay()
      } else if (state.state !== 'waiting') return []
      return connect(now, state.lastError)
    },
    tick,
  }
}

/** Which bootstrap is next, and how long to wait for it. */
function createRetryPlan(bootstraps: readonly string[], times: LinkTimes) {
  const count = bootstraps.length
  // The waits of a round count as well.
  const longestMs = Math.max(times.firstRetryMs, times.longestRetryMs - (count - 1) * times.firstRetryMs)
  let index = 0
  let failureCount = 0
  let refusalCount = 0

  return {
    get failureCount() {
      return failureCount
    },
    reset() {
      failureCount = 0
      refusalCount = 0
    },
    /** The next try is of the same hub. */
    stay() {
      index = (index + count - 1) % count
    },
    next(): string {
      const bootstrap = bootstraps[index % count] as string
      index = (index + 1) % count
      return bootstrap
    },
    /** @returns the wait before the next try, ms */
    failed(error: MeshError, wasStable: boolean): number {
      if (wasStable) {
        // Stay with a hub that works: the next try begins with it.
        this.stay()
        this.reset()
      } else failureCount += 1
      refusalCount = isRefusal(error) ? refusalCount + 1 : 0
      if (refusalCount >= count) return times.refusedRetryMs
      const isRoundOver = failureCount > 0 && failureCount % count === 0
      if (!isRoundOver) return times.firstRetryMs
      const doublings = Math.min(failureCount / count - 1, 16)
      return Math.min(times.firstRetryMs * 2 ** doublings, longestMs)
    },
  }
}

/** When the certificate is renewed. */
function createRenewalPlan(times: LinkTimes) {
  let at: Ms | undefined
  let retryMs = 0
  let isRunning = false

  return {
    /** Undefined before the first certificate and while a renewal runs. */
    get at() {
      return at
    },
    certified(issuedAt: Ms, expiresAt: Ms, now: Ms): void {
      // A new certificate that is due at once must not be renewed as fast as the network goes.
      const earliest = isRunning ? now + times.firstRenewRetryMs : now
      at = ms(Math.max(earliest, issuedAt + ((expiresAt - issuedAt) * 2) / 3))
      retryMs = 0
      isRunning = false
    },
    failed(now: Ms, jitter: (waitMs: number) => number): void {
      retryMs = Math.min(Math.max(times.firstRenewRetryMs, retryMs * 2), times.longestRenewRetryMs)
      at = ms(now + jitter(retryMs))
      isRunning = false
    },
    /** Whether a renewal is due; it runs then until `certified` or `failed`. */
    take(now: Ms): boolean {
      if (at === undefined || at > now) return false
      at = undefined
      isRunning = true
      return true
    },
  }
}

/** Only a person can change it: by a new permit, by setting the clock, by stopping the other agent. */
function isRefusal({ code, kind }: MeshError): boolean {
  if (code === 'not-trusted' || code === 'certificate-expired') return true
  return kind.fault === 'caller' && !kind.retry
}
