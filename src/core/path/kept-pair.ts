import { type Address, formatAddress } from '../model/address.ts'
import { type Ms, ms } from '../model/time.ts'
import type { ProbeWire, SendProbe } from './probe-wire.ts'
import { PUNCH_LIMITS } from './punch-limits.ts'

/**
 * The pair that was chosen: pinged now and then to keep the NATs' memory of it, and to see that it still works.
 *
 * It is *good* between an answer and the next ping, then *in doubt* until an answer to a ping of that doubt comes, and
 * *lost* when none does for 2 s.
 */
export class KeptPair {
  readonly socket: number
  readonly remote: Address
  readonly chosenAt: Ms
  /** From where the peer saw us when it agreed; undefined on the side that is not told. */
  readonly #agreedSeen: string | undefined
  #pingAt: Ms
  #doubtSince: Ms | undefined

  constructor(socket: number, remote: Address, seen: Address | undefined, now: Ms) {
    this.#agreedSeen = seen && formatAddress(seen)
    this.socket = socket
    this.remote = remote
    this.chosenAt = now
    this.#pingAt = ms(now + PUNCH_LIMITS.keepAliveMs)
  }

  get isInDoubt(): boolean {
    return this.#doubtSince !== undefined
  }

  get wakeAt(): Ms {
    return this.#pingAt
  }

  is(socket: number, remote: Address): boolean {
    return socket === this.socket && formatAddress(remote) === formatAddress(this.remote)
  }

  /** Ask whether it still works. A doubt that runs is not begun anew, however often there is reason for it. */
  doubt(now: Ms): void {
    if (this.#doubtSince !== undefined) return
    this.#doubtSince = now
    this.#pingAt = now
  }

  isLost(now: Ms): boolean {
    return this.#doubtSince !== undefined && now >= this.#doubtSince + PUNCH_LIMITS.lostMs
  }

  step(wire: ProbeWire, now: Ms): SendProbe[] {
    if (now < this.#pingAt) return []
    this.doubt(now)
    this.#pingAt = ms(now + PUNCH_LIMITS.retryMs)
    const send = wire.ping('ping', this.socket, this.remote, now)
    return send === undefined ? [] : [send]
  }

  /** An answer came over it. @returns whether the peer sees us elsewhere than when it agreed */
  heard(sentAt: Ms, seen: Address, now: Ms): boolean {
    if (this.#doubtSince !== undefined && sentAt >= this.#doubtSince) {
      this.#doubtSince = undefined
      this.#pingAt = ms(now + PUNCH_LIMITS.keepAliveMs)
    }
    return this.#agreedSeen !== undefined && this.#agreedSeen !== formatAddress(seen)
  }
}
