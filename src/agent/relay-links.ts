import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { HubEvent } from '../core/api/events.ts'
import { HUB_API } from '../core/api/hub-api.ts'
import type { KnownHub } from '../core/api/hubs-api.ts'
import type { PassageTarget } from '../core/api/passage.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { HubId } from '../core/model/ids.ts'
import { type Log, withFields } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import { chooseHubs } from '../core/path/hub-choice.ts'
import { connectTcp } from '../net/host-sockets.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import type { NetworkChange } from '../net/own-addresses.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import { firstOf } from './first-of.ts'
import { createHubLink, type HubLink } from './hub-link.ts'
import { openPassage } from './passage.ts'

/** What links to hubs that only relay need of their membership. */
export interface RelayLinksOptions {
  /** To the hub with the controller. */
  readonly link: Pick<HubLink, 'isDirect' | 'session'>
  readonly identity: () => TlsIdentity
  /** Read who answered. @throws MeshError unless it is that hub, which only relays */
  readonly identifyRelayHub: (socket: TLSSocket, wanted: HubId) => ShownIdentity
  /** Somebody wants to meet us there. */
  readonly onMeeting: (event: MeetingEvent, link: HubLink) => void
  /** It ends, or is no hub of the mesh any more: nothing is to go by it when the time is over. */
  readonly onLeave: (hub: HubId, withinMs: number) => void
  /** It is being drained: what goes by it is to go by others, without haste. Said again as long as that is so. */
  readonly onDrain: (hub: PassageTarget) => void
  /** Whether sessions that this agent opened go by it. */
  readonly isUsed: (hub: HubId) => boolean
  /** A link opened, or ended. */
  readonly onChange: () => void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

/** All that a hub that only relays is listened to for. */
export type MeetingEvent = Extract<HubEvent, { event: 'introduce' | 'meet' }>

/** A hub that only relays, as this agent sees it now. */
export interface SeenHub extends KnownHub {
  readonly link: HubLink | undefined
  readonly isLinked: boolean
  readonly roundTripMs: number | undefined
}

/** The links of an agent to hubs that only relay: to the nearest, and to others for a while where a peer is. */
export interface RelayLinks extends AsyncDisposable {
  /** These are the hubs now: as the controller said, or of the last run. */
  setHubs(hubs: readonly KnownHub[]): void
  readonly hubs: readonly SeenHub[]
  /** A link to a hub, for a meeting there. @returns undefined where none opens in time */
  visit(id: HubId): Promise<HubLink | undefined>
  /**
   * A connection to another hub, through one of these that this agent reaches itself.
   *
   * @throws MeshError `unreachable` where none leads there
   */
  detour(to: PassageTarget, signal: AbortSignal): Promise<Duplex>
  /** Our certificate was renewed: the links may live on. */
  renewed(): void
  networkChanged(change: NetworkChange): void
  /** Something by the same way is silent: see soon whether the links still live. */
  doubt(): void
}

interface RelayHub {
  readonly names: readonly string[]
  /** Since when it is drained. */
  drainedSinceMs: number | undefined
  link: HubLink | undefined
  usedAtMs: number
  /** By connecting without a word; a link knows better. */
  connectMs: number | undefined
}

/** Make them; nothing is opened before hubs are known. */
export function createRelayLinks(options: RelayLinksOptions): RelayLinks {
  return new RelayLinkSet(options)
}

class RelayLinkSet implements RelayLinks {
  readonly #options: RelayLinksOptions
  readonly #hubs = new Map<HubId, RelayHub>()
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #measuredAtMs = Number.NEGATIVE_INFINITY

  constructor(options: RelayLinksOptions) {
    this.#options = options
  }

  get hubs(): readonly SeenHub[] {
    return [...this.#hubs].map(([id, { names, link, connectMs, drainedSinceMs }]) => ({
      id,
      names: [...names],
      ...(drainedSinceMs !== undefined && { isDraining: true }),
      link,
      isLinked: link?.session !== undefined,
      roundTripMs: link?.roundTripMs ?? connectMs,
    }))
  }

  setHubs(hubs: readonly KnownHub[]): void {
    const next = new Map(hubs.map(hub => [hub.id, hub]))
    for (const [id, hub] of this.#hubs) {
      if (next.get(id)?.names.join() === hub.names.join()) continue
      this.#hubs.delete(id)
      if (!next.has(id)) this.#options.onLeave(id, OUT_MS)
      void hub.link?.[Symbol.asyncDispose]()
    }
    for (const { id, names, isDraining } of hubs) {
      const known = this.#hubs.get(id)
      const drainedSinceMs = isDraining ? (known?.drainedSinceMs ?? performance.now()) : undefined
      if (known !== undefined) known.drainedSinceMs = drainedSinceMs
      else
        this.#hubs.set(id, {
          names,
          drainedSinceMs,
          link: undefined,
          usedAtMs: Number.NEGATIVE_INFINITY,
          connectMs: undefined,
        })
    }
    clearInterval(this.#timer)
    const drained = hubs.filter(({ isDraining }) => isDraining)
    const everyMs = drained.length > 0 ? DRAIN_LOOK_MS : LOOK_MS
    if (this.#hubs.size > 0 && !this.#abort.signal.aborted)
      this.#timer = setInterval(() => void this.#look(), everyMs)
    // A look may have to measure distances first.
    for (const { id } of drained) this.#options.onDrain(id)
    this.#measuredAtMs = Number.NEGATIVE_INFINITY
    void this.#look()
  }

  async visit(id: HubId): Promise<HubLink | undefined> {
    const hub = this.#hubs.get(id)
    if (hub === undefined || this.#abort.signal.aborted) return undefined
    hub.usedAtMs = performance.now()
    const link = this.#open(id, hub)
    link.hurry()
    await link.whenOnline(VISIT_WAIT_MS).catch(() => {})
    return link.session === undefined ? undefined : link
  }

  detour(to: PassageTarget, signal: AbortSignal): Promise<Duplex> {
    const near = [...this.#hubs]
      .filter(([id, { link }]) => id !== to && link?.isDirect === true)
      .sort(([, a], [, b]) => (a.link?.roundTripMs ?? 0) - (b.link?.roundTripMs ?? 0))
    const links = near.flatMap(([, { link }]) => link ?? [])
    return passThrough(links, to, signal)
  }

  /** To a hub that only relays, for a meeting: through whichever hub is reached. */
  async #visitByDetour(to: HubId, hub: RelayHub, signal: AbortSignal): Promise<Duplex> {
    // Links are kept to be there when another hub is not: one that goes through another is of no use for that.
    if (performance.now() - hub.usedAtMs > VISIT_MS)
      throw new MeshError('unreachable', 'Cannot reach hub: it is not needed enough to go through another')
    const { link } = this.#options
    if (link.isDirect) return passThrough([link], to, signal)
    return this.detour(to, signal)
  }

  renewed(): void {
    const chain = this.#options.identity().chainPem
    for (const hub of this.#hubs.values()) {
      const { link } = hub
      if (link === undefined) continue
      if (link.session === undefined) this.#close(hub)
      else
        link.call(HUB_API.showCertificate, { body: { chain } }).catch(error => {
          this.#options.log.warn('certificate.not-shown', { reason: toMeshError(error).message })
          // It opens anew, with the new one.
          link.session?.destroy()
        })
    }
    void this.#look()
  }

  networkChanged(change: NetworkChange): void {
    for (const { link } of this.#hubs.values()) link?.networkChanged(change)
    this.#measuredAtMs = Number.NEGATIVE_INFINITY
    void this.#look()
  }

  doubt(): void {
    for (const { link } of this.#hubs.values()) link?.doubt()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    clearInterval(this.#timer)
    await Promise.all([...this.#hubs.values()].map(({ link }) => link?.[Symbol.asyncDispose]()))
    this.#hubs.clear()
  }

  /** Keep links to the nearest; end those that were for a visit. */
  async #look(): Promise<void> {
    if (this.#hubs.size > KEPT_LINKS) await this.#measure()
    if (this.#abort.signal.aborted) return
    const held = new Set(this.hubs.flatMap(({ id, isLinked }) => (isLinked ? [id] : [])))
    const staying = this.hubs.filter(({ isDraining }) => !isDraining)
    const chosen = new Set(chooseHubs(staying, held, KEPT_LINKS))
    for (const [id, hub] of this.#hubs) {
      if (hub.drainedSinceMs !== undefined) this.#drain(id, hub, hub.drainedSinceMs)
      else if (chosen.has(id)) this.#open(id, hub)
      // While one of the nearest does not answer, one that does stays.
      else if (performance.now() - hub.usedAtMs > VISIT_MS && this.#hasLinks(chosen)) this.#close(hub)
    }
  }

  /** Leave it once nothing of ours goes by it. Others may come to us by the link: they have some time to leave, too. */
  #drain(id: HubId, hub: RelayHub, sinceMs: number): void {
    this.#options.onDrain(id)
    const isOver = performance.now() - sinceMs > LEAVE_MS && !this.#options.isUsed(id)
    if (isOver && this.#options.link.session !== undefined) this.#close(hub)
  }

  #hasLinks(chosen: ReadonlySet<HubId>): boolean {
    return [...chosen].every(id => this.#hubs.get(id)?.link?.session !== undefined)
  }

  #open(id: HubId, hub: RelayHub): HubLink {
    if (hub.link !== undefined) return hub.link
    const { identity, identifyRelayHub, onMeeting, onLeave, onChange, clock, random, log } = this.#options
    const link: HubLink = createHubLink({
      hub: id,
      bootstraps: hub.names,
      identity,
      identifyHub: socket => identifyRelayHub(socket, id),
      detour: signal => this.#visitByDetour(id, hub, signal),
      // The link with the controller sees to it.
      certificate: () => FOR_EVER,
      renew: async () => {},
      renewLate: async () => {},
      onEvent(event) {
        // It is believed nothing else: who is out, and what may be dialled, the controller says.
        if (event.event === 'introduce' || event.event === 'meet') onMeeting(event, link)
        else if (event.event === 'draining') onLeave(id, DRAIN_MS)
      },
      onState: onChange,
      clock,
      random,
      log: withFields(log, { relayHub: id }),
    })
    hub.link = link
    link.start()
    return link
  }

  #close(hub: RelayHub): void {
    const { link } = hub
    hub.link = undefined
    void link?.[Symbol.asyncDispose]()
  }

  async #measure(): Promise<void> {
    if (performance.now() - this.#measuredAtMs < MEASURE_MS) return
    this.#measuredAtMs = performance.now()
    await Promise.all(
      [...this.#hubs.values()].map(async hub => {
        hub.connectMs = await connectTime(hub.names[0] ?? '', this.#abort.signal)
      }),
    )
  }
}

/** Through the first of these hubs that leads there. */
function passThrough(
  links: readonly Pick<HubLink, 'session'>[],
  to: PassageTarget,
  signal: AbortSignal,
): Promise<Duplex> {
  const tries = links.flatMap(({ session }) =>
    session === undefined ? [] : [(one: AbortSignal) => openPassage(session, to, one)],
  )
  return firstOf(tries, { patienceMs: PASSAGE_PATIENCE_MS, signal, drop: late => late.destroy() })
}

/** How long it takes to connect, ms; undefined where nobody answers. */
async function connectTime(name: string, signal: AbortSignal): Promise<number | undefined> {
  const startedMs = performance.now()
  try {
    const address = { kind: 'address', ...parseAddress(name) } as const
    const socket = await connectTcp(address, { timeoutMs: MEASURE_TIMEOUT_MS, signal })
    const tookMs = performance.now() - startedMs
    socket.destroy()
    return tookMs
  } catch {
    return undefined
  }
}

/** The next hub is asked to lead on when one has not by then. */
const PASSAGE_PATIENCE_MS = 400
/** Sessions by a hub that was put out end within this time, wherever they go on. */
const OUT_MS = 1_000
/** A hub that ends waits for what it relays to go elsewhere; see `DRAIN_MS` of the hub. */
export const DRAIN_MS = 5_000
/** Hubs that only relay to which an agent keeps links, beside the one with the controller. */
const KEPT_LINKS = 2
/** A link to a hub that is drained is kept so long for those who come by it. */
const LEAVE_MS = 3_000
/** How often it is looked whether the links are the right ones. */
const LOOK_MS = 10_000
/** The same while one is being drained: somebody may be waiting. */
const DRAIN_LOOK_MS = 1_000
/** How often distances are measured, where there are more hubs than links. */
const MEASURE_MS = 300_000
const MEASURE_TIMEOUT_MS = 3_000
/** A link for a visit must open within this time, and lives so long after the last meeting. */
const VISIT_WAIT_MS = 3_000
const VISIT_MS = 600_000
const FOR_EVER = { issuedAtMs: 0, expiresAtMs: 8.64e15 }
