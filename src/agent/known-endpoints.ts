import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { EndpointInfo } from '../core/api/shapes.ts'
import { type EndpointId, isUuid } from '../core/model/ids.ts'
import type { Clock } from '../core/model/time.ts'
import type { HubLink } from './hub-link.ts'

/** Endpoints of a mesh as the hub told them last: what they are called is known also while no hub is reached. */
export interface KnownEndpoints {
  learn(endpoints: readonly EndpointInfo[]): void
  /** What an id was called last. */
  nameOf(id: string): EndpointInfo['name'] | undefined
  /** By id or exact name; `undefined` also where two were called so. */
  find(nameOrId: string): EndpointInfo | undefined
  /** Ask what those are called of whom it is not known, for as long as a person waits; each once a minute at most. */
  ask(ids: readonly EndpointId[]): Promise<void>
}

/** Begin to remember; nothing is kept after a restart. */
export function createKnownEndpoints(link: HubLink, clock: Clock): KnownEndpoints {
  const known = new Map<string, EndpointInfo>()
  const askedAtMs = new Map<string, number>()
  const learn = (endpoints: readonly EndpointInfo[]) => {
    for (const endpoint of endpoints) {
      known.delete(endpoint.id)
      known.set(endpoint.id, endpoint)
    }
    shorten(known)
  }
  return {
    learn,
    nameOf: id => known.get(id)?.name,
    find(nameOrId) {
      if (isUuid(nameOrId)) return known.get(nameOrId)
      const [found, other] = [...known.values()].filter(({ name }) => name === nameOrId)
      return other === undefined ? found : undefined
    },
    async ask(ids) {
      const now = clock.now()
      const unknown = ids.filter(
        id => !known.has(id) && now - (askedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) >= AGAIN_MS,
      )
      if (unknown.length === 0 || link.session === undefined) return
      const asking = unknown.slice(0, MAX_ASKED).map(async endpoint => {
        askedAtMs.set(endpoint, now)
        const found = await link.call(CONTROLLER_API.showEndpoint, { params: { endpoint } })
        if (found.id === endpoint) learn([found])
      })
      shorten(askedAtMs)
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise(resolve => {
        timer = setTimeout(resolve, ASK_MS)
      })
      await Promise.race([Promise.allSettled(asking), enough])
      clearTimeout(timer)
    },
  }
}

/** Of what was learned last so many are kept. */
function shorten(all: Map<string, unknown>): void {
  for (const id of all.keys()) {
    if (all.size <= MAX_KNOWN) return
    all.delete(id)
  }
}

/** Endpoints of a mesh whose names are remembered, for `ztm status` and `ztm ping` without a hub. */
const MAX_KNOWN = 1_000
/** Whom the hub does not name is not asked for again at once. */
const AGAIN_MS = 60_000
/** Names asked for at once. */
const MAX_ASKED = 20
/** Whoever asks for the status waits no longer for names. */
const ASK_MS = 1_000
