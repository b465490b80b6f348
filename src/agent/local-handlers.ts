import { hostname } from 'node:os'
import type { AGENT_API } from '../core/api/agent-api.ts'
import { CONTROLLER_API, HUB_API } from '../core/api/hub-api.ts'
import { bootstrapsOf } from '../core/api/hubs-api.ts'
import { PEER_API } from '../core/api/peer-api.ts'
import type { Answer, Handlers } from '../core/api/route.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { isAppService } from '../core/model/names.ts'
import { formatPermit, formatPermitLink } from '../core/model/permit.ts'
import { keyFingerprint } from '../pki/key-pair.ts'
import type { Agent } from './agent.ts'
import { findEndpoint } from './app-host.ts'
import { nameOfComputer } from './computer-name.ts'
import type { Transfers } from './contents/transfers.ts'
import type { LocalCaller } from './local-caller.ts'
import { createLocalHubsHandlers } from './local-hubs.ts'
import type { Membership } from './membership.ts'
import { createNetworkHandlers } from './network-handlers.ts'
import { type HubStarter, ownHubHandlers } from './own-hub.ts'
import type { AppPages } from './packages/app-pages.ts'
import { createLocalInstalledHandlers } from './packages/local-handlers.ts'
import { listAllApps } from './packages/peer-handlers.ts'
import { viewCertificates } from './view-certificates.ts'
import { viewEndpoint, viewMesh, viewMeshes, viewPaths } from './views.ts'

/** What the handlers need beside the agent. */
export interface LocalHandlersOptions {
  readonly agent: Agent
  readonly pages: AppPages
  readonly transfers: Transfers
  readonly dataFolder: string
  readonly listen: () => string | undefined
  readonly makeLoginCode: () => { url: string; token: string }
  readonly stop: () => void
  readonly hubStarter: HubStarter | undefined
}

/** Serve the agent's local API. */
export function createLocalHandlers(options: LocalHandlersOptions): Handlers<typeof AGENT_API, LocalCaller> {
  return {
    ...ownHandlers(options),
    ...meshHandlers(options.agent),
    ...peopleHandlers(options.agent),
    ...endpointHandlers(options.agent),
    ...billingHandlers(options.agent),
    ...userHandlers(options.agent),
    ...createLocalHubsHandlers(options.agent),
    ...ownHubHandlers({ agent: options.agent, dataFolder: options.dataFolder, starter: options.hubStarter }),
    ...createNetworkHandlers(options.agent),
    ...createLocalInstalledHandlers(options.agent, options.pages),
  }
}

function userHandlers(agent: Agent) {
  const linkOf = ({ mesh }: { mesh: Parameters<Agent['mesh']>[0] }) => agent.mesh(mesh).link
  return {
    listUsers: ({ params, query }) => linkOf(params).call(CONTROLLER_API.listUsers, { query }),
    showUser: ({ params }) => linkOf(params).call(CONTROLLER_API.showUser, { params }),
    updateUser: ({ params, body }) => linkOf(params).call(CONTROLLER_API.updateUser, { params, body }),
    listGroups: ({ params, query }) => linkOf(params).call(CONTROLLER_API.listGroups, { query }),
    showGroup: ({ params }) => linkOf(params).call(CONTROLLER_API.showGroup, { params }),
    createGroup: ({ params, body }) => linkOf(params).call(CONTROLLER_API.createGroup, { body }),
    updateGroup: ({ params, body }) => linkOf(params).call(CONTROLLER_API.updateGroup, { params, body }),
    deleteGroup: ({ params }) => linkOf(params).call(CONTROLLER_API.deleteGroup, { params }),
  } satisfies Partial<Handlers<typeof AGENT_API, LocalCaller>>
}

function billingHandlers(agent: Agent) {
  return {
    showBilling: ({ params }) => agent.mesh(params.mesh).link.call(CONTROLLER_API.showBilling, {}),
    listUsage: ({ params, query }) => agent.mesh(params.mesh).link.call(CONTROLLER_API.listUsage, { query }),
  } satisfies Partial<Handlers<typeof AGENT_API, LocalCaller>>
}

function ownHandlers(options: LocalHandlersOptions) {
  const { agent } = options
  const { version, readLog, deviceKey } = agent.options
  return {
    async showVersion() {
      return { version, node: process.version, platform: `${process.platform}-${process.arch}` }
    },
    async showStatus() {
      const memberships = [...agent.meshes.values()]
      await Promise.all(memberships.map(({ known, peers }) => known.ask(peersOf(peers))))
      const listen = options.listen()
      const { mapping } = agent.options.reach
      const computerName = nameOfComputer(hostname())
      return {
        version,
        pid: process.pid,
        startedAtMs: agent.startedAtMs,
        dataFolder: options.dataFolder,
        ...(computerName !== undefined && { computerName }),
        ...(listen !== undefined && { listen }),
        meshes: viewMeshes(memberships),
        paths: memberships.flatMap(membership => viewPaths(membership)),
        ...(mapping !== undefined && { portMapping: mapping.describe() }),
        memoryBytes: process.memoryUsage.rss(),
      }
    },
    async listTransfers() {
      return { transfers: [...options.transfers.all] }
    },
    stopTransfer: async ({ params }) => options.transfers.stop(params.transfer),
    async stop() {
      options.stop()
      return undefined
    },
    async showIdentity() {
      return { publicKey: deviceKey.publicKeyPem, fingerprint: keyFingerprint(deviceKey.publicKeyPem) }
    },
    async makeLoginCode({ caller }) {
      if (caller.via !== 'socket')
        throw new MeshError('denied', 'Cannot make a login code: only over the socket of the state folder')
      return options.makeLoginCode()
    },
    showLog: async ({ query }) => ({ lines: await readLog(query) }),
  } satisfies Partial<Handlers<typeof AGENT_API, LocalCaller>>
}

function meshHandlers(agent: Agent) {
  return {
    async listMeshes() {
      return { meshes: viewMeshes(agent.meshes.values()) }
    },
    async showMesh({ params }) {
      const membership = agent.mesh(params.mesh)
      const { ca, chain: certificate } = membership.record
      return { ...viewMesh(membership), ca, certificate, certificates: viewCertificates(certificate, ca) }
    },
    async joinMesh({ params, body }) {
      const membership = await agent.join(params.mesh, body.endpoint, body.permit, body.isReplacing)
      // That takes milliseconds, usually; a join that returns means an endpoint that can be used.
      await membership.whenUsable(USABLE_WAIT_MS)
      return viewMesh(membership)
    },
    async changeMesh({ params, body }) {
      const membership = await agent.setEnabled(params.mesh, body.isEnabled)
      await membership.whenUsable(USABLE_WAIT_MS)
      return viewMesh(membership)
    },
    async leaveMesh({ params }) {
      await agent.leave(params.mesh)
      return undefined
    },
    async hubLog({ params, query }) {
      return agent.mesh(params.mesh).link.call(HUB_API.hubLog, { query })
    },
    async listServices({ params }) {
      const { services } = await agent.mesh(params.mesh).link.call(CONTROLLER_API.listServices, {})
      return { services: services.filter(({ name }) => !isAppService(name)) }
    },
    async passEdge({ params, body: { method, path, body } }) {
      const request = { method, path, ...(body !== undefined && { body: JSON.stringify(body) }) }
      const { status, value } = await agent.mesh(params.mesh).link.pass(request)
      return { status, ...(value !== undefined && { body: value as EdgeBody }) }
    },
    async showService({ params }) {
      const { services } = await agent.mesh(params.mesh).link.call(CONTROLLER_API.listServices, {})
      const service = services.find(({ name }) => name === params.service)
      if (service !== undefined) return service
      throw new MeshError('not-found', `Cannot find service "${params.service}": see \`ztm get service\``)
    },
  } satisfies Partial<Handlers<typeof AGENT_API, LocalCaller>>
}

function peopleHandlers(agent: Agent) {
  return {
    async invite({ params, body }) {
      const { link, record, hubs } = agent.mesh(params.mesh)
      const { identity, labels, validMs } = body
      const { invitation, token } = await link.call(CONTROLLER_API.invite, {
        body: { user: params.user, labels, ...(identity && { identity }), ...(validMs && { validMs }) },
      })
      const { ca, id: mesh } = record
      const bootstraps = bootstrapsOf(record.bootstraps, hubs.hubs)
      const permit = {
        ca,
        agent: {},
        bootstraps,
        token,
        user: params.user,
        expiresAtMs: invitation.expiresAtMs,
      }
      return { permit: formatPermit(permit), link: formatPermitLink({ bootstraps, mesh, token }), invitation }
    },
    async listInvitations({ params }) {
      return agent.mesh(params.mesh).link.call(CONTROLLER_API.listInvitations, {})
    },
    async revokeInvitation({ params }) {
      return agent.mesh(params.mesh).link.call(CONTROLLER_API.revokeInvitation, { params })
    },
    async evict({ params, body }) {
      const { link } = agent.mesh(params.mesh)
      const endpoint = body.endpoint === undefined ? undefined : (await findEndpoint(link, body.endpoint)).id
      const { user, reason } = body
      return link.call(CONTROLLER_API.evict, {
        body: { ...(user && { user }), ...(endpoint && { endpoint }), ...(reason && { reason }) },
      })
    },
    async listEvictions({ params }) {
      return agent.mesh(params.mesh).link.call(CONTROLLER_API.listEvictions, {})
    },
    async undoEviction({ params }) {
      return agent.mesh(params.mesh).link.call(CONTROLLER_API.undoEviction, { params })
    },
  } satisfies Partial<Handlers<typeof AGENT_API, LocalCaller>>
}

/** What of the local API is about endpoints of a mesh. */
export function endpointHandlers(agent: Agent) {
  const find = async (mesh: Parameters<Agent['mesh']>[0], name: string) => {
    const membership = agent.mesh(mesh)
    const endpoint = await findEndpoint(membership.link, name)
    membership.known.learn([endpoint])
    return { membership, endpoint }
  }
  return {
    async listEndpoints({ params, query }) {
      const membership = agent.mesh(params.mesh)
      const { endpoints, total } = await membership.link.call(CONTROLLER_API.listEndpoints, { query })
      membership.known.learn(endpoints)
      return { endpoints: endpoints.map(endpoint => viewEndpoint(membership, endpoint)), total }
    },
    async showEndpoint({ params }) {
      const { membership, endpoint } = await find(params.mesh, params.endpoint)
      const paths = viewPaths(membership).filter(path => path.endpoint === endpoint.id)
      return { ...viewEndpoint(membership, endpoint), paths }
    },
    async removeEndpoint({ params }) {
      const { membership, endpoint } = await find(params.mesh, params.endpoint)
      return membership.link.call(CONTROLLER_API.removeEndpoint, { params: { endpoint: endpoint.id } })
    },
    async labelEndpoint({ params, body }) {
      const { membership, endpoint } = await find(params.mesh, params.endpoint)
      return membership.link.call(CONTROLLER_API.labelEndpoint, { params: { endpoint: endpoint.id }, body })
    },
    async endpointLog({ params, query }) {
      const { membership, endpoint } = await find(params.mesh, params.endpoint)
      if (endpoint.id === membership.self.endpoint)
        return { lines: await agent.options.readLog({ ...query, mesh: params.mesh }) }
      return (await membership.peers.session(endpoint.id)).call(PEER_API.showLog, { query })
    },
    async pingEndpoint({ params, query }) {
      const membership = agent.mesh(params.mesh)
      // Whom one has a session with is reached also while no hub is.
      const heard = membership.link.session === undefined ? membership.known.find(params.endpoint) : undefined
      const endpoint =
        heard !== undefined && membership.peers.warm(heard.id)?.isOpen === true
          ? heard
          : (await find(params.mesh, params.endpoint)).endpoint
      if (endpoint.id === membership.self.endpoint)
        return { endpoint: endpoint.id, path: 'local', roundTripMs: 0 }
      const session = await membership.peers.session(endpoint.id, query.path)
      const started = performance.now()
      await session.call(PEER_API.ping, {}, { timeoutMs: PING_TIMEOUT_MS })
      return { endpoint: endpoint.id, path: session.path, roundTripMs: performance.now() - started }
    },
    async listApps({ params }) {
      const { membership, endpoint } = await find(params.mesh, params.endpoint)
      if (endpoint.id !== membership.self.endpoint) {
        return (await membership.peers.session(endpoint.id)).call(PEER_API.listApps, {})
      }
      return { apps: await listAllApps(membership.apps, membership.packages) }
    },
  } satisfies Partial<Handlers<typeof AGENT_API, LocalCaller>>
}

type EdgeBody = NonNullable<Answer<typeof AGENT_API.passEdge>['body']>

function peersOf({ all, others }: Membership['peers']): EndpointId[] {
  return [...new Set([...all.map(({ identity }) => identity.endpoint), ...others.map(one => one.endpoint)])]
}

/** A join waits this long for the endpoint to be usable before it answers. */
const USABLE_WAIT_MS = 3_000
const PING_TIMEOUT_MS = 5_000
