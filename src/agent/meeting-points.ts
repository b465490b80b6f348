import { HUB_API } from '../core/api/hub-api.ts'
import type { PassageTarget } from '../core/api/passage.ts'
import type { Answer } from '../core/api/route.ts'
import type { Candidates } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import { type MeetingPlace, orderMeetingPlaces } from '../core/path/hub-choice.ts'
import type { RelayWay } from '../core/registry/registry.ts'
import { firstAnswer } from './first-answer.ts'
import type { HubLink } from './hub-link.ts'
import type { MeetingPasses } from './meeting-passes.ts'
import type { RelayLinks } from './relay-links.ts'

/** Where this agent asks to be introduced: at the hub with the controller, or at one that only relays. */
export interface MeetingPoints {
  /**
   * Ask to be introduced for a relay.
   *
   * @param avoid  a hub that is not to be asked
   * @returns the ticket, and the link of the hub at which it is good
   * @throws MeshError `denied`, `offline`, `not-found`, `too-many` …
   */
  askRelay(
    endpoint: EndpointId,
    way: RelayWay,
    avoid?: PassageTarget,
  ): Promise<Answer<typeof HUB_API.openRelay> & { readonly link: HubLink }>
  /** Ask to be told where an endpoint is. @throws MeshError as `askRelay` */
  introduce(endpoint: EndpointId): Promise<Answer<typeof HUB_API.introduce>>
  /** Tell all hubs where this endpoint may be reached. Never throws. */
  offer(candidates: Candidates): void
  /** Something by the same way as the links is silent. */
  doubt(): void
  /** What this hub relays is silent, or it ends: for a while it is asked last. */
  silent(hub: PassageTarget): void
}

/** Make them. */
export function createMeetingPoints(options: {
  /** To the hub with the controller. */
  readonly link: HubLink
  readonly relayLinks: RelayLinks
  readonly passes: MeetingPasses
  /** Whether the hub with the controller is being drained. */
  readonly isDraining: () => boolean
  readonly log: Log
}): MeetingPoints {
  const { link, relayLinks, passes, log } = options
  const silentUntilMs = new Map<PassageTarget, number>()

  /** Ask one hub after the other, the next also when one takes its time, until one says yes. */
  async function askInTurn<T>(
    endpoint: EndpointId,
    ask: (link: HubLink, pass: string | undefined) => Promise<T>,
    avoid?: PassageTarget,
  ): Promise<T> {
    const { hubs } = relayLinks
    // As it is where there is one hub.
    if (hubs.length === 0 && avoid !== 'controller') return ask(link, undefined)
    const { pass, hubs: there } = await passOf(endpoint)
    const isLinked = link.session !== undefined
    const all = [
      ...hubs,
      { id: undefined, roundTripMs: link.roundTripMs, isLinked, isDraining: options.isDraining() },
    ]
    const places = orderMeetingPlaces(
      all
        .map(place => ({ ...place, isSilent: isSilent(place.id ?? 'controller') }))
        .filter(({ id }) => (id ?? 'controller') !== avoid),
      new Set(there),
    )
    return firstAnswer(places, { ask: place => askAt(place, pass, ask), isFinal: isFinalAt })
  }

  function isSilent(hub: PassageTarget): boolean {
    return (silentUntilMs.get(hub) ?? 0) > performance.now()
  }

  async function passOf(endpoint: EndpointId): Promise<{ pass: string | undefined; hubs: MeetingHubs }> {
    try {
      return await passes.get(endpoint)
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (error.kind.fault === 'caller') throw error
      return { pass: undefined, hubs: [] }
    }
  }

  async function askAt<T>(
    { id }: MeetingPlace,
    pass: string | undefined,
    ask: (link: HubLink, pass: string | undefined) => Promise<T>,
  ): Promise<T> {
    if (id === undefined) {
      await link.whenOnline(LINK_WAIT_MS)
      return ask(link, undefined)
    }
    if (pass === undefined)
      throw new MeshError('offline', 'Cannot meet at a hub that only relays: the controller is away')
    const visited = await relayLinks.visit(id)
    if (visited === undefined) throw new MeshError('offline', `Cannot reach hub ${id}`)
    return ask(visited, pass)
  }

  return {
    askRelay(endpoint, way, avoid) {
      const ask = async (at: HubLink, pass: string | undefined) => {
        const body = { endpoint, way, ...(pass !== undefined && { pass }) }
        return { ...(await at.call(HUB_API.openRelay, { body })), link: at }
      }
      return askInTurn(endpoint, ask, avoid)
    },
    introduce: endpoint =>
      askInTurn(endpoint, (at, pass) =>
        at.call(HUB_API.introduce, { body: { endpoint, ...(pass !== undefined && { pass }) } }),
      ),
    offer(body) {
      const relays = relayLinks.hubs.map(hub => hub.link)
      for (const one of [link, ...relays]) {
        if (one?.session === undefined) continue
        one.call(HUB_API.offerCandidates, { body }).catch(error => {
          log.debug('candidates.not-offered', { reason: toMeshError(error).message })
        })
      }
    },
    silent(hub) {
      for (const [one, untilMs] of silentUntilMs) if (untilMs < performance.now()) silentUntilMs.delete(one)
      silentUntilMs.set(hub, performance.now() + SILENT_MS)
      if (hub === 'controller') link.doubt()
      else relayLinks.hubs.find(({ id }) => id === hub)?.link?.doubt()
    },
    doubt() {
      link.doubt()
      relayLinks.doubt()
    },
  }
}

type MeetingHubs = Awaited<ReturnType<MeetingPasses['get']>>['hubs']

/** What the hub with the controller says no to is no; a hub that only relays is not believed. */
function isFinalAt({ id }: MeetingPlace, { code }: MeshError): boolean {
  return id === undefined && FINAL.has(code)
}

const FINAL: ReadonlySet<string> = new Set(['denied', 'not-found', 'evicted', 'not-trusted'])
/** How long a hub is asked last that was silent: by then its link has ended, or it answers. */
const SILENT_MS = 10_000
/** A link that is lost must be back within this time, for a meeting at its hub. */
const LINK_WAIT_MS = 3_000
