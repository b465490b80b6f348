import type { Clock } from '../../core/model/time.ts'
import { readProcessUsage } from './process-usage.ts'
import { type KillReason, SANDBOX_LIMITS, type SandboxLimits } from './sandbox-limits.ts'

/** What is watched, and what is done when a limit is passed. */
export interface WatchOptions {
  readonly id: number
  readonly limits: SandboxLimits
  readonly clock: Clock
  readonly ping: () => void
  /** When the process last said anything. */
  readonly lastHeardMs: () => number
  readonly kill: (reason: KillReason, says: string) => void
}

/**
 * Watch what a process takes until disposed. The kernel's own limit of memory (`ulimit -d`) stops one that takes much at
 * once between two looks.
 */
export function watchProcess({ id, limits, clock, ping, lastHeardMs, kill }: WatchOptions): Disposable {
  const startedAtMs = clock.now()
  const { memoryMb, cpuPercent, silenceMs, runMs } = limits
  let window = { sinceMs: startedAtMs as number, cpuMs: 0 }
  let pingedAtMs: number | undefined

  async function look(): Promise<void> {
    const usage = await readProcessUsage(id)
    if (usage === undefined) return
    const usedMb = Math.ceil(usage.residentBytes / 1_048_576)
    if (usedMb > memoryMb + BASE_MB)
      kill('memory', `it takes ${usedMb} MiB of memory: ${memoryMb} are granted`)
    const spanMs = clock.now() - window.sinceMs
    if (cpuPercent === undefined || spanMs < SANDBOX_LIMITS.cpuWindowMs) return
    const share = Math.round(((usage.cpuMs - window.cpuMs) / spanMs) * 100)
    if (share > cpuPercent) kill('cpu', `it takes ${share} % of a core: ${cpuPercent} % are granted`)
    window = { sinceMs: clock.now(), cpuMs: usage.cpuMs }
  }

  /** A question is asked only when the one before was answered: who does not read gets no heap of them. */
  function listen(): void {
    const now = clock.now()
    if (runMs !== undefined && now - startedAtMs > runMs)
      kill('time', `it ran for ${Math.round(runMs / 1_000)} s, which is all it may`)
    if (silenceMs === undefined) return
    if (pingedAtMs !== undefined && lastHeardMs() < pingedAtMs) {
      if (now - pingedAtMs > silenceMs)
        kill('silence', `it did not answer for ${Math.round(silenceMs / 1_000)} s`)
      return
    }
    if (pingedAtMs !== undefined && now - pingedAtMs < SANDBOX_LIMITS.pingMs) return
    pingedAtMs = now
    ping()
  }

  const timer = setInterval(() => {
    listen()
    look().catch(() => {})
  }, SANDBOX_LIMITS.watchMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** What an empty Node takes: not the program's doing. */
const BASE_MB = 48
