import type { MeshError } from '../model/errors.ts'
import { type Ms, ms } from '../model/time.ts'

/** What the agent must now do about its link. */
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
      readonly until: Ms
      readonly lastError: MeshError
      readonly failureCount: number
    }

/** How long the waits are. */
export interface LinkTimes {
  /** First wait after a failure, doubled each time. */
  readonly firstRetryMs: number
  /** Longest wait for a hub that is away: short enough that an endpoint is back within 3 s of its hub. */
  readonly longestRetryMs: number
  /** Wait after the hub said no for a reason that only a person can change (evicted, not trusted, clock). */
  readonly refusedRetryMs: number
}

/** The times an agent uses. */
export const LINK_TIMES: LinkTimes = { firstRetryMs: 100, longestRetryMs: 2_000, refusedRetryMs: 30_000 }

/**
 * The agent's mind about its link to a mesh: which hub to try, when to try again, when to renew the certificate.
 * Pure: the edge connects and reports back; chance comes in as a function so that tests can fix it.
 *
 * States: *stopped* until `start`; *connecting* until the edge reports `connected` or `failed`; *online* until
 * `closed`; *waiting* between tries. A try is made with the next bootstrap each time.
 */
export interface LinkMachine {
  readonly state: LinkState
  start(now: Ms): LinkAction[]
  stop(): void
  connected(now: Ms): LinkAction[]
  /** The try failed, or the open link ended. */
  lost(error: MeshError, now: Ms): LinkAction[]
  /** A certificate is in use: renew it at two thirds of its life. */
  certified(issuedAt: Ms, expiresAt: Ms, now: Ms): LinkAction[]
  renewFailed(now: Ms): LinkAction[]
  /** The network changed, or a person asks: try now. */
  retryNow(now: Ms): LinkAction[]
  tick(now: Ms): LinkAction[]
}

/** Make a machine for one mesh. @param bootstraps  at least one `host:port` */
export function createLinkMachine(
  bootstraps: readonly string[],
  random: () => number,
  times: LinkTimes = LINK_TIMES,
): LinkMachine {
  let state: LinkState = { state: 'stopped' }
  let tryCount = 0
  let failureCount = 0
  let renewAt: Ms | undefined
  let renewRetryMs = 0

  function connect(now: Ms, lastError?: MeshError): LinkAction[] {
    const bootstrap = bootstraps[tryCount++ % bootstraps.length] as string
    state = { state: 'connecting', bootstrap, since: now, ...(lastError && { lastError }) }
    return [{ do: 'connect', bootstrap }]
  }

  function waitMs(error: MeshError): number {
    const isRefusal = error.kind.fault === 'caller' && !error.kind.retry
    const doubled = times.firstRetryMs * 2 ** Math.min(failureCount - 1, 16)
    const longest = isRefusal ? times.refusedRetryMs : Math.min(doubled, times.longestRetryMs)
    // Full jitter over the upper half: agents that lost the same hub do not come back in step.
    return longest * (0.5 + random() / 2)
  }

  function renewWake(): LinkAction[] {
    return renewAt === undefined ? [] : [{ do: 'wake', at: renewAt }]
  }

  return {
    get state() {
      return state
    },
    start(now) {
      return state.state === 'stopped' ? [...connect(now), ...renewWake()] : []
    },
    stop() {
      state = { state: 'stopped' }
    },
    connected(now) {
      if (state.state !== 'connecting') return []
      state = { state: 'online', bootstrap: state.bootstrap, since: now }
      failureCount = 0
      // Stay with a bootstrap that works: the next try begins with it.
      tryCount = Math.max(0, tryCount - 1)
      return renewAt !== undefined && renewAt <= now ? this.tick(now) : []
    },
    lost(error, now) {
      if (state.state === 'stopped' || state.state === 'waiting') return []
      if (state.state === 'connecting') failureCount += 1
      else failureCount = 1
      const until = ms(now + waitMs(error))
      state = { state: 'waiting', until, lastError: error, failureCount }
      return [{ do: 'wake', at: until }]
    },
    certified(issuedAt, expiresAt, now) {
      renewRetryMs = 0
      renewAt = ms(Math.max(now, issuedAt + ((expiresAt - issuedAt) * 2) / 3))
      return renewWake()
    },
    renewFailed(now) {
      renewRetryMs = Math.min(Math.max(1_000, renewRetryMs * 2), 60_000)
      renewAt = ms(now + renewRetryMs * (0.5 + random() / 2))
      return renewWake()
    },
    retryNow(now) {
      return state.state === 'waiting' ? connect(now, state.lastError) : []
    },
    tick(now) {
      const actions: LinkAction[] = []
      if (state.state === 'waiting' && state.until <= now) actions.push(...connect(now, state.lastError))
      if (state.state === 'online' && renewAt !== undefined && renewAt <= now) {
        // Set again by `certified` or `renewFailed`.
        renewAt = undefined
        actions.push({ do: 'renew' })
      }
      return actions
    },
  }
}
