import type { LogValue } from '../../core/model/log.ts'
import type { Host } from '../app.ts'

/**
 * Warn about something that may happen thousands of times a second: the first one of each `key` at once, later ones
 * at most once in `intervalMs`, with how many there were between.
 */
export type RateLimitedLog = (key: string, fields: Record<string, LogValue>) => void

/** Make a log for one event. @param intervalMs  shortest time between two lines of one key */
export function createRateLimitedLog(host: Host, event: string, intervalMs: number): RateLimitedLog {
  const quiet = new Map<string, { untilMs: number; repeatCount: number }>()
  return (key, fields) => {
    const now = host.clock.now()
    const known = quiet.get(key)
    const leftMs = known === undefined ? 0 : known.untilMs - now
    // More left than there can be: the clock was set back.
    if (known !== undefined && leftMs > 0 && leftMs <= intervalMs) {
      known.repeatCount += 1
      return
    }
    host.log.warn(event, { ...fields, ...(known?.repeatCount && { repeatCount: known.repeatCount }) })
    if (quiet.size >= MAX_KEYS) quiet.clear()
    quiet.set(key, { untilMs: now + intervalMs, repeatCount: 0 })
  }
}

const MAX_KEYS = 64
