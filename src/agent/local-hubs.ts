import type { AGENT_API } from '../core/api/agent-api.ts'
import { CONTROLLER_API, HUB_API } from '../core/api/hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { HubInfo } from '../core/api/shapes.ts'
import { toMeshError } from '../core/model/errors.ts'
import { formatPermit } from '../core/model/permit.ts'
import type { Agent } from './agent.ts'
import type { LocalCaller } from './local-caller.ts'
import type { Membership } from './membership.ts'
import type { SeenHub } from './relay-links.ts'

/** Serve what the local API says of hubs. */
export function createLocalHubsHandlers(
  agent: Agent,
): Pick<Handlers<typeof AGENT_API, LocalCaller>, 'listHubs' | 'createHub' | 'removeHub' | 'drainHub'> {
  return {
    async listHubs({ params }) {
      const { link, hubs: seen } = agent.mesh(params.mesh)
      const hubs = await knownHubs(agent.mesh(params.mesh))
      return {
        hubs: hubs.map(hub => {
          const relay = seen.hubs.find(({ id }) => id === hub.id)
          const roundTripMs = hub.isRelay ? relay?.roundTripMs : link.roundTripMs
          const isAttached = hub.isRelay ? relay?.isLinked === true : link.session !== undefined
          return { ...hub, isAttached, ...(roundTripMs !== undefined && { roundTripMs }) }
        }),
      }
    },
    async createHub({ params, body }) {
      const { link, record } = agent.mesh(params.mesh)
      const { token, ...made } = await link.call(CONTROLLER_API.createHub, { body })
      const permit = formatPermit({ ca: record.ca, agent: {}, bootstraps: record.bootstraps, token })
      return { ...made, permit }
    },
    drainHub: ({ params: { mesh, hub }, body }) =>
      agent.mesh(mesh).link.call(CONTROLLER_API.drainHub, { params: { hub }, body }),
    removeHub: ({ params }) =>
      agent.mesh(params.mesh).link.call(CONTROLLER_API.removeHub, { params: { hub: params.hub } }),
  }
}

/** As the controller says; while it is away, what this agent knows of the hubs that only relay. */
async function knownHubs({ link, hubs }: Membership): Promise<readonly HubInfo[]> {
  try {
    return (await link.call(HUB_API.listHubs, {})).hubs
  } catch (thrown) {
    if (toMeshError(thrown).kind.fault === 'caller' || hubs.hubs.length === 0) throw thrown
    return hubs.hubs.map(describeSeen)
  }
}

function describeSeen({ id, names, isLinked, isDraining }: SeenHub): HubInfo {
  const unknown = {
    version: '',
    startedAtMs: 0,
    linkCount: 0,
    relayCount: 0,
    relayedBytes: 0,
    certificateExpiresAtMs: 0,
  }
  return { id, names, ...unknown, isRelay: true, isOnline: isLinked, ...(isDraining && { isDraining }) }
}
