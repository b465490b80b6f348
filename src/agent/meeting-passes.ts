import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Answer } from '../core/api/route.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import { AT_HAND_MS, atHandAfter } from './first-of.ts'
import type { HubLink } from './hub-link.ts'

/** A pass to meet an endpoint at any hub. */
export interface MeetingPass extends Answer<typeof CONTROLLER_API.openMeeting> {
  readonly askedAtMs: number
}

/** The passes of an agent. With them it is introduced while the controller is away. */
export interface MeetingPasses {
  /**
   * A pass that is good; from the controller where it is there, else one of before.
   *
   * @throws MeshError the controller's own (`denied`, `not-found`), or `offline` where there is none and it is away
   */
  get(endpoint: EndpointId): Promise<MeetingPass>
  /** Have good ones for these endpoints, before the controller goes away. Never throws. */
  refresh(endpoints: Iterable<EndpointId>): void
}

/** Make it without any. */
export function createMeetingPasses(options: {
  readonly link: Pick<HubLink, 'call' | 'session'>
  readonly clock: Clock
  readonly log: Log
}): MeetingPasses {
  const { link, clock, log } = options
  const passes = new Map<EndpointId, MeetingPass>()
  const asking = new Map<EndpointId, Promise<MeetingPass>>()

  function ask(endpoint: EndpointId): Promise<MeetingPass> {
    const pending = asking.get(endpoint)
    if (pending !== undefined) return pending
    const asked = link
      .call(CONTROLLER_API.openMeeting, { body: { endpoint } })
      .then(answer => {
        const pass = { ...answer, askedAtMs: clock.now() }
        passes.delete(endpoint)
        passes.set(endpoint, pass)
        const [oldest] = passes.keys()
        if (oldest !== undefined && passes.size > MAX_PASSES) passes.delete(oldest)
        return pass
      })
      .finally(() => asking.delete(endpoint))
    asking.set(endpoint, asked)
    return asked
  }

  function isFresh({ askedAtMs, expiresAtMs }: MeetingPass): boolean {
    const now = clock.now()
    return now >= askedAtMs && now < askedAtMs + ((expiresAtMs - askedAtMs) * 2) / 3
  }

  return {
    async get(endpoint) {
      const known = passes.get(endpoint)
      if (known !== undefined && isFresh(known)) return known
      const isGood = known !== undefined && known.expiresAtMs > clock.now()
      if (isGood && link.session === undefined) return known
      try {
        return await (isGood ? atHandAfter(ask(endpoint), AT_HAND_MS, known) : ask(endpoint))
      } catch (thrown) {
        if (isGood && toMeshError(thrown).kind.fault !== 'caller') return known
        passes.delete(endpoint)
        throw thrown
      }
    },
    refresh(endpoints) {
      if (link.session === undefined) return
      for (const endpoint of endpoints) {
        const known = passes.get(endpoint)
        if (known !== undefined && isFresh(known)) continue
        ask(endpoint).catch(error =>
          log.debug('meeting-pass.not-renewed', { peer: endpoint, reason: toMeshError(error).message }),
        )
      }
    },
  }
}

/** Passes that are kept; each is about 3 KB. */
const MAX_PASSES = 1_000
