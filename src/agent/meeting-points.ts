import { HUB_API } from '../core/api/hub-api.ts'
import type { Answer } from '../core/api/route.ts'
import type { Candidates } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import { type MeetingPlace, orderMeetingPlaces } from '../core/path/hub-choice.ts'
import type { RelayWay } from '../core/registry/registry.ts'
import type { HubLink } from './hub-link.ts'
import type { MeetingPasses } from './meeting-passes.ts'
import type { RelayLinks } from './relay-links.ts'

/** Where this agent asks to be introduced: at the hub with the controller, or at one that only relays. */
export interface MeetingPoints {
  /**
   * Ask to be introduced for a relay.
   *
   * @returns the ticket, and the link of the hub at which it is good
   * @throws MeshError `denied`, `offline`, `not-found`, `too-many` …
   */
  askRelay(
    endpoint: EndpointId,
    way: RelayWay,
  ): Promise<Answer<typeof HUB_API.openRelay> & { readonly link: HubLink }>
  /** Ask to be told where an endpoint is. @throws MeshError as `askRelay` */
  introduce(endpoint: EndpointId): Promise<Answer<typeof HUB_API.introduce>>
  /** Tell all hubs where this endpoint may be reached. Never throws. */
  offer(candidates: Candidates): void
  /** Something by the same way as the links is silent. */
  doubt(): void
}

/** Make them. */
export function createMeetingPoints(options: {
  /** To the hub with the controller. */
  readonly link: HubLink
  readonly relayLinks: RelayLinks
  readonly passes: MeetingPasses
  readonly log: Log
}): MeetingPoints {
  const { link, relayLinks, passes, log } = options

  /** Ask one hub after the other, the next also when one takes its time, until one says yes. */
  async function askInTurn<T>(
    endpoint: EndpointId,
    ask: (link: HubLink, pass: string | undefined) => Promise<T>,
  ): Promise<T> {
    const { hubs } = relayLinks
    // As it is where there is one hub.
    if (hubs.length === 0) return ask(link, undefined)
    const { pass, hubs: there } = await passOf(endpoint)
    const isLinked = link.session !== undefined
    const places = orderMeetingPlaces(
      [...hubs, { id: undefined, roundTripMs: link.roundTripMs, isLinked }],
      new Set(there),
    )
    return firstAnswer(places, place => askAt(place, pass, ask), isFinalAt)
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
      if (link.session === undefined)
        throw new MeshError('offline', 'Cannot reach the mesh: no link to the hub with the controller')
      return ask(link, undefined)
    }
    if (pass === undefined)
      throw new MeshError('offline', 'Cannot meet at a hub that only relays: the controller is away')
    const visited = await relayLinks.visit(id)
    if (visited === undefined) throw new MeshError('offline', `Cannot reach hub ${id}`)
    return ask(visited, pass)
  }

  return {
    askRelay: (endpoint, way) =>
      askInTurn(endpoint, async (at, pass) => {
        const body = { endpoint, way, ...(pass !== undefined && { pass }) }
        return { ...(await at.call(HUB_API.openRelay, { body })), link: at }
      }),
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

/**
 * Ask several in turn, the next one when the one before has failed or not answered for a while.
 *
 * @throws MeshError the first that is final; else that of the hub with the controller, else the first
 */
async function firstAnswer<P extends MeetingPlace, T>(
  places: readonly P[],
  ask: (place: P) => Promise<T>,
  isFinal: (place: P, error: MeshError) => boolean,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const failures: { readonly place: P; readonly error: MeshError }[] = []
  let next = 0
  let timer: NodeJS.Timeout | undefined

  function fail(place: P, error: MeshError): void {
    failures.push({ place, error })
    if (isFinal(place, error)) reject(error)
    else if (next < places.length) askNext()
    else if (failures.length === places.length)
      reject((failures.find(one => one.place.id === undefined) ?? failures[0])?.error)
  }

  function askNext(): void {
    clearTimeout(timer)
    const place = places[next]
    if (place === undefined) return
    next += 1
    timer = setTimeout(askNext, PATIENCE_MS)
    ask(place).then(resolve, thrown => fail(place, toMeshError(thrown)))
  }

  askNext()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    next = places.length
  }
}

const FINAL: ReadonlySet<string> = new Set(['denied', 'not-found', 'evicted', 'not-trusted'])
/** A hub that has not answered by then is not waited for alone. */
const PATIENCE_MS = 400
