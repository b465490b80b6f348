import type { AgentTopic } from '../../core/api/agent-api.ts'

/** What the agent said that changed. */
export interface Change {
  /** A topic of the agent's; one that this page does not know makes everything stale. */
  readonly topic: string
  /** Where; everywhere if absent. */
  readonly mesh?: string | undefined
}

/**
 * Whether an answer is no longer what it was, after some changes.
 *
 * @param key  the key of the answer: what was asked, and of which mesh
 */
export function isStale(key: readonly unknown[], changes: readonly Change[]): boolean {
  const [what, mesh] = key
  return changes.some(change => {
    const concerned = CONCERNED[change.topic as Exclude<AgentTopic, 'meshes'>] as
      | ReadonlySet<unknown>
      | undefined
    if (concerned === undefined) return true
    const isThere = change.mesh === undefined || typeof mesh !== 'string' || mesh === change.mesh
    return concerned.has(what) && isThere
  })
}

/** Which answers change with what; those that have counters in them are asked for from time to time anyway. */
const CONCERNED: Readonly<Record<Exclude<AgentTopic, 'meshes'>, ReadonlySet<unknown>>> = {
  paths: new Set(['status', 'endpoint', 'sessions', 'traffic', 'hubs']),
  services: new Set(['services', 'service', 'inbounds', 'outbounds', 'reach', 'files']),
  groups: new Set(['groups', 'users', 'services', 'reach']),
  apps: new Set(['apps', 'app-log', 'app-settings', 'catalogue', 'releases', 'publisher']),
  endpoints: new Set(['endpoints', 'endpoint', 'endpoint-counts', 'users', 'services', 'groups']),
}
