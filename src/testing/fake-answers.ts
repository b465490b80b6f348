import { MeshError } from '../core/model/errors.ts'
import { FAKE_APP_ANSWERS, FAKE_INSTALLED } from './fake-apps.ts'
import type { FakeAnswer } from './fake-call.ts'
import { createFakeEdge } from './fake-edge.ts'
import { FAKE_NETWORK } from './fake-network.ts'
import { FAKE_USAGE } from './fake-usage.ts'

/** When everything in the fake mesh happened; worlds of tests have their clock a minute later. */
export const FAKE_NOW_MS = Date.UTC(2026, 10, 20, 19)

/** Ids of the fake mesh. */
export const FAKE_IDS = {
  mesh: 'abcdefghijklmnopqrstuvwxyz',
  laptop: '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11',
  office: '1d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c12',
  hub: '7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c13',
} as const

const PEM = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'

/** The mesh `home` as its agent describes it. */
export const FAKE_MESH = {
  name: 'home',
  id: FAKE_IDS.mesh,
  endpoint: { id: FAKE_IDS.laptop, name: 'laptop', user: 'root' },
  bootstraps: ['hub.example:8888'],
  state: 'online',
  sinceMs: FAKE_NOW_MS,
  hub: 'hub.example:8888',
  certificateExpiresAtMs: FAKE_NOW_MS + 86_400_000,
}

const FAKE_USER = { isAdmin: false, endpointCount: 0, onlineCount: 0, isEvicted: false, groups: [] }

const FAKE_GROUP = {
  name: 'ops',
  users: ['ann', 'bob'],
  labels: [],
  createdAtMs: FAKE_NOW_MS,
  changedAtMs: FAKE_NOW_MS - 120_000,
}

const COUNTS = {
  connectionCount: 1,
  totalCount: 7,
  failedCount: 2,
  sentBytes: 1_234_567,
  receivedBytes: 89,
  droppedCount: 0,
}

/** The local endpoint. */
export const FAKE_LAPTOP = {
  id: FAKE_IDS.laptop,
  name: 'laptop',
  user: 'root',
  labels: ['b', 'a'],
  givenLabels: ['b'],
  version: '0.1.0',
  isOnline: true,
  lastSeenMs: FAKE_NOW_MS,
  address: '10.0.0.5:40000',
  isLocal: true,
}

/** Another endpoint of the same user, gone for three minutes. */
export const FAKE_OFFICE = {
  ...FAKE_LAPTOP,
  id: FAKE_IDS.office,
  name: 'office',
  labels: [],
  isOnline: false,
  lastSeenMs: FAKE_NOW_MS - 120_000,
  address: undefined,
  isLocal: false,
}

const PATH = {
  endpoint: FAKE_IDS.office,
  name: 'office',
  path: 'relay',
  state: 'open',
  sinceMs: FAKE_NOW_MS,
  streamCount: 2,
  roundTripMs: 1.5,
}

const HUB = {
  id: FAKE_IDS.hub,
  names: ['hub.example:8888'],
  version: '0.1.0',
  startedAtMs: FAKE_NOW_MS - 3_600_000,
  linkCount: 2,
  relayCount: 1,
  relayedBytes: 5_000_000,
  certificateExpiresAtMs: FAKE_NOW_MS + 86_400_000,
}

const SERVICE = {
  name: 'tcp/web',
  owner: 'root',
  hostings: [
    {
      endpoint: FAKE_IDS.office,
      name: 'office',
      isOnline: true,
      health: 'up',
      access: { users: [], entrances: [] },
    },
  ],
}

const INVITATION = {
  id: 'inv1',
  user: 'bob',
  createdAtMs: FAKE_NOW_MS,
  expiresAtMs: FAKE_NOW_MS + 86_400_000,
  state: 'open',
  isBound: false,
}

const EVICTION = { id: 'ev1', user: 'mallory', beforeMs: FAKE_NOW_MS, by: 'root', reason: 'theft' }

/** Two lines of a log. */
export const FAKE_LOG = [
  { timeMs: FAKE_NOW_MS, level: 'info', event: 'link.opened', fields: { hub: 'hub.example:8888' } },
  { timeMs: FAKE_NOW_MS + 1, level: 'warn', event: 'app.failed', fields: { app: 'ztm/tunnel' } },
]

const INBOUND = {
  ...COUNTS,
  protocol: 'tcp',
  name: 'web',
  listens: [{ ip: '127.0.0.1', port: 8_080, isOpen: true, connectionCount: 1 }],
  exits: [FAKE_IDS.office],
}

const OUTBOUND = {
  ...COUNTS,
  protocol: 'tcp',
  name: 'web',
  targets: [{ target: { host: '127.0.0.1', port: 80 }, health: 'up', connectionCount: 1 }],
  entrances: [],
  users: ['bob'],
  balance: 'round-robin',
  isRange: false,
  isProbed: true,
  health: 'up',
}

const TUNNEL = {
  protocol: 'tcp',
  name: 'web',
  owner: 'root',
  inbound: [{ id: FAKE_IDS.laptop, name: 'laptop' }],
  outbound: [{ id: FAKE_IDS.office, name: 'office', isOnline: true, health: 'up' }],
}

function mesh({ params }: { params: Record<string, unknown> }): typeof FAKE_MESH {
  if (params.mesh === 'home') return FAKE_MESH
  throw new MeshError('not-joined', `Cannot use mesh "${params.mesh}": this agent has not joined it`)
}

function endpoint({ params }: { params: Record<string, unknown> }): typeof FAKE_LAPTOP | typeof FAKE_OFFICE {
  const found = [FAKE_LAPTOP, FAKE_OFFICE].find(({ id, name }) =>
    [id, name].includes(String(params.endpoint)),
  )
  if (found !== undefined) return found
  throw new MeshError('not-found', `Cannot find endpoint "${params.endpoint}": there is none`)
}

const FAKE_TRANSFER = {
  id: '0123456789abcdef',
  direction: 'in',
  mesh: 'home',
  app: 'ztm/sync',
  name: 'film.mp4',
  state: 'running',
  doneBytes: 1_000,
  totalBytes: 5_000,
  startedAtMs: FAKE_NOW_MS,
}

/** What the fake daemons say to each route; nothing for those that answer with nothing. */
export const FAKE_ANSWERS: Readonly<Record<string, FakeAnswer>> = {
  'agent.showVersion': () => ({ version: '0.1.0', node: 'v24.0.0', platform: 'linux-x64' }),
  'agent.showStatus': () => ({
    version: '0.1.0',
    pid: process.pid,
    startedAtMs: FAKE_NOW_MS,
    dataFolder: '/data',
    listen: '127.0.0.1:7777',
    meshes: [FAKE_MESH],
    paths: [PATH],
    memoryBytes: 50_000_000,
  }),
  'agent.showIdentity': () => ({
    publicKey: '-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n',
    fingerprint: 'SHA256:abc',
  }),
  'agent.makeLoginCode': () => ({ url: 'http://127.0.0.1:7777/login#code', token: 'secret-token' }),
  'agent.listTransfers': () => ({ transfers: [FAKE_TRANSFER] }),
  'agent.stopTransfer': () => ({ ...FAKE_TRANSFER, state: 'cancelled' }),
  'agent.showLog': () => ({ lines: FAKE_LOG }),
  'agent.listMeshes': () => ({ meshes: [FAKE_MESH] }),
  'agent.showMesh': call => ({ ...mesh(call), ca: PEM, certificate: PEM, certificates: [] }),
  'agent.joinMesh': ({ params }) => ({ ...FAKE_MESH, name: params.mesh }),
  'agent.changeMesh': ({ body }) => ({
    ...FAKE_MESH,
    state: (body as { isEnabled: boolean }).isEnabled ? 'connecting' : 'disabled',
  }),
  'agent.invite': () => ({
    permit: '{"ca": "x"}\n',
    link: 'ztm://hub.example:8888/abc#token',
    invitation: INVITATION,
  }),
  'agent.listInvitations': () => ({ invitations: [INVITATION] }),
  'agent.evict': () => EVICTION,
  'agent.listEvictions': () => ({ evictions: [EVICTION] }),
  'agent.showBilling': () => ({
    isOn: true,
    openCount: 2,
    waitingCount: 1,
    keptCount: 30,
    refusedCount: 0,
    sessionCount: 1,
    recheckMs: 300_000,
    lastError: 'Cannot record usage "s.a.0" at Commerce: it answers 500',
  }),
  'agent.listUsage': () => FAKE_USAGE,
  'agent.listHubs': () => ({ hubs: [{ ...HUB, isAttached: true, roundTripMs: 12.34 }] }),
  'agent.createHub': () => ({
    hub: FAKE_IDS.hub,
    permit: '{"ca": "root"}',
    expiresAtMs: FAKE_NOW_MS + 86_400_000,
  }),
  'agent.removeHub': () => undefined,
  'agent.drainHub': () => undefined,
  'agent.hubLog': () => ({ lines: FAKE_LOG }),
  'agent.listUsers': () => ({
    users: [
      { ...FAKE_USER, name: 'root', isAdmin: true, endpointCount: 2, onlineCount: 1 },
      { ...FAKE_USER, name: 'mallory', isEvicted: true },
    ],
  }),
  'agent.showUser': ({ params }) => ({
    ...FAKE_USER,
    name: params.user,
    groups: ['ops'],
    endpointCount: 2,
    lastSeenMs: FAKE_NOW_MS - 120_000,
    invitations: [INVITATION],
  }),
  'agent.updateUser': ({ params, body }) => {
    const isAdmin = (body as { role: string }).role === 'admin'
    const admin = { by: 'root', sinceMs: FAKE_NOW_MS }
    return { ...FAKE_USER, name: params.user, isAdmin, ...(isAdmin && { admin }) }
  },
  'agent.listGroups': () => ({ groups: [FAKE_GROUP] }),
  'agent.showGroup': ({ params }) => ({ ...FAKE_GROUP, name: params.group }),
  'agent.createGroup': ({ body }) => ({ ...FAKE_GROUP, ...(body as object) }),
  'agent.updateGroup': ({ params, body }) => {
    const { name = params.group, addUsers } = body as { name?: string; addUsers: string[] }
    return { ...FAKE_GROUP, name, users: [...FAKE_GROUP.users, ...addUsers] }
  },
  'agent.listServices': () => ({ services: [SERVICE] }),
  'agent.showService': () => SERVICE,
  'agent.passEdge': call => createFakeEdge().answer(call),
  ...FAKE_NETWORK,
  'agent.countEndpoints': () => ({
    groups: [
      { name: 'a', count: 1, onlineCount: 1 },
      { name: '', count: 1, onlineCount: 0 },
    ],
    groupCount: 2,
    total: 2,
    onlineCount: 1,
  }),
  'agent.listEndpoints': ({ query }) => {
    const all = [FAKE_LAPTOP, FAKE_OFFICE].filter(({ name }) => name.includes(String(query.keyword ?? '')))
    const offset = Number(query.offset)
    return { endpoints: all.slice(offset, offset + Number(query.limit)), total: all.length }
  },
  'agent.showEndpoint': call => ({ ...endpoint(call), paths: [PATH] }),
  'agent.labelEndpoint': call => ({ ...endpoint(call), ...(call.body as object) }),
  'agent.endpointLog': () => ({ lines: FAKE_LOG }),
  'agent.pingEndpoint': call => ({ endpoint: endpoint(call).id, path: 'relay', roundTripMs: 1.5 }),
  'agent.listApps': () => ({
    apps: [
      { name: 'ztm/tunnel', isBuiltin: true, isRunning: true },
      { name: 'alice/notes', isBuiltin: false, isRunning: true, installed: FAKE_INSTALLED },
    ],
  }),
  ...FAKE_APP_ANSWERS,
  'hub.showStatus': () => ({
    ...HUB,
    mesh: FAKE_IDS.mesh,
    pid: process.pid,
    listen: '0.0.0.0:8888',
    dataFolder: '/data',
    strangerCount: 0,
    openTicketCount: 0,
    endpointCount: 2,
    memoryBytes: 60_000_000,
  }),
  'hub.showLog': () => ({ lines: FAKE_LOG }),
  'hub.showPermit': () => ({ permit: '{"ca": "root"}\n' }),
  'agent.showOwnHub': () => ({
    isRunning: true,
    isKnown: true,
    listen: '0.0.0.0:8888',
    places: [{ name: '192.168.0.2:8888', reach: 'network', isAnswering: true }],
    addresses: ['192.168.0.2'],
  }),
  'agent.startOwnHub': () => ({ runs: 'process' }),
  'agent.joinOwnHub': ({ body }) => {
    const { mesh, endpoint } = body as { mesh: string; endpoint: string }
    return { ...FAKE_MESH, name: mesh, endpoint: { ...FAKE_MESH.endpoint, name: endpoint } }
  },
  'tunnel.listTunnels': () => ({ tunnels: [TUNNEL] }),
  'tunnel.showTunnel': () => TUNNEL,
  'tunnel.listInbounds': () => ({ inbounds: [INBOUND] }),
  'tunnel.showInbound': () => INBOUND,
  'tunnel.openInbound': ({ body }) => {
    const { listens, exits } = body as { listens: { ip: string; port: number }[]; exits: string[] }
    return {
      ...INBOUND,
      exits,
      listens: listens.map(listen => ({ ...listen, isOpen: true, connectionCount: 0 })),
    }
  },
  'tunnel.pauseInbound': ({ body }) => ({ ...INBOUND, ...(body as object) }),
  'tunnel.pauseOutbound': ({ body }) => ({ ...OUTBOUND, ...(body as object) }),
  'tunnel.listOpenPorts': () => ({
    ports: [
      { ip: '0.0.0.0', port: 22 },
      { ip: '127.0.0.1', port: 5_432, process: 'postgres' },
    ],
  }),
  'tunnel.listRequests': () => ({ requests: [], lostCount: 0 }),
  'tunnel.showIdentityKeys': () => ({ issuer: 'ztm:endpoint:x', header: 'ztm-identity', jwks: { keys: [] } }),
  'tunnel.changeIdentityKeys': () => ({
    issuer: 'ztm:endpoint:x',
    header: 'ztm-identity',
    jwks: { keys: [] },
  }),
  'tunnel.listOutbounds': () => ({ outbounds: [OUTBOUND] }),
  'tunnel.showOutbound': () => OUTBOUND,
  'tunnel.openOutbound': ({ params, body }) => {
    const { targets, http, ...setting } = body as { targets: object[]; http?: { routes: object[] } }
    return {
      ...OUTBOUND,
      ...params,
      ...setting,
      ...(http && {
        http: {
          setting: http,
          routes: http.routes.map(route => ({ host: '*', path: '/*', ...route, targets: [] })),
          requestCount: 0,
        },
      }),
      targets: targets.map(target => ({ target, health: 'unknown', connectionCount: 0 })),
    }
  },
}
