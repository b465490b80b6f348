import { randomBytes } from 'node:crypto'
import { decodeEcho, encodeEcho } from '../core/codec/echo.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import { type Clock, type Ms, ms } from '../core/model/time.ts'
import { plainAddress } from '../core/path/candidate.ts'
import { bindUdp, type HostUdpPort } from '../net/host-sockets.ts'

/** What the hub tells an agent of its UDP ports, in `hello`. */
export interface EchoOffer {
  /** Ports of the hub that answer; two where they could be had, to tell the kind of a NAT. */
  readonly ports: readonly number[]
  /** 12 hex digits: the first 6 bytes of the agent's transactions, by which the hub knows whose they are. */
  readonly token: string
}

/**
 * The hub's UDP ports: they tell whoever asks from where it was seen. An agent that asks with the token of its link
 * lets the hub know at which addresses it can be reached, so that it may tell them to others.
 */
export interface UdpEcho extends AsyncDisposable {
  /** For a link that opened. @returns undefined if there is no UDP port */
  admit(endpoint: EndpointId): EchoOffer | undefined
  /** Its link closed. */
  forget(endpoint: EndpointId): void
  /** From where the endpoint asked lately, `IP:port`, newest first. */
  reflexiveAddresses(endpoint: EndpointId): string[]
}

/**
 * Answer at the UDP port of the same number as the hub's TCP port, and at the next one if it is free. A hub that gets
 * no UDP port works without.
 */
export async function openUdpEcho(at: Address, options: { clock: Clock; log: Log }): Promise<UdpEcho> {
  const { clock, log } = options
  const askers = createAskers(clock)
  const budget = createSourceBudget(clock)
  const ports: HostUdpPort[] = []
  for (const port of [at.port, at.port + 1]) {
    try {
      const open = await bindUdp({ host: at.host, port }, (bytes, from) => {
        const source = plainAddress(from)
        if (source === undefined || bytes[0] === undefined || !budget.take(source.host)) return
        const echo = decodeEcho(bytes)
        if (echo?.kind !== 'request') return
        askers.asked(echo.transaction, source)
        open.send(encodeEcho({ kind: 'answer', transaction: echo.transaction, seen: source }), from)
      })
      ports.push(open)
    } catch (error) {
      const fields = { port, reason: toMeshError(error).message }
      if (ports.length > 0) log.debug('echo.second-not-opened', fields)
      else log.warn('echo.not-opened', fields)
      if (ports.length === 0) break
    }
  }
  return {
    admit(endpoint) {
      const token = askers.admit(endpoint)
      return ports.length === 0 ? undefined : { ports: ports.map(({ address }) => address.port), token }
    },
    forget: endpoint => askers.forget(endpoint),
    reflexiveAddresses: endpoint => askers.addresses(endpoint),
    async [Symbol.asyncDispose]() {
      await Promise.all(ports.map(port => port[Symbol.asyncDispose]()))
    },
  }
}

/** Who may be known by which token, and from where they asked. */
function createAskers(clock: Clock) {
  const byEndpoint = new Map<EndpointId, { readonly token: string; readonly seen: Map<string, Ms> }>()
  const byToken = new Map<string, Map<string, Ms>>()
  function forget(endpoint: EndpointId): void {
    const asker = byEndpoint.get(endpoint)
    if (asker !== undefined) byToken.delete(asker.token)
    byEndpoint.delete(endpoint)
  }
  return {
    forget,
    admit(endpoint: EndpointId): string {
      forget(endpoint)
      const token = randomBytes(TOKEN_BYTES).toString('hex')
      const seen = new Map<string, Ms>()
      byEndpoint.set(endpoint, { token, seen })
      byToken.set(token, seen)
      return token
    },
    asked(transaction: bigint, from: Address): void {
      const seen = byToken.get((transaction >> COUNTER_BITS).toString(16).padStart(TOKEN_BYTES * 2, '0'))
      if (seen === undefined) return
      const address = formatAddress(from)
      seen.delete(address)
      seen.set(address, clock.now())
      const [oldest] = seen.keys()
      if (seen.size > MAX_REFLEXIVE && oldest !== undefined) seen.delete(oldest)
    },
    addresses(endpoint: EndpointId): string[] {
      const since = ms(clock.now() - REFLEXIVE_MS)
      const seen = [...(byEndpoint.get(endpoint)?.seen ?? [])]
      return seen.flatMap(([address, at]) => (at >= since ? [address] : [])).reverse()
    },
  }
}

/** How often each source may ask. Counted anew each second; with too many sources, new ones wait for the next. */
function createSourceBudget(clock: Clock) {
  const counts = new Map<string, number>()
  let second = 0
  return {
    take(source: string): boolean {
      const now = Math.floor(clock.now() / 1_000)
      if (now !== second) counts.clear()
      second = now
      const count = counts.get(source) ?? 0
      if (count >= ECHOES_PER_SECOND || (count === 0 && counts.size >= MAX_ECHO_SOURCES)) return false
      counts.set(source, count + 1)
      return true
    },
  }
}

const TOKEN_BYTES = 6
/** The rest of a transaction: the agent tells its questions apart by it. */
const COUNTER_BITS = 16n
/** Addresses kept of one endpoint, and for how long after it asked from there. */
const MAX_REFLEXIVE = 4
const REFLEXIVE_MS = 90_000
/** Questions of one IP address that are answered in a second: an office full of agents behind one. */
const ECHOES_PER_SECOND = 200
/** IP addresses that are answered in one second. */
const MAX_ECHO_SOURCES = 20_000
