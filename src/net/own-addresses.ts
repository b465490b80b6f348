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

/**
 * Call back when the addresses of this computer change. They are looked at now and then: no system tells Node.
 *
 * @returns a function that ends it
 */
export function watchOwnAddresses(onChange: () => void, intervalMs = LOOK_MS): () => void {
  let before = ownAddresses().join()
  const timer = setInterval(() => {
    const now = ownAddresses().join()
    if (now === before) return
    before = now
    onChange()
  }, intervalMs).unref()
  return () => clearInterval(timer)
}

/** A change is noticed within this time. It costs some 0.1 ms. */
const LOOK_MS = 1_000
