import { connectThroughLink, type EmulatedLink } from './link-emulator.ts'
import type { LinkConditions } from './link-emulator-schedule.ts'
import { type NatKind, natRules } from './nat-lab-rules.ts'
import { createNetLab, type NetHost, type NetLab } from './net-lab.ts'

/** A place with computers, connected to the internet of a lab. */
export interface Site {
  /** Its routers, the one at the internet first; none: its computers have public addresses. */
  readonly nats?: readonly NatKind[]
  /** Names of its computers, unique in the lab. Those behind one router share a network. */
  readonly hosts: readonly string[]
  /** Which IP it has; default `v4`. IPv6 is never translated, its first router lets in answers only. */
  readonly ip?: 'v4' | 'v6' | 'both'
  /** What its cable to the internet (end a) does to packets, each way; only for sites of one cable. */
  readonly link?: LinkConditions
}

/** A public hub computer and sites, each behind NATs of its own. */
export interface NatLab extends NetLab {
  /** It has both addresses of `HUB_ADDRESSES` and `HUB_ADDRESS_V6`. */
  readonly hub: NetHost
  /** Routes between all sites; forwards only. */
  readonly internet: NetHost
  /** By the name of the site; the one at the internet first. */
  readonly routers: ReadonlyMap<string, readonly NetHost[]>
  /** By the name of the site, of those that have one. */
  readonly links: ReadonlyMap<string, EmulatedLink>
  /** @throws Error if there is no computer of that name */
  host(name: string): NetHost
}

/** The hub's two addresses: a NAT's kind shows only to two. */
export const HUB_ADDRESSES = ['198.18.0.2', '198.18.0.3'] as const

/** What all addresses of IPv6 in a lab begin with; the number of a subnet follows. */
export const V6_NETWORK = '2001:db8'

/** The hub's address of IPv6. */
export const HUB_ADDRESS_V6 = '2001:db8::2'

/** Build the lab; when a step fails what was built is removed. */
export async function createNatLab(sites: Readonly<Record<string, Site>>): Promise<NatLab> {
  await using building = new AsyncDisposableStack()
  const lab = building.use(await createNetLab())
  const internet = await lab.addHost('internet', { isRouter: true })
  const hub = await lab.addHost('hub')
  await lab.connect(
    { host: internet, device: 'hub', addresses: ['198.18.0.1/24', '2001:db8::1/64'] },
    {
      host: hub,
      device: 'eth0',
      addresses: [...HUB_ADDRESSES.map(each => `${each}/24`), `${HUB_ADDRESS_V6}/64`],
    },
  )
  await hub.ip('route add default via 198.18.0.1', 'route add ::/0 via 2001:db8::1')
  const routers = new Map<string, NetHost[]>()
  const links = new Map<string, EmulatedLink>()
  let subnet = 0
  for (const [name, site] of Object.entries(sites)) {
    const plan = { lab, internet, name, site, links, nextSubnet: () => ++subnet }
    routers.set(name, await buildSite(plan))
  }
  const done = building.move()
  return {
    ...lab,
    hub,
    internet,
    routers,
    links,
    host(name) {
      const found = lab.hosts.find(host => host.name === name)
      if (found === undefined) throw new Error(`the lab has no computer "${name}"`)
      return found
    },
    [Symbol.asyncDispose]: () => done.disposeAsync(),
  }
}

interface SitePlan {
  readonly lab: NetLab
  readonly internet: NetHost
  readonly name: string
  readonly site: Site
  readonly links: Map<string, EmulatedLink>
  /** The number of a network at the internet that is not used yet. */
  nextSubnet(): number
}

async function buildSite(plan: SitePlan): Promise<NetHost[]> {
  const { lab, name, site, nextSubnet } = plan
  const { nats = [], hosts, ip = 'v4' } = site
  const has = { v4: ip !== 'v6', v6: ip !== 'v4' }
  if (nats.length === 0) {
    for (const each of hosts) await attach(plan, await lab.addHost(each), nextSubnet(), has)
    return []
  }
  const routers: NetHost[] = []
  const subnet = nextSubnet()
  for (const [depth, kind] of nats.entries()) {
    const router = await lab.addHost(`${name}-nat${depth}`, { isRouter: true })
    const above = routers.at(-1)
    if (above === undefined) await attach(plan, router, subnet, has)
    else await plugIn(lab, above, router, { subnet, depth, number: 2 }, has)
    await router.ip('link add lan type bridge', 'link set lan up', ...lanAddresses(subnet, depth + 1, has))
    // Delegated networks of IPv6 further down.
    if (has.v6 && depth < nats.length - 1)
      await router.ip(`route add ${lanV6(subnet, depth + 2)}::/64 via ${lanV6(subnet, depth + 1)}::2`)
    await router.nft(natRules(kind, { isFirst: depth === 0 }))
    routers.push(router)
  }
  const last = routers.at(-1) as NetHost
  for (const [index, each] of hosts.entries()) {
    const host = await lab.addHost(each)
    await plugIn(lab, last, host, { subnet, depth: nats.length, number: 10 + index }, has)
  }
  return routers
}

type Versions = { readonly v4: boolean; readonly v6: boolean }

/** A cable to the internet, and the routes for it. */
async function attach(
  { lab, internet, name, site, links }: SitePlan,
  host: NetHost,
  subnet: number,
  has: Versions,
): Promise<void> {
  const [v4, v6] = [`198.18.${subnet}`, `${V6_NETWORK}:${subnet}`]
  const addresses = (number: number) => [
    ...(has.v4 ? [`${v4}.${number}/24`] : []),
    ...(has.v6 ? [`${v6}::${number}/64`] : []),
  ]
  const device = `to${subnet}`
  const [a, b] = [
    { host: internet, device, addresses: addresses(1) },
    { host, device: UPLINK, addresses: addresses(2) },
  ]
  if (site.link === undefined) await lab.connect(a, b)
  else links.set(name, await connectThroughLink(lab, { a, b }, site.link))
  await host.ip(...defaultRoutes(`${v4}.1`, `${v6}::1`, has))
  if (has.v6) await internet.ip(`route add ${v6}::/48 via ${v6}::2`)
}

/** A cable to the local network of a router. */
async function plugIn(
  lab: NetLab,
  router: NetHost,
  host: NetHost,
  at: { subnet: number; depth: number; number: number },
  has: Versions,
): Promise<void> {
  const [v4, v6] = [`10.${at.subnet}.${at.depth}`, lanV6(at.subnet, at.depth)]
  const device = `lan${at.number}`
  const addresses = [
    ...(has.v4 ? [`${v4}.${at.number}/24`] : []),
    ...(has.v6 ? [`${v6}::${at.number}/64`] : []),
  ]
  await lab.connect({ host: router, device }, { host, device: UPLINK, addresses })
  await router.ip(`link set ${device} master lan`)
  await host.ip(...defaultRoutes(`${v4}.1`, `${v6}::1`, has))
}

function lanAddresses(subnet: number, depth: number, has: Versions): string[] {
  return [
    ...(has.v4 ? [`address add 10.${subnet}.${depth}.1/24 dev lan`] : []),
    ...(has.v6 ? [`address add ${lanV6(subnet, depth)}::1/64 dev lan`] : []),
  ]
}

function lanV6(subnet: number, depth: number): string {
  return `${V6_NETWORK}:${subnet}:${depth}`
}

function defaultRoutes(v4: string, v6: string, has: Versions): string[] {
  return [...(has.v4 ? [`route add default via ${v4}`] : []), ...(has.v6 ? [`route add ::/0 via ${v6}`] : [])]
}

/** The device towards the internet, on routers and computers alike. */
export const UPLINK = 'eth0'
