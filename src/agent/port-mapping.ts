import type { PortMappingInfo } from '../core/api/agent-api.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { toMeshError } from '../core/model/errors.ts'
import { ipRange, parseIp } from '../core/model/ip-address.ts'
import type { Log } from '../core/model/log.ts'
import { closeRouterPort, openRouterPort, type RouterPort, type RouterPortWish } from '../net/router-port.ts'

type Protocol = RouterPortWish['protocol']

/** The port for peers, led through the router in front of this computer for as long as this is not disposed. */
export interface PortMapping extends AsyncDisposable {
  /** Where the router leads it from; undefined while it does not. */
  outer(protocol: Protocol): Address | undefined
  /** As the local API shows it. */
  describe(): PortMappingInfo
  /** Call back when `outer` is another. */
  onChange(listener: () => void): void
  /** There may be another router now: ask it at once. */
  networkChanged(): void
}

/** Begin to ask the router for this port, TCP and UDP. Nothing waits for it, and it never throws. */
export function openPortMapping(port: number, log: Log): PortMapping {
  return new RouterPortMapping(port, log)
}

class RouterPortMapping implements PortMapping {
  readonly #port: number
  readonly #log: Log
  readonly #open = new Map<Protocol, RouterPort>()
  readonly #listeners = new Set<() => void>()
  readonly #ended: Promise<void>
  #error: string | undefined
  #hasAsked = false
  #isClosed = false
  #isStale = false
  #wake = () => {}

  constructor(port: number, log: Log) {
    this.#port = port
    this.#log = log
    this.#ended = this.#run()
  }

  outer(protocol: Protocol): Address | undefined {
    return this.#open.get(protocol)?.outer
  }

  describe(): PortMappingInfo {
    const [tcp, udp] = [this.outer('tcp'), this.outer('udp')]
    const error = this.#error ?? describeInner(tcp)
    return {
      state: !this.#hasAsked ? 'opening' : tcp !== undefined && udp !== undefined ? 'open' : 'failed',
      ...(tcp !== undefined && { tcp: formatAddress(tcp) }),
      ...(udp !== undefined && { udp: formatAddress(udp) }),
      ...(error !== undefined && { error }),
    }
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  networkChanged(): void {
    this.#isStale = true
    this.#wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#wake()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, CLOSE_MS)
    })
    await Promise.race([this.#ended.then(() => this.#closeAll()), late])
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#isStale = false
      const before = this.#offered()
      let isWell = true
      for (const protocol of ['tcp', 'udp'] as const)
        if (!this.#isClosed) isWell = (await this.#ask(protocol)) && isWell
      this.#hasAsked = true
      if (isWell) this.#error = undefined
      if (this.#offered() !== before) for (const listener of this.#listeners) listener()
      if (!this.#isStale && !this.#isClosed) await this.#pause(isWell ? RENEW_MS : RETRY_MS)
    }
  }

  async #ask(protocol: Protocol): Promise<boolean> {
    const before = this.#open.get(protocol)
    const outerPort = before?.outer.port ?? this.#port
    try {
      const opened = await openRouterPort({ protocol, port: this.#port, outerPort })
      this.#open.set(protocol, opened)
      const outer = formatAddress(opened.outer)
      if (before === undefined || formatAddress(before.outer) !== outer)
        this.#log.info('port-mapping.opened', { protocol, port: this.#port, outer, by: opened.by })
      return true
    } catch (thrown) {
      const { message } = toMeshError(thrown)
      this.#open.delete(protocol)
      // Said once, not at each try.
      const level = this.#error === undefined || before !== undefined ? 'warn' : 'debug'
      this.#log[level]('port-mapping.failed', { protocol, port: this.#port, reason: message })
      this.#error = message
      return false
    }
  }

  async #closeAll(): Promise<void> {
    for (const [protocol, opened] of this.#open) {
      const wish = { protocol, port: this.#port, outerPort: opened.outer.port }
      await closeRouterPort(wish, opened).then(
        () => this.#log.info('port-mapping.closed', { protocol, outer: formatAddress(opened.outer) }),
        error => this.#log.warn('port-mapping.not-closed', { protocol, reason: toMeshError(error).message }),
      )
    }
  }

  #offered(): string {
    return [...this.#open].map(([protocol, { outer }]) => `${protocol} ${formatAddress(outer)}`).join()
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, delayMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** A router whose outer address is a private one stands behind another, which was not asked. */
function describeInner(outer: Address | undefined): string | undefined {
  const ip = outer && parseIp(outer.host)
  if (outer === undefined || ip === undefined || ipRange(ip) === 'public') return undefined
  return `the router is behind another one: its outer address is ${outer.host}`
}

/** How long before a port is asked for once more: half of `ROUTER_PORT_LIFE_S`, so that one try may fail. */
const RENEW_MS = 1_800_000
/** After a router refused, or none answered. */
const RETRY_MS = 300_000
/** How long the end waits for the router; a port that is not given back ends with its life. */
const CLOSE_MS = 3_000
