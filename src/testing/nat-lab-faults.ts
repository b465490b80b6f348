import type { LinkConditions } from './link-emulator-schedule.ts'
import { UPLINK, V6_NETWORK } from './nat-lab.ts'
import type { NatMesh } from './nat-lab-mesh.ts'
import type { NetHost } from './net-lab.ts'

/**
 * What can happen to a network while a tunnelled connection is open. Each fault expects a mesh of the sites
 * `FAULT_SITES`, and leaves a network that works, if perhaps another one.
 */
export interface Fault {
  readonly name: string
  /** A pause of the connection that is too long even where other programs keep the computer busy. */
  readonly longestPauseMs?: number
  happen(mesh: NatMesh): Promise<void>
}

/** Two computers behind NATs, each with a cable that can be disturbed. */
export const FAULT_SITES = {
  house: { nats: ['port-restricted'], hosts: ['home'], link: {} },
  office: { nats: ['symmetric'], hosts: ['work'], link: {} },
} as const

/** Faults after which the TCP connections to the hub are still there. */
export const PASSING_FAULTS: readonly Fault[] = [
  {
    name: 'the cable of a router is out for two seconds',
    async happen(mesh) {
      await routerOf(mesh, 'house').ip(`link set ${UPLINK} down`)
      await pause(2_000)
      await routerOf(mesh, 'house').ip(`link set ${UPLINK} up`, 'route replace default via 198.18.1.1')
    },
  },
  {
    name: 'the router forgets all its connections',
    happen: mesh => forgetConnections(mesh, 'house'),
  },
  {
    name: 'UDP is blocked from now on',
    async happen(mesh) {
      for (const site of ['house', 'office'])
        await routerOf(mesh, site).nft('insert rule ip n forward meta l4proto udp drop')
    },
  },
  {
    name: 'every packet is lost for three seconds',
    happen: mesh => whileLinkIs(mesh, 'office', { lossPercent: 100 }, 3_000),
  },
  {
    name: 'no new connection to the hub is possible for two seconds',
    happen: mesh => whileHubDrops(mesh, 'ct state new drop', 2_000),
  },
  {
    name: 'nothing reaches the hub for five seconds',
    happen: mesh => whileHubDrops(mesh, 'drop', 5_000),
  },
]

/** Faults that end TCP connections: a stream must be resumed over another path. */
export const BREAKING_FAULTS: readonly Fault[] = [
  {
    name: 'the hub is killed and started again',
    async happen(mesh) {
      const hub = [...mesh.daemons].find(({ role }) => role === 'hub')
      await hub?.stop('SIGKILL')
      await mesh.restartHub()
    },
  },
  {
    name: 'the router of one side has another public address',
    longestPauseMs: 6_000,
    async happen(mesh) {
      await routerOf(mesh, 'office').ip(
        `address flush dev ${UPLINK}`,
        `address add 198.18.2.77/24 dev ${UPLINK}`,
        'route replace default via 198.18.2.1',
      )
      await forgetConnections(mesh, 'office')
    },
  },
  {
    name: 'one computer has another address in its network',
    longestPauseMs: 6_000,
    async happen(mesh) {
      await mesh.lab
        .host('work')
        .ip(
          `address flush dev ${UPLINK}`,
          `address add 10.2.1.77/24 dev ${UPLINK}`,
          'route replace default via 10.2.1.1',
        )
    },
  },
]

/** As when a lid is closed: the computer does nothing, and its network neither. */
export const SLEEP: Fault = {
  name: 'a computer sleeps for 60 seconds',
  async happen(mesh) {
    const agent = [...mesh.daemons].find(({ name }) => name === 'work')
    agent?.child.kill('SIGSTOP')
    await whileLinkIs(mesh, 'office', { lossPercent: 100 }, 60_000)
    agent?.child.kill('SIGCONT')
  },
}

/** Which IP a computer has. */
export type Uplink = 'v4' | 'v6' | 'both'

/**
 * Give a computer without NAT other addresses, as one that is plugged in elsewhere.
 *
 * @param subnet  number of its network at the internet: that of its site
 * @param number  of its address there; another than before
 */
export async function switchUplink(
  host: NetHost,
  { subnet, number, ip }: { subnet: number; number: number; ip: Uplink },
): Promise<void> {
  await host.ip(
    `address flush dev ${UPLINK} scope global`,
    ...(ip === 'v6'
      ? []
      : [
          `address add 198.18.${subnet}.${number}/24 dev ${UPLINK}`,
          `route replace default via 198.18.${subnet}.1`,
        ]),
    ...(ip === 'v4'
      ? []
      : [
          `address add ${V6_NETWORK}:${subnet}::${number}/64 dev ${UPLINK}`,
          `route replace ::/0 via ${V6_NETWORK}:${subnet}::1`,
        ]),
  )
}

function routerOf({ lab }: NatMesh, site: string): NetHost {
  const [router] = lab.routers.get(site) ?? []
  if (router === undefined) throw new Error(`no router at ${site}`)
  return router
}

async function forgetConnections(mesh: NatMesh, site: string): Promise<void> {
  await routerOf(mesh, site).run('conntrack', ['-F'])
}

async function whileLinkIs(
  mesh: NatMesh,
  site: string,
  conditions: LinkConditions,
  ms: number,
): Promise<void> {
  await mesh.lab.links.get(site)?.set(conditions)
  await pause(ms)
  await mesh.lab.links.get(site)?.set({})
}

async function whileHubDrops({ lab }: NatMesh, rule: string, ms: number): Promise<void> {
  await lab.hub.nft(`table inet cut { chain input { type filter hook input priority 0; ${rule}; }\n}`)
  await pause(ms)
  await lab.hub.nft('delete table inet cut')
}

/** How long something is broken is what is tested. */
function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
