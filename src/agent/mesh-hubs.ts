import type { Duplex } from 'node:stream'
import type { KnownHub } from '../core/api/hubs-api.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { NetworkChange } from '../net/own-addresses.ts'
import type { HubLink } from './hub-link.ts'
import { createMeetingPasses } from './meeting-passes.ts'
import { createMeetingPoints, type MeetingPoints } from './meeting-points.ts'
import { createRelayLinks, type RelayLinksOptions, type SeenHub } from './relay-links.ts'

/** The hubs of one mesh beside the one with the controller, and where to meet peers. */
export interface MeshHubs extends AsyncDisposable {
  readonly points: MeetingPoints
  readonly hubs: readonly SeenHub[]
  /** Go to those of the last run, which are found also while the controller is away. */
  start(): void
  /** The controller said which they are, and whether its own is being drained. */
  known(hubs: readonly KnownHub[], isDraining?: boolean): void
  /** A connection to the hub with the controller through one that only relays. @throws MeshError `unreachable` */
  detour(signal: AbortSignal): Promise<Duplex>
  renewed(): void
  networkChanged(change: NetworkChange): void
}

/** What they need of their membership. */
export interface MeshHubsOptions extends RelayLinksOptions {
  /** To the hub with the controller. */
  readonly link: HubLink
  /** Those of the last run. */
  readonly before: readonly KnownHub[]
  /** Others than before: keep them. */
  readonly keep: (hubs: readonly KnownHub[]) => void
  /** Peers that sessions are open to. */
  readonly peers: () => readonly EndpointId[]
  /** Renew the tickets of what is open, too. */
  readonly refreshOpen: () => void
}

/** Make them. */
export function createMeshHubs(options: MeshHubsOptions): MeshHubs {
  const { link, keep } = options
  const relayLinks = createRelayLinks(options)
  const passes = createMeetingPasses(options)
  let before = options.before
  let refresher: NodeJS.Timeout | undefined
  let isOwnDraining = false

  /** So that nothing has to be asked of the controller when it is away. */
  function refresh(): void {
    if (isOwnDraining) options.onDrain('controller')
    if (relayLinks.hubs.length === 0 || link.session === undefined) return
    passes.refresh(options.peers())
    options.refreshOpen()
  }

  return {
    points: createMeetingPoints({ ...options, relayLinks, passes, isDraining: () => isOwnDraining }),
    get hubs() {
      return relayLinks.hubs
    },
    start() {
      relayLinks.setHubs(before)
      refresher = setInterval(refresh, REFRESH_MS)
    },
    known(hubs, isDraining = false) {
      isOwnDraining = isDraining
      relayLinks.setHubs(hubs)
      refresh()
      if (JSON.stringify(hubs) === JSON.stringify(before)) return
      before = hubs
      keep(hubs)
    },
    detour: signal => relayLinks.detour('controller', signal),
    renewed: () => relayLinks.renewed(),
    networkChanged: change => relayLinks.networkChanged(change),
    async [Symbol.asyncDispose]() {
      clearInterval(refresher)
      await relayLinks[Symbol.asyncDispose]()
    },
  }
}

/** How often it is looked which passes and tickets of what is open end soon. */
const REFRESH_MS = 15_000
