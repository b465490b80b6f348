import type { AgentTopic } from '../../core/api/agent-api.ts'
import type { ChangeKind } from '../../core/edge/change-kinds.ts'
import type { EdgeKind } from '../../core/edge/edge-kinds.ts'

/** What the agent said that changed. */
export interface Change {
  /** A topic of the agent's; one that this page does not know makes everything stale. */
  readonly topic: string
  /** Where; everywhere if absent. */
  readonly mesh?: string | undefined
  /** With topic `controller`: kinds of things. */
  readonly kinds?: readonly string[] | undefined
}

/**
 * Whether an answer is no longer what it was, after some changes.
 *
 * @param key  the key of the answer: what was asked, and of which mesh; of the controller's entities `edge`, the mesh and their kind
 */
export function isStale(key: readonly unknown[], changes: readonly Change[]): boolean {
  const [what, mesh, kind] = key
  return changes.some(({ topic, mesh: where, kinds = [] }) => {
    const concerned = CONCERNED[topic as keyof typeof CONCERNED] as ReadonlySet<unknown> | undefined
    if (concerned === undefined && topic !== 'controller') return true
    if (where !== undefined && typeof mesh === 'string' && mesh !== where) return false
    if (concerned === undefined) return kindsIn(what, kind).some(one => kinds.includes(one))
    return concerned.has(what) || (topic === 'endpoints' && what === 'edge' && SHOWS_PRESENCE.has(kind))
  })
}

/** What at the controller an answer is made of. */
function kindsIn(what: unknown, kind: unknown): readonly ChangeKind[] {
  if (what === 'edge') return EDGE_ANSWERS[kind as keyof typeof EDGE_ANSWERS] ?? []
  return ANSWERS[what as keyof typeof ANSWERS] ?? []
}

/** Which answers change with what; those that have counters in them are asked for from time to time anyway. */
const CONCERNED: Readonly<Record<Exclude<AgentTopic, 'meshes' | 'controller'>, ReadonlySet<unknown>>> = {
  paths: new Set(['status', 'endpoint', 'sessions', 'traffic', 'hubs']),
  services: new Set(['services', 'service', 'inbounds', 'outbounds', 'reach', 'files']),
  groups: new Set(['groups', 'users', 'services', 'reach']),
  apps: new Set(['apps', 'app-log', 'app-settings', 'catalogue', 'releases', 'publisher']),
  endpoints: new Set(['endpoints', 'endpoint', 'endpoint-counts', 'users', 'services', 'groups']),
}

/** Entities that are shown with whether somebody is connected. */
const SHOWS_PRESENCE: ReadonlySet<unknown> = new Set<EdgeKind>(['identity', 'edge-router', 'terminator'])

/** What the controller's other answers are made of. */
const ANSWERS = {
  services: ['service', 'policy'],
  service: ['service', 'policy'],
  reach: ['service', 'policy', 'group'],
  files: ['service'],
  users: ['user', 'group'],
  role: ['user'],
  groups: ['group', 'user'],
  invitations: ['invitation'],
  evictions: ['eviction'],
  hubs: ['hub'],
  usage: ['usage'],
  billing: ['usage'],
} as const satisfies Readonly<Record<string, readonly ChangeKind[]>>

const POLICIES = ['policy', 'edge-router-policy', 'service-edge-router-policy'] as const

/** What entities are shown with: the names of others, and what belongs to them. */
const EDGE_ANSWERS = {
  identity: ['identity', 'auth-policy', ...POLICIES],
  service: ['service', 'config', ...POLICIES],
  policy: ['policy', 'identity', 'service'],
  'edge-router-policy': ['edge-router-policy', 'identity', 'edge-router'],
  'service-edge-router-policy': ['service-edge-router-policy', 'service', 'edge-router'],
  'auth-policy': ['auth-policy', 'signer'],
  config: ['config', 'config-type', 'service'],
  'config-type': ['config-type'],
  signer: ['signer'],
  'edge-router': ['edge-router', 'hub', ...POLICIES],
  enrollment: ['enrollment', 'identity'],
  authenticator: ['authenticator', 'identity'],
  terminator: ['terminator', 'service', 'identity'],
  session: ['session', 'service', 'identity'],
  'api-session': ['api-session', 'identity'],
  // What is asked by its path: advice, and words in use.
  ask: ['identity', 'service', 'edge-router', ...POLICIES],
  own: ['identity', 'group'],
  'own-services': ['service', 'policy', 'identity'],
} as const satisfies Readonly<Record<EdgeKind | 'ask' | 'own' | 'own-services', readonly ChangeKind[]>>
