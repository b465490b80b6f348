import type { AGENT_API } from '../core/api/agent-api.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { SessionInfo, Traffic } from '../core/api/network-api.ts'
import { PEER_API } from '../core/api/peer-api.ts'
import type { Answer, Handlers } from '../core/api/route.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { parseServiceName } from '../core/model/names.ts'
import { PATH_KINDS } from '../core/path/path-kind.ts'
import { TRAFFIC_LIMITS, type TrafficSeries } from '../core/path/traffic-history.ts'
import type { Agent } from './agent.ts'
import { findEndpoint } from './app-host.ts'
import type { LocalCaller } from './local-caller.ts'
import type { Membership } from './membership.ts'
import { seriesOf } from './traffic-recorder.ts'
import { viewPaths } from './views.ts'

/** Serve what is asked of the network: traffic, sessions, who reaches whom. */
export function createNetworkHandlers(agent: Agent) {
  return {
    countEndpoints: ({ params, query }) =>
      agent.mesh(params.mesh).link.call(CONTROLLER_API.countEndpoints, { query }),
    async showReach({ params, body }) {
      const membership = agent.mesh(params.mesh)
      const { link, self } = membership
      const from = body.from === undefined ? self.endpoint : (await findEndpoint(link, body.from)).id
      const to = /^(?:tcp|udp)\//.test(body.to)
        ? { service: parseServiceName(body.to) }
        : { endpoint: (await findEndpoint(link, body.to)).id }
      const answer = await link.call(CONTROLLER_API.explainReach, { body: { from, to } })
      const hosts = answer.hosts.filter(({ isAllowed, isOnline }) => isAllowed && isOnline)
      const wanted = from === self.endpoint ? hosts.slice(0, MAX_TRIED) : []
      const tried = await Promise.all(wanted.map(({ id }) => tryHost(membership, id)))
      return { ...answer, tried, verdict: verdictOf(answer, hosts, tried) }
    },
    async showTraffic({ params, query }) {
      const membership = agent.mesh(params.mesh)
      const { history } = membership.traffic
      membership.traffic.look()
      const now = agent.options.clock.now()
      const endpoint =
        query.endpoint === undefined ? undefined : (await findEndpoint(membership.link, query.endpoint)).id
      const kinds = endpoint === undefined ? [] : ([...PATH_KINDS, 'incoming'] as const)
      const paths = kinds.flatMap(path => {
        const series = history.read(seriesOf(endpoint as EndpointId, path), now)
        return series === undefined ? [] : [{ path, ...series }]
      })
      const total = endpoint === undefined ? history.total(now) : sumOf(paths)
      return { stepMs: TRAFFIC_LIMITS.stepMs, endsAtMs: now, total, paths }
    },
    async listSessions({ params }) {
      const membership = agent.mesh(params.mesh)
      const sessions = viewSessions(membership)
      const names = await namesOf(membership, sessions)
      return {
        sessions: sessions.map(session => {
          const name = names.get(session.endpoint)
          return name === undefined ? session : { ...session, name }
        }),
      }
    },
    async endSessions({ params }) {
      const membership = agent.mesh(params.mesh)
      membership.endSessions((await findEndpoint(membership.link, params.endpoint)).id)
      return undefined
    },
  } satisfies Partial<Handlers<typeof AGENT_API, LocalCaller>>
}

type Reach = Answer<typeof AGENT_API.showReach>

async function tryHost(membership: Membership, endpoint: EndpointId): Promise<Reach['tried'][number]> {
  const isSelf = endpoint === membership.self.endpoint
  let outcome: { path: string; roundTripMs: number } | { error: ReturnType<typeof toError> }
  try {
    const session = isSelf ? undefined : await membership.peers.session(endpoint)
    const startedAt = performance.now()
    await session?.call(PEER_API.ping, {}, { timeoutMs: TRY_TIMEOUT_MS })
    outcome = { path: session?.path ?? 'local', roundTripMs: isSelf ? 0 : performance.now() - startedAt }
  } catch (error) {
    outcome = { error: toError(error) }
  }
  const ways = viewPaths(membership)
    .filter(way => way.endpoint === endpoint)
    .map(({ path, state, sinceMs, error }) => ({
      path,
      state,
      sinceMs,
      ...(error !== undefined && { error }),
    }))
  return { endpoint, ...outcome, ways }
}

const toError = (error: unknown) => toMeshError(error).toBody()

function verdictOf(
  { isAllowed, from }: Pick<Reach, 'isAllowed' | 'from'>,
  online: Reach['hosts'],
  tried: Reach['tried'],
): Reach['verdict'] {
  if (!isAllowed) return 'denied'
  if (!from.isOnline || online.length === 0) return 'offline'
  if (tried.length === 0) return 'unknown'
  const answered = tried.flatMap(({ error, endpoint }) => (error === undefined ? [endpoint] : []))
  if (answered.length === 0) return 'unreachable'
  const isDown = (endpoint: EndpointId) => online.find(({ id }) => id === endpoint)?.health === 'down'
  return answered.every(isDown) ? 'down' : 'reached'
}

function viewSessions(membership: Membership): SessionInfo[] {
  const { peers, server } = membership
  const ours = peers.all.map(session => ({
    endpoint: session.identity.endpoint,
    user: session.identity.user,
    openedBy: 'us' as const,
    path: session.path,
    sinceMs: session.openedAtMs,
    streamCount: session.streamCount,
    sentBytes: session.sentBytes,
    receivedBytes: session.receivedBytes,
    ...(session.roundTripMs !== undefined && { roundTripMs: session.roundTripMs }),
    services: [],
  }))
  const dialled = membership.diallers()
  const theirs = server.all.map(({ identity, sinceMs, streamCount, sentBytes, receivedBytes }) => ({
    endpoint: identity.endpoint,
    user: identity.user,
    openedBy: 'them' as const,
    sinceMs,
    streamCount,
    sentBytes,
    receivedBytes,
    services: dialled.filter(one => one.endpoint === identity.endpoint).map(({ service }) => service),
  }))
  return [...ours, ...theirs]
}

/** Names of their endpoints; none while there is no link, as a listing of what is open must not fail by that. */
async function namesOf({ link }: Membership, sessions: readonly SessionInfo[]) {
  const ids = [...new Set(sessions.map(({ endpoint }) => endpoint))].slice(0, MAX_NAMED)
  if (ids.length === 0 || link.session === undefined) return new Map()
  try {
    const query = { ids: ids.join(','), limit: MAX_NAMED }
    const { endpoints } = await link.call(CONTROLLER_API.listEndpoints, { query })
    return new Map(endpoints.map(({ id, name }) => [id, name]))
  } catch {
    return new Map()
  }
}

function sumOf(all: readonly TrafficSeries[]): Traffic {
  const sum = (pick: (one: TrafficSeries) => readonly (number | null)[]) =>
    Array.from({ length: TRAFFIC_LIMITS.stepCount }, (_, step) => {
      const known = all.flatMap(one => pick(one)[step] ?? [])
      return known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
    })
  const least = Array.from({ length: TRAFFIC_LIMITS.stepCount }, (_, step) => {
    const known = all.flatMap(one => one.roundTripMs[step] ?? [])
    return known.length === 0 ? null : Math.min(...known)
  })
  return {
    sentBytes: sum(one => one.sentBytes),
    receivedBytes: sum(one => one.receivedBytes),
    roundTripMs: least,
  }
}

/** Hosts of a service that are tried at once. */
const MAX_TRIED = 3
const TRY_TIMEOUT_MS = 5_000
/** Endpoints whose names one listing of sessions shows. */
const MAX_NAMED = 100
