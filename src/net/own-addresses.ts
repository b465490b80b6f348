import { networkInterfaces } from 'node:os'

/**
 * IP addresses of this computer, those of loopback last. IPv6 addresses that are good on one cable only (link-local)
 * are left out: the other end would not know on which of its own they mean.
 */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap(rows => rows ?? [])
  const usable = all.filter(({ address }) => !/^fe80:/i.test(address))
  return [...usable.filter(row => !row.internal), ...usable.filter(row => row.internal)].map(
    row => row.address,
  )
}

/** Those of this computer, link-local ones too, each with its network: `192.0.2.7/24`. */
export function ownNetworks(): string[] {
  return Object.values(networkInterfaces()).flatMap(rows => (rows ?? []).flatMap(({ cidr }) => cidr ?? []))
}

/** What happened to the network of this computer. */
export interface NetworkChange {
  /** Addresses that it had a moment ago: what was opened from them is dead. */
  readonly gone: ReadonlySet<string>
}

/**
 * Call back when the addresses of this computer change, or it was asleep and may wake up in another network. They are
 * looked at now and then: no system tells Node.
 *
 * @returns a function that ends it
 */
export function watchOwnAddresses(
  onChange: (change: NetworkChange) => void,
  {
    intervalMs = LOOK_MS,
    addresses = ownAddresses,
  }: { readonly intervalMs?: number; readonly addresses?: () => readonly string[] } = {},
): () => void {
  let before = addresses()
  // The clock that people set goes on in a computer that sleeps, and one that is set costs a look at what is open.
  let lookedAtMs = Date.now()
  const timer = setInterval(() => {
    const now = addresses()
    const wasAsleep = Math.abs(Date.now() - lookedAtMs) > intervalMs + ASLEEP_MS
    lookedAtMs = Date.now()
    if (!wasAsleep && now.join() === before.join()) return
    const gone = new Set(before.filter(address => !now.includes(address)))
    before = now
    onChange({ gone })
  }, intervalMs).unref()
  return () => clearInterval(timer)
}

/** Whether a connection was opened from an address that is gone. @param localAddress  as a socket gives it */
export function isFromGone({ gone }: NetworkChange, localAddress: string | undefined): boolean {
  return localAddress !== undefined && gone.has(localAddress.replace(/^::ffff:(?=\d+\.)/, ''))
}

/** A change is noticed within this time. It costs some 0.1 ms. */
const LOOK_MS = 1_000
/** A look that is so late was kept from happening: the computer, or this process, did nothing. */
const ASLEEP_MS = 5_000
