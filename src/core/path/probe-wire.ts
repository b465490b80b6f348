import { type Address, formatAddress } from '../model/address.ts'
import type { IntroductionId, Probe, ProbeSide } from '../model/probe.ts'
import { type Ms, ms } from '../model/time.ts'
import { createTokenBucket } from '../model/token-bucket.ts'
import { PUNCH_LIMITS } from './punch-limits.ts'

/** Send a probe from one of the sockets: 0 is the main one, others are those that `open-sockets` numbered. */
export interface SendProbe {
  readonly do: 'send'
  readonly socket: number
  readonly to: Address
  readonly probe: Probe
}

/** A ping that was answered. */
export interface AnsweredPing {
  readonly sentAt: Ms
  readonly transaction: number
}

/**
 * All that one introduction sends goes through here: it numbers pings, knows which are out, and keeps to the rates.
 * A transaction is never used twice, so an answer that is played again fits no ping.
 */
export class ProbeWire {
  readonly #base: { readonly side: ProbeSide; readonly introduction: IntroductionId }
  readonly #sends = createTokenBucket(PUNCH_LIMITS.sendsPerSecond, PUNCH_LIMITS.sendBurst)
  readonly #unprovenPongs = createTokenBucket(
    PUNCH_LIMITS.unprovenPongsPerSecond,
    PUNCH_LIMITS.unprovenPongBurst,
  )
  // Oldest first. The rate and the life of an entry limit their number.
  readonly #out = new Map<number, { readonly socket: number; readonly to: string; readonly sentAt: Ms }>()
  #nextTransaction = 1

  constructor(side: ProbeSide, introduction: IntroductionId) {
    this.#base = { side, introduction }
  }

  /** A new ping. @returns undefined if too much was sent just now */
  ping(kind: 'ping' | 'nominate', socket: number, to: Address, now: Ms): SendProbe | undefined {
    const probe: Probe = { kind, ...this.#base, transaction: this.#nextTransaction }
    const send = this.repeat({ do: 'send', socket, to, probe }, now)
    if (send !== undefined) this.#nextTransaction = (this.#nextTransaction + 1) >>> 0
    return send
  }

  /** A ping that was sent before, the same again. */
  repeat(send: SendProbe, now: Ms): SendProbe | undefined {
    if (!this.#sends.take(now)) return undefined
    this.#forget(now)
    const { transaction } = send.probe
    this.#out.delete(transaction)
    this.#out.set(transaction, { socket: send.socket, to: formatAddress(send.to), sentAt: now })
    return send
  }

  /** The answer to a ping. @param isProven  the address has answered a ping of ours */
  pong(socket: number, to: Address, transaction: number, isProven: boolean, now: Ms): SendProbe[] {
    if (!isProven && !this.#unprovenPongs.take(now)) return []
    if (!this.#sends.take(now)) return []
    return [{ do: 'send', socket, to, probe: { kind: 'pong', ...this.#base, transaction, seen: to } }]
  }

  /** A pong came. @returns the ping it answers, once; undefined unless it came from where that went, in time */
  answered(socket: number, from: Address, transaction: number, now: Ms): AnsweredPing | undefined {
    this.#forget(now)
    const ping = this.#out.get(transaction)
    if (ping?.socket !== socket || ping.to !== formatAddress(from)) return undefined
    this.#out.delete(transaction)
    return { sentAt: ping.sentAt, transaction }
  }

  #forget(now: Ms): void {
    for (const [transaction, { sentAt }] of this.#out) {
      if (now <= ms(sentAt + ANSWER_MS)) return
      this.#out.delete(transaction)
    }
  }
}

/** An answer that comes later is not waited for. */
const ANSWER_MS = 5_000
