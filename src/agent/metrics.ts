import { Gauge, Registry } from 'prom-client'
import { addProcessMetrics } from '../net/process-metrics.ts'
import type { Agent } from './agent.ts'
import type { Membership } from './membership.ts'

/** An agent's counters as Prometheus text; one series a mesh. */
export function createAgentMetrics(agent: () => Agent): () => Promise<string> {
  const registry = new Registry()
  addProcessMetrics(registry)
  const gauge = (name: string, help: string, read: (membership: Membership) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['mesh'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [mesh, membership] of agent().meshes) this.set({ mesh }, read(membership))
      },
    })
  gauge('ztm_agent_link_up', '1 while the mesh has a link to a hub', ({ link }) =>
    link.session === undefined ? 0 : 1,
  )
  gauge(
    'ztm_agent_link_round_trip_seconds',
    'Round trip to the hub',
    ({ link }) => (link.roundTripMs ?? 0) / 1_000,
  )
  gauge('ztm_agent_sessions_out', 'Sessions this agent opened to peers', ({ peers }) => peers.all.length)
  gauge('ztm_agent_sessions_in', 'Sessions peers opened to this agent', ({ server }) => server.all.length)
  gauge('ztm_agent_streams_out', 'Streams open in sessions this agent opened', ({ peers }) =>
    peers.all.reduce((sum, session) => sum + session.streamCount, 0),
  )
  gauge(
    'ztm_agent_certificate_expiry_seconds',
    'When the certificate ends, seconds since the epoch',
    ({ record }) => Math.round(record.expiresAtMs / 1_000),
  )
  return () => registry.metrics()
}
