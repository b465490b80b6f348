import type { ControllerChange, ControllerPort } from '../core/api/controller.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { KnownHub } from '../core/api/hubs-api.ts'
import {
  type HubFeedEvent,
  MAX_REPORTED_LINKS,
  RELAY_HUB_API,
  type ReportedLink,
} from '../core/api/relay-hub-api.ts'
import type { Eviction, HubInfo } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId, HubId, MeshId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import type { Decision } from '../core/policy/rule.ts'
import { checkMeetingPass } from '../pki/meeting-pass.ts'
import type { ControllerLink } from './controller-link.ts'

/** What stands for the controller at a hub that only relays. */
export interface RelayController extends ControllerPort, Disposable {
  /** The controller said something. */
  heard(event: HubFeedEvent): void
  /** The hubs that only relay, as the controller said last. */
  readonly hubs: readonly KnownHub[]
  /** Begin to report. @param describe  how the hub is now */
  start(describe: () => HubInfo): void
}

/** What it is made of. */
export interface RelayControllerOptions {
  readonly mesh: MeshId
  readonly hub: HubId
  readonly rootPem: string
  readonly link: () => Pick<ControllerLink, 'call' | 'isOpen'>
  /** Those of the last run. */
  readonly evictions: readonly Eviction[]
  /** They changed: keep them. */
  readonly keep: (evictions: readonly Eviction[]) => void
  readonly clock: Clock
  readonly log: Log
}

/**
 * Make it. It knows who is out, which the controller tells it, and can read meeting passes; it decides nothing else, and
 * goes on when the controller is away.
 *
 * @see docs/decisions/0057-several-hubs.md
 */
export function createRelayController(options: RelayControllerOptions): RelayController {
  const { mesh, rootPem, link, clock, log } = options
  const listeners = new Set<(change: ControllerChange) => void>()
  const links = new Map<EndpointId, ReportedLink>()
  const evictions = new Map(options.evictions.map(eviction => [eviction.id, eviction]))
  const unsaid = { opened: new Set<EndpointId>(), closed: new Set<EndpointId>(), isFirst: true }
  let hubs: readonly KnownHub[] = []
  let isReporting = false
  let reportedAtMs = 0
  let timer: NodeJS.Timeout | undefined
  let describe: (() => HubInfo) | undefined

  function isDraining(): boolean {
    return hubs.some(({ id, isDraining }) => id === options.hub && isDraining === true)
  }

  function emit(change: ControllerChange): void {
    for (const listener of listeners) listener(change)
  }

  function keepEvictions(): void {
    options.keep([...evictions.values()])
  }

  function meet(from: EndpointIdentity, to: EndpointId, pass: string | undefined): { isDirect: boolean } {
    if (pass === undefined)
      throw new MeshError('bad-ticket', 'Cannot meet at this hub without a pass: it only relays')
    return checkMeetingPass(pass, { rootPem, now: clock.now(), from, to })
  }

  /** Say what has not been said, a part at a time. */
  async function report(): Promise<void> {
    if (describe === undefined || isReporting || !link().isOpen) return
    // Somebody waits until nothing is left.
    const everyMs = isDraining() ? REPORT_MS : STATUS_MS
    const isDue = Math.abs(performance.now() - reportedAtMs) > everyMs
    if (!isDue && !unsaid.isFirst && unsaid.opened.size + unsaid.closed.size === 0) return
    isReporting = true
    const { isFirst } = unsaid
    const opened = [...unsaid.opened].slice(0, MAX_REPORTED_LINKS)
    const closed = [...unsaid.closed].slice(0, MAX_REPORTED_LINKS)
    unsaid.isFirst = false
    for (const endpoint of opened) unsaid.opened.delete(endpoint)
    for (const endpoint of closed) unsaid.closed.delete(endpoint)
    try {
      const { names, version, startedAtMs, linkCount, relayCount, relayedBytes } = describe()
      const status = { names, version, startedAtMs, linkCount, relayCount, relayedBytes }
      const said = opened.flatMap(endpoint => links.get(endpoint) ?? [])
      const { refused } = await link().call(RELAY_HUB_API.reportHub, {
        body: { ...status, isFirst, opened: said, closed },
      })
      reportedAtMs = performance.now()
      if (refused.length > 0) emit({ change: 'links-refused', refused })
    } catch (error) {
      log.warn('hub.not-reported', { code: toMeshError(error).code })
      sayAll()
    } finally {
      isReporting = false
    }
  }

  function sayAll(): void {
    unsaid.isFirst = true
    unsaid.closed.clear()
    for (const endpoint of links.keys()) unsaid.opened.add(endpoint)
  }

  function evicted(identity: EndpointIdentity, issuedAtMs: number): boolean {
    return [...evictions.values()].some(
      ({ user, endpoint, beforeMs }) =>
        user === identity.user &&
        (endpoint === undefined || endpoint === identity.endpoint) &&
        issuedAtMs < beforeMs,
    )
  }

  return {
    handlers: noHandlers(),
    relayHubs: undefined,
    isDraining,
    get hubs() {
      return hubs
    },
    async edge() {
      return { response: new Response(null, { status: 404 }), isKnown: false }
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    admit(identity, issuedAtMs) {
      if (identity.mesh !== mesh)
        throw new MeshError('not-trusted', `Cannot admit endpoint: it is of mesh ${identity.mesh}`)
      if (evicted(identity, issuedAtMs))
        throw new MeshError('evicted', `Cannot open link: ${identity.user} was evicted from the mesh`)
    },
    mayMeet(from, to, pass) {
      meet(from, to, pass)
      return YES
    },
    mayMeetDirectly: (from, to, pass) => (meet(from, to, pass).isDirect ? YES : NO),
    mayAdminister: () => NO,
    evictions: () => [...evictions.values()],
    connected(endpoint, address, _now, shown) {
      if (shown === undefined) return
      links.set(endpoint, { endpoint, ...shown, address })
      unsaid.closed.delete(endpoint)
      unsaid.opened.add(endpoint)
    },
    disconnected(endpoint) {
      if (!links.delete(endpoint)) return
      unsaid.opened.delete(endpoint)
      unsaid.closed.add(endpoint)
    },
    // A hub that only relays is no witness of what was used.
    relayed() {},
    heard(event) {
      switch (event.event) {
        case 'state':
          evictions.clear()
          for (const eviction of event.evictions) evictions.set(eviction.id, eviction)
          keepEvictions()
          hubs = event.hubs
          // What it knows of us is of a link that ended; who was put out meanwhile, it says to the report.
          sayAll()
          break
        case 'evicted':
          evictions.set(event.eviction.id, event.eviction)
          keepEvictions()
          emit({ change: 'evicted', eviction: event.eviction, endpoints: event.endpoints })
          break
        case 'eviction-undone':
          if (evictions.delete(event.id)) keepEvictions()
          break
        case 'removed':
          emit({ change: 'endpoint-removed', endpoint: event.endpoint })
          break
        case 'hubs-changed':
          hubs = event.hubs
          break
        case 'closing':
          break
        default:
          event satisfies never
      }
    },
    start(describeHub) {
      describe = describeHub
      timer = setInterval(() => void report(), REPORT_MS)
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** What agents ask a controller is asked elsewhere: nothing between them and it is to be trusted. */
function noHandlers(): ControllerPort['handlers'] {
  const refuse = async () => {
    throw new MeshError(
      'unsupported',
      'Cannot do this: this hub only relays: ask the hub with the controller',
    )
  }
  return Object.fromEntries(
    Object.keys(CONTROLLER_API).map(name => [name, refuse]),
  ) as unknown as ControllerPort['handlers']
}

const YES: Decision = {
  allow: true,
  rule: { id: 'meeting pass', effect: 'allow', actions: ['meet', 'meet-directly'], who: {}, what: {} },
}
const NO: Decision = { allow: false, rule: undefined }
/** How often what changed is told. */
const REPORT_MS = 250
/** How often the rest is. */
const STATUS_MS = 5_000
