import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { HUB_LOCAL_API } from '../core/api/hub-local-api.ts'
import type { AGENT_OWN_HUB_ROUTES, HubPlace, OwnHub } from '../core/api/own-hub-api.ts'
import type { Answer, Handlers, Route } from '../core/api/route.ts'
import { formatAddress, parseAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { ipRange, parseIp } from '../core/model/ip-address.ts'
import { formatPermit, type Permit, parsePermit } from '../core/model/permit.ts'
import { callJson } from '../net/http-json.ts'
import { ownAddresses } from '../net/own-addresses.ts'
import { isPortFree, probeHub } from '../net/probe-hub.ts'
import { socketPath } from '../store/socket-path.ts'
import type { Agent } from './agent.ts'
import type { LocalCaller } from './local-caller.ts'
import { viewMesh } from './views.ts'

/** What to start a hub with; words of it are checked. */
export interface HubWish {
  readonly port: number
  readonly names: readonly string[]
}

/** Starts a hub on a state folder of its own making, and waits until its program runs. @throws MeshError why it does not */
export interface HubStarter {
  /** @param isUp  whether it answers by now */
  start(
    wish: HubWish,
    isUp: () => Promise<boolean>,
  ): Promise<{ readonly runs: 'service' | 'process'; readonly note?: string }>
}

/** What the routes of the own hub need. */
export interface OwnHubOptions {
  readonly agent: Agent
  readonly dataFolder: string
  /** None can be started without it. */
  readonly starter?: HubStarter | undefined
}

/**
 * Serve the routes about the hub of this computer: that of the agent's own state folder, and no other. Only the local API has
 * them, so that whoever starts one may start any program of this user anyway.
 */
export function ownHubHandlers({
  agent,
  dataFolder,
  starter,
}: OwnHubOptions): Handlers<typeof AGENT_OWN_HUB_ROUTES, LocalCaller> {
  const { clock } = agent.options
  const at = { socket: socketPath(dataFolder, 'hub') }
  const ask = async <R extends Route>(route: R): Promise<Answer<R>> => {
    const call = { method: route.method, path: route.path, action: 'Cannot ask hub', timeoutMs: ASK_MS }
    const body = route.body === undefined ? {} : { body: '{}' }
    return route.response?.parse(await callJson(at, { ...call, ...body })) as Answer<R>
  }
  const status = () => ask(HUB_LOCAL_API.showStatus).catch(() => undefined)
  const isUp = async () => (await status()) !== undefined
  const permit = async () => parsePermit((await ask(HUB_LOCAL_API.showPermit)).permit)
  const places = async (names: readonly string[], ca: string) =>
    Promise.all(names.map(name => tryPlace(name, ca, clock.now())))
  return {
    async showOwnHub(): Promise<OwnHub> {
      const hub = await status()
      const isKnown = existsSync(join(dataFolder, 'ztm-hub.db'))
      const addresses = ownAddresses().filter(address => reachOf(address) !== 'computer')
      if (hub === undefined) return { isRunning: false, isKnown, places: [], addresses }
      const { ca } = await permit()
      const { mesh, listen, names } = hub
      return { isRunning: true, isKnown: true, mesh, listen, places: await places(names, ca), addresses }
    },
    async startOwnHub({ body: { port, names } }) {
      if (await isUp()) return { runs: 'running' }
      if (starter === undefined)
        throw new MeshError(
          'unsupported',
          'Cannot start hub: this agent starts no programs: use `ztm start hub`',
        )
      if (!(await isPortFree({ host: '0.0.0.0', port }))) {
        throw new MeshError(
          'port-in-use',
          `Cannot start hub: another program listens on port ${port}: choose another port`,
        )
      }
      agent.options.log.info('hub.starting', { port, names: names.join(' ') })
      return starter.start({ port, names: names.map(name => formatAddress(parseAddress(name))) }, isUp)
    },
    async joinOwnHub({ body: { mesh, endpoint } }) {
      const hub = await status()
      if (hub === undefined)
        throw new MeshError('agent-down', 'Cannot join: no hub runs on this computer: start it first')
      const membership = await agent.join(mesh, endpoint, await reachable(await permit(), hub.listen), false)
      await membership.whenUsable(USABLE_WAIT_MS)
      return viewMesh(membership)
    },
  }

  /** Its permit with the names first that answer from here, then this computer's own: a router may not lead back in. */
  async function reachable(root: Permit, listen: string): Promise<string> {
    const tried = await places(root.bootstraps, root.ca)
    const good = tried.filter(({ isAnswering }) => isAnswering).map(({ name }) => name)
    const rest = tried.filter(({ isAnswering }) => !isAnswering).map(({ name }) => name)
    const local = formatAddress({ host: '127.0.0.1', port: parseAddress(listen).port })
    return formatPermit({ ...root, bootstraps: [...new Set([...good, local, ...rest])] })
  }
}

async function tryPlace(name: string, rootPem: string, now: number): Promise<HubPlace> {
  const address = parseAddress(name)
  const { failed } = await probeHub(address, { rootPem, now, timeoutMs: PROBE_MS })
  return {
    name,
    reach: reachOf(address.host),
    isAnswering: failed === undefined,
    ...(failed && { error: failed.error.message }),
  }
}

/** Who could use an address. */
function reachOf(host: string): HubPlace['reach'] {
  if (host === 'localhost') return 'computer'
  const bytes = parseIp(host)
  if (bytes === undefined) return 'unknown'
  const range = ipRange(bytes)
  if (range === 'public') return 'internet'
  return range === 'private' || range === 'link-local' ? 'network' : 'computer'
}

const ASK_MS = 5_000
/** A firewall that drops what comes to it says nothing. */
const PROBE_MS = 3_000
const USABLE_WAIT_MS = 3_000
