import type { Pace } from '../net/splice.ts'

/**
 * Keeps the relays of one process to what they may copy. Bytes are asked for ahead and in leases, so that whoever
 * gives them, maybe another process, is asked some twenty times a second and not for each read.
 */
export interface RelayMeter {
  /** The pace of one more relay. */
  open(payer: string): Pace
  /** What was asked for may be used now. */
  grant(payer: string, byteCount: number): void
  /** How long directions of relays waited for bytes they may copy, all together, since the start. */
  readonly throttledMs: number
}

/** What a meter needs. */
export interface RelayMeterOptions {
  readonly leaseBytes: number
  /** Ask for bytes; `grant` answers, at once or later. One question of a payer at a time. */
  readonly ask: (payer: string, byteCount: number) => void
  /** Bytes that were granted are not used; negative if more were. */
  readonly giveBack: (payer: string, byteCount: number) => void
}

/** Relays of one payer. */
interface Account {
  /** Bytes that may be copied; below zero when a read gave more than that. */
  leftBytes: number
  isAsked: boolean
  relayCount: number
  /** Directions that wait, and since when. */
  readonly waiting: Map<() => void, number>
}

/** Make the meter of a process. */
export function createRelayMeter({ leaseBytes, ask, giveBack }: RelayMeterOptions): RelayMeter {
  const accounts = new Map<string, Account>()
  let throttledMs = 0

  function stopWaiting(account: Account, resume: () => void): void {
    const since = account.waiting.get(resume)
    if (since === undefined) return
    account.waiting.delete(resume)
    throttledMs += performance.now() - since
  }

  function askFor(payer: string, account: Account): void {
    if (account.isAsked || account.leftBytes > leaseBytes / 2) return
    account.isAsked = true
    ask(payer, leaseBytes - account.leftBytes)
  }

  function forget(payer: string, account: Account): void {
    if (account.relayCount > 0 || account.isAsked) return
    accounts.delete(payer)
    giveBack(payer, account.leftBytes)
  }

  return {
    open(payer) {
      const account = accounts.get(payer) ?? {
        leftBytes: 0,
        isAsked: false,
        relayCount: 0,
        waiting: new Map(),
      }
      accounts.set(payer, account)
      account.relayCount += 1
      const own = new Set<() => void>()
      return {
        largestReadBytes: leaseBytes,
        spend(byteCount, resume) {
          account.leftBytes -= byteCount
          askFor(payer, account)
          if (account.leftBytes > 0) return true
          own.add(resume)
          account.waiting.set(resume, performance.now())
          return false
        },
        close() {
          for (const resume of own) stopWaiting(account, resume)
          account.relayCount -= 1
          forget(payer, account)
        },
      }
    },
    grant(payer, byteCount) {
      const account = accounts.get(payer)
      if (account === undefined) return
      account.isAsked = false
      account.leftBytes += byteCount
      for (const resume of [...account.waiting.keys()]) {
        stopWaiting(account, resume)
        resume()
      }
      forget(payer, account)
    },
    get throttledMs() {
      return throttledMs
    },
  }
}
