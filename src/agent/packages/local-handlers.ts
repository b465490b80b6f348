import { describeRelease } from '../../core/api/describe-release.ts'
import { CONTROLLER_API } from '../../core/api/hub-api.ts'
import { type AGENT_INSTALLED_ROUTES, PEER_INSTALLED_ROUTES } from '../../core/api/installed-api.ts'
import type { Arguments, Handlers, Route } from '../../core/api/route.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import { findPublisherKey, importPublisherKey } from '../../pki/publisher-key.ts'
import type { Agent } from '../agent.ts'
import { findEndpoint } from '../app-host.ts'
import type { LocalCaller } from '../local-caller.ts'
import type { AppPages } from './app-pages.ts'
import type { PackagesPlace } from './packages.ts'
import { createInstalledHandlers } from './peer-handlers.ts'

type Api = typeof AGENT_INSTALLED_ROUTES

/** Serve apps from elsewhere at the local API: here, or at another endpoint of the same user. */
export function createLocalInstalledHandlers(agent: Agent, pages: AppPages): Handlers<Api, LocalCaller> {
  const managed = Object.keys(PEER_INSTALLED_ROUTES) as ManagedRoute[]
  return {
    ...(Object.fromEntries(
      managed.map(name => [name, (call: ManagedCall) => pass(agent, name, call)]),
    ) as unknown as Pick<Handlers<Api, LocalCaller>, ManagedRoute>),
    async listReleases({ params, query }) {
      return agent.mesh(params.mesh).link.call(CONTROLLER_API.listReleases, { query })
    },
    async showReleases({ params: { mesh, ...params } }) {
      const { releases } = await agent.mesh(mesh).link.call(CONTROLLER_API.showReleases, { params })
      return { releases: releases.map(describeRelease) }
    },
    async openAppPage({ params: { mesh, provider, app }, query }) {
      return { url: await pages.makeLink(mesh, { provider, name: app }, query.in === 'frame') }
    },
    async showPublisher() {
      const key = await findPublisherKey(requirePlace(agent).secrets)
      return key === undefined ? {} : { publicKey: key.publicKey }
    },
    async exportPublisher({ caller }) {
      requireSocket(caller)
      const key = await findPublisherKey(requirePlace(agent).secrets)
      if (key !== undefined) return { privateKey: key.privateKeyPem }
      throw new MeshError('not-found', 'Cannot export key: nothing was published from this computer yet')
    },
    async importPublisher({ body, caller }) {
      requireSocket(caller)
      const { secrets } = requirePlace(agent)
      const { publicKey } = await importPublisherKey(secrets, body.privateKey, body.isReplacing)
      return { publicKey }
    },
  }
}

type ManagedRoute = keyof typeof PEER_INSTALLED_ROUTES

/** A call of any of those routes: everything in it was parsed. */
interface ManagedCall {
  readonly params: { readonly mesh: Name; readonly endpoint: string }
  readonly query: unknown
  readonly body: unknown
}

/** Do it here, or have it done where it is meant to be. */
async function pass(
  agent: Agent,
  name: ManagedRoute,
  { params, query, body }: ManagedCall,
): Promise<unknown> {
  const { mesh, endpoint: wanted, ...rest } = params
  const membership = agent.mesh(mesh)
  const { self, record } = membership
  const isHere = wanted === self.endpoint || wanted === record.endpoint.name
  const endpoint = isHere ? self.endpoint : (await findEndpoint(membership.link, wanted)).id
  if (endpoint === self.endpoint) {
    const handlers = createInstalledHandlers(
      () => membership.packages,
      () => {},
    )
    const handler = handlers[name] as (call: unknown) => Promise<unknown>
    return handler({ params: rest, query, body })
  }
  const session = await membership.peers.session(endpoint)
  const args = { params: rest, query: query ?? {}, body } as unknown as Arguments<Route>
  const route: Route = PEER_INSTALLED_ROUTES[name]
  return session.call(route, args, { timeoutMs: MANAGE_TIMEOUT_MS })
}

function requirePlace({ options }: Agent): PackagesPlace {
  if (options.packages !== undefined) return options.packages
  throw new MeshError('unsupported', 'Cannot use apps from elsewhere: this agent keeps none')
}

/** A private key is for whoever has the state folder, not for whoever has the token of a page. */
function requireSocket(caller: LocalCaller): void {
  if (caller.via === 'socket') return
  throw new MeshError('denied', "Cannot use publisher's key: only over the socket of the state folder")
}

/** How long another endpoint may take to fetch and write an app. */
const MANAGE_TIMEOUT_MS = 300_000
