import { formatTarget, type Target } from '../../core/model/address.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Host } from '../../sdk/app.ts'
import type { TunnelLimits } from './limits.ts'

/** What probes need. */
export interface TargetProbesOptions {
  readonly host: Host
  readonly limits: TunnelLimits
  /** Whether connections to the target are open: those say more than a probe. */
  readonly isInUse: (key: string) => boolean
  readonly onResult: (target: Target, error: MeshError | undefined) => void
}

/**
 * Finds out how targets are while nobody uses them, by connecting and closing at once: one that is down after 1 s, twice as
 * long after each further failure up to 30 s; any other after 30 s without use.
 */
export interface TargetProbes extends Disposable {
  /** Probe these from now on; none if there are too many. */
  set(targets: readonly Target[]): void
  /** A connection or probe succeeded or failed. */
  tried(target: Target, isUp: boolean): void
  /** A connection has ended. */
  used(target: Target): void
}

interface ProbedTarget {
  readonly target: Target
  readonly abort: AbortController
  dueMs: number
  backoffMs: number
  cancel: () => void
}

/** Make probes for no targets. */
export function createTargetProbes(options: TargetProbesOptions): TargetProbes {
  const { host, limits } = options
  let probed = new Map<string, ProbedTarget>()

  function schedule(one: ProbedTarget, waitMs: number): void {
    one.cancel()
    one.dueMs = host.clock.now() + waitMs
    one.cancel = host.after(waitMs, () => wake(one))
  }

  function wake(one: ProbedTarget): void {
    // Uses only move the due time: a timer for each of thousands of connections would cost more than the probe.
    const leftMs = one.dueMs - host.clock.now()
    // More left than there can be: the clock was set back.
    const isEarly = leftMs > 0 && leftMs <= Math.max(limits.longestRetryMs, limits.probeIntervalMs)
    if (isEarly) one.cancel = host.after(leftMs, () => wake(one))
    else if (options.isInUse(formatTarget(one.target))) schedule(one, limits.probeIntervalMs)
    else void probe(one)
  }

  async function probe(one: ProbedTarget): Promise<void> {
    const { signal } = one.abort
    let error: MeshError | undefined
    try {
      const connection = await host.connectTcp(one.target, { timeoutMs: limits.connectTimeoutMs, signal })
      connection.destroy()
    } catch (thrown) {
      error = toMeshError(thrown)
    }
    if (signal.aborted) return
    // Too many open files says nothing about the target.
    if (error?.code === 'too-many') schedule(one, limits.probeIntervalMs)
    else options.onResult(one.target, error)
  }

  function forget(one: ProbedTarget): void {
    one.cancel()
    one.abort.abort()
  }

  return {
    set(targets) {
      const before = probed
      probed = new Map()
      for (const target of targets.length > limits.maxProbedTargets ? [] : targets) {
        const key = formatTarget(target)
        if (probed.has(key)) continue
        const kept = before.get(key)
        before.delete(key)
        const one = kept ?? createProbedTarget(target)
        probed.set(key, one)
        if (kept === undefined) schedule(one, limits.probeIntervalMs)
      }
      for (const one of before.values()) forget(one)
    },
    tried(target, isUp) {
      const one = probed.get(formatTarget(target))
      if (one === undefined) return
      if (isUp) {
        if (one.backoffMs > 0) schedule(one, limits.probeIntervalMs)
        one.dueMs = host.clock.now() + limits.probeIntervalMs
        one.backoffMs = 0
      } else if (one.backoffMs === 0 || one.dueMs <= host.clock.now()) {
        one.backoffMs = Math.min(one.backoffMs * 2 || limits.firstRetryMs, limits.longestRetryMs)
        schedule(one, one.backoffMs)
      }
    },
    used(target) {
      const one = probed.get(formatTarget(target))
      if (one !== undefined && one.backoffMs === 0) one.dueMs = host.clock.now() + limits.probeIntervalMs
    },
    [Symbol.dispose]() {
      for (const one of probed.values()) forget(one)
      probed = new Map()
    },
  }
}

function createProbedTarget(target: Target): ProbedTarget {
  return { target, abort: new AbortController(), dueMs: 0, backoffMs: 0, cancel: () => {} }
}
