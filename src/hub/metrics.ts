import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Hub } from './hub.ts'

/** A hub's counters as Prometheus text. */
export function createHubMetrics(hub: () => Hub): () => Promise<string> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  gauge('ztm_hub_links', 'Agents with an open link', () => hub().describe().linkCount)
  gauge('ztm_hub_relays', 'Relays that are open', () => hub().describe().relayCount)
  gauge(
    'ztm_hub_strangers',
    'Connections that have not shown who they are',
    () => hub().describe().strangerCount,
  )
  gauge(
    'ztm_hub_open_tickets',
    'Relay tickets asked for and not yet used',
    () => hub().describe().openTicketCount,
  )
  gauge('ztm_hub_certificate_expiry_seconds', 'When the certificate ends, seconds since the epoch', () =>
    Math.round(hub().describe().certificateExpiresAtMs / 1_000),
  )
  let counted = 0
  new Counter({
    name: 'ztm_hub_relayed_bytes_total',
    help: 'Ciphertext copied between agents',
    registers,
    collect() {
      const { relayedBytes } = hub().describe()
      this.inc(Math.max(0, relayedBytes - counted))
      counted = relayedBytes
    },
  })
  return () => registry.metrics()
}
