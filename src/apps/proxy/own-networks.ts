import { parseAddress } from '../../core/model/address.ts'
import { parseIp } from '../../core/model/ip-address.ts'
import { parseTargetPattern, type TargetPattern } from '../../core/model/target-pattern.ts'
import type { Host } from '../../sdk/app.ts'

/** The public addresses that lead to an exit's own computer, or to the networks it is in. */
export interface OwnNetworks extends Disposable {
  /** @param addresses  IP addresses; anything else is none of them */
  has(addresses: readonly string[]): boolean
}

/**
 * Know them: those of the interfaces, looked at now and then, and the one that the hub sees, which may be that of the router in front.
 * What was seen once stays: a router that leads a port here does so for a while after its address changed.
 */
export function watchOwnNetworks(
  host: Pick<Host, 'ownNetworks' | 'findEndpoint' | 'endpoint' | 'clock' | 'after'>,
): OwnNetworks {
  let networks: readonly TargetPattern[] = []
  let lookedAtMs = Number.NEGATIVE_INFINITY
  const seen = new Map<string, TargetPattern>()
  let cancel = () => {}
  let isDisposed = false

  function look(): void {
    const now = host.clock.now()
    if (Math.abs(now - lookedAtMs) < LOOK_MS) return
    lookedAtMs = now
    networks = host.ownNetworks().map(around)
  }

  async function ask(): Promise<void> {
    try {
      const { address } = await host.findEndpoint(host.endpoint.id)
      const ip = address === undefined ? undefined : parseAddress(address).host
      if (ip !== undefined && parseIp(ip) !== undefined) {
        seen.delete(ip)
        seen.set(ip, parseTargetPattern(ip))
        const [oldest] = seen.keys()
        if (seen.size > MAX_SEEN && oldest !== undefined) seen.delete(oldest)
      }
    } catch {
      // No hub can be asked now: what was seen before holds.
    }
    if (!isDisposed) cancel = host.after(ASK_MS, () => void ask())
  }

  void ask()
  return {
    has(addresses) {
      look()
      const ips = addresses.filter(address => parseIp(address) !== undefined)
      return [...networks, ...seen.values()].some(network => ips.some(ip => network.fits(ip)))
    },
    [Symbol.dispose]() {
      isDisposed = true
      cancel()
    },
  }
}

/** The network of an interface; of one that claims half of the internet only its own address. */
function around(network: string): TargetPattern {
  const [ip = '', bits = ''] = network.split('/')
  const least = ip.includes(':') ? LEAST_IPV6_BITS : LEAST_IPV4_BITS
  return parseTargetPattern(Number(bits) >= least ? network : ip)
}

const LOOK_MS = 1_000
const ASK_MS = 60_000
const MAX_SEEN = 16
const LEAST_IPV4_BITS = 16
const LEAST_IPV6_BITS = 48
