import type { Host } from '../../sdk/app.ts'
import type { TunnelLimits } from './limits.ts'

/** One flow of datagrams, as far as its life goes. */
export interface Flow {
  /** End it. Called once, by the table or through `FlowTable.end`. */
  close(): void
}

/**
 * The UDP flows of one end of a tunnel. A flow ends after 60 s without a datagram, or 300 s once it is a conversation (datagrams
 * both ways, two or more from the client), as NATs do. When the table is full the one that was idle longest makes room.
 *
 * @see RFC 4787, section 4.3: mappings of conversations should live five minutes
 */
export interface FlowTable<K, F extends Flow> {
  find(key: K): F | undefined
  /** Keep a new flow. @returns false where there is no room for it */
  add(key: K, flow: F): boolean
  /** A datagram passed: from the client towards the target, or back. */
  touch(key: K, direction: 'out' | 'back'): void
  /** Close a flow and forget it; no error if it is gone. */
  end(key: K): void
  /** End all. */
  clear(): void
  keys(): IterableIterator<K>
  readonly count: number
}

interface Entry<F> {
  readonly flow: F
  lastSeenMs: number
  outCount: number
  isAnswered: boolean
}

/** Make an empty table. No timer runs while it is empty. */
export function createFlowTable<K, F extends Flow>(host: Host, limits: TunnelLimits): FlowTable<K, F> {
  // In the order of the last datagram: the first is the one that was idle longest.
  const entries = new Map<K, Entry<F>>()
  let cancelSweep: (() => void) | undefined

  function isIdle(entry: Entry<F>, now: number): boolean {
    const isConversation = entry.isAnswered && entry.outCount >= 2
    return now - entry.lastSeenMs >= (isConversation ? limits.conversationIdleMs : limits.flowIdleMs)
  }

  function end(key: K): void {
    const entry = entries.get(key)
    if (entry === undefined) return
    entries.delete(key)
    entry.flow.close()
    if (entries.size === 0) stopSweep()
  }

  function stopSweep(): void {
    cancelSweep?.()
    cancelSweep = undefined
  }

  function sweep(): void {
    cancelSweep = undefined
    const now = host.clock.now()
    for (const [key, entry] of entries) if (isIdle(entry, now)) end(key)
    scheduleSweep()
  }

  function scheduleSweep(): void {
    if (entries.size > 0) cancelSweep ??= host.after(limits.flowIdleMs / SWEEPS_PER_IDLE_TIME, sweep)
  }

  function makeRoom(now: number): boolean {
    if (entries.size < limits.maxFlows) return true
    for (const [key, { lastSeenMs }] of entries) {
      // Under a flood of made-up addresses everything is fresh: those who talk now stay.
      if (now - lastSeenMs < limits.minFlowIdleMs) return false
      end(key)
      return true
    }
    return false
  }

  return {
    find: key => entries.get(key)?.flow,
    add(key, flow) {
      const now = host.clock.now()
      if (!makeRoom(now)) return false
      entries.set(key, { flow, lastSeenMs: now, outCount: 0, isAnswered: false })
      scheduleSweep()
      return true
    },
    touch(key, direction) {
      const entry = entries.get(key)
      if (entry === undefined) return
      entry.lastSeenMs = host.clock.now()
      if (direction === 'out') entry.outCount += 1
      else entry.isAnswered = true
      entries.delete(key)
      entries.set(key, entry)
    },
    end,
    clear() {
      for (const key of [...entries.keys()]) end(key)
    },
    keys: () => entries.keys(),
    get count() {
      return entries.size
    },
  }
}

const SWEEPS_PER_IDLE_TIME = 6
