import { encodeEcho } from '../core/codec/echo.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { isIpv6Address } from '../core/path/candidate.ts'
import { type EchoResult, type NatKind, natKindOf } from '../core/path/nat-kind.ts'

/** A hub's UDP ports and the token by which it knows us: see `hello`. */
export interface EchoHub {
  /** IP addresses of the hub. */
  readonly ips: readonly string[]
  readonly ports: readonly number[]
  /** 12 hex digits. */
  readonly token: string
}

/** What hubs say of a socket. */
export interface ReflexiveFacts {
  /** From where it was seen, `IP:port`; one of each family at most, but for a symmetric NAT. */
  readonly seen: readonly string[]
  /** What the NAT of IPv4 does. */
  readonly nat: NatKind
}

/** What questions need of their socket. */
export interface QuestionsOptions {
  readonly send: (bytes: Uint8Array, to: Address) => void
  /** Addresses of this computer, with the socket's port. */
  readonly own: () => readonly Address[]
  readonly onFacts: (facts: ReflexiveFacts) => void
}

/** The questions by echo of one socket: asked again until answered, and then now and then, as that keeps the NAT's memory. */
export interface Questions extends Disposable {
  readonly facts: ReflexiveFacts
  /** Ask this hub from now on; undefined: nobody. */
  ask(hub: EchoHub | undefined): void
  /** The network changed: ask at once. */
  askAgain(): void
  /** An answer came. */
  answered(transaction: bigint, seen: Address): void
}

/** Make the questions of a socket. */
export function createQuestions(options: QuestionsOptions): Questions {
  let hub: EchoHub | undefined
  let facts: ReflexiveFacts = { seen: [], nat: 'unknown' }
  let round = new Map<bigint, EchoResult>()
  let counter = 0n
  let timer: NodeJS.Timeout | undefined

  function begin(): void {
    clearTimeout(timer)
    round = new Map()
    if (hub === undefined) return
    for (const host of hub.ips) {
      for (const port of hub.ports) {
        counter = (counter + 1n) & 0xffffn
        round.set((BigInt(`0x${hub.token}`) << 16n) | counter, { asked: { host, port } })
      }
    }
    send(0)
  }

  function send(tries: number): void {
    const open = [...round].filter(([, result]) => result.seen === undefined)
    if (open.length === 0 || tries > RETRY_MS.length) {
      conclude()
      timer = setTimeout(begin, ASK_AGAIN_MS).unref()
      return
    }
    for (const [transaction, { asked }] of open)
      options.send(encodeEcho({ kind: 'request', transaction }), asked)
    timer = setTimeout(send, RETRY_MS[tries] ?? LAST_WAIT_MS, tries + 1).unref()
  }

  function conclude(): void {
    const results = [...round.values()]
    const ofIpv4 = results.filter(({ asked }) => !isIpv6Address(asked))
    const seen = results.flatMap(result => (result.seen === undefined ? [] : [formatAddress(result.seen)]))
    const now: ReflexiveFacts = { seen: [...new Set(seen)].sort(), nat: natKindOf(options.own(), ofIpv4) }
    if (now.nat === facts.nat && now.seen.join() === facts.seen.join()) return
    facts = now
    options.onFacts(now)
  }

  return {
    get facts() {
      return facts
    },
    ask(next) {
      hub = next
      begin()
    },
    askAgain: begin,
    answered(transaction, seen) {
      const result = round.get(transaction)
      if (result === undefined || result.seen !== undefined) return
      round.set(transaction, { ...result, seen })
      if ([...round.values()].every(one => one.seen !== undefined)) {
        clearTimeout(timer)
        send(0)
      }
    },
    [Symbol.dispose]() {
      hub = undefined
      clearTimeout(timer)
    },
  }
}

/** Waits before a question that is not answered is asked again. */
const RETRY_MS: readonly number[] = [200, 400, 800]
const LAST_WAIT_MS = 1_000
/** NATs forget a mapping after 30 s at the earliest. */
const ASK_AGAIN_MS = 25_000
