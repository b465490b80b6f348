import { Counter, Gauge, Registry } from 'prom-client'
import type { BillingStatus } from '../core/api/billing-api.ts'
import { addProcessMetrics } from '../net/process-metrics.ts'
import type { Hub } from './hub.ts'

/**
 * A hub's counters as Prometheus text.
 *
 * @param billing  how that is; absent where it is off
 */
export function createHubMetrics(hub: () => Hub, billing?: () => BillingStatus): () => Promise<string> {
  const registry = new Registry()
  addProcessMetrics(registry)
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
  const counter = (name: string, help: string, read: () => number) => {
    let counted = 0
    return new Counter({
      name,
      help,
      registers,
      collect() {
        const now = Math.max(counted, read())
        this.inc(now - counted)
        counted = now
      },
    })
  }
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
  counter(
    'ztm_hub_relayed_bytes_total',
    'Ciphertext copied between agents',
    () => hub().describe().relayedBytes,
  )
  counter(
    'ztm_hub_relays_refused_total',
    'Relays that were refused because a limit was reached',
    () => hub().describe().refusedRelayCount,
  )
  counter(
    'ztm_hub_relays_throttled_seconds_total',
    'Time that directions of relays waited for the rates that are set, all together',
    () => hub().describe().throttledMs / 1_000,
  )
  if (billing !== undefined) {
    gauge('ztm_billing_open_streams', 'Streams that are metered now', () => billing().openCount)
    gauge(
      'ztm_billing_waiting_streams',
      'Streams of which usage waits for Commerce',
      () => billing().waitingCount,
    )
    gauge('ztm_billing_kept_streams', 'Streams whose usage is kept, all together', () => billing().keptCount)
    gauge(
      'ztm_billing_refused_parts',
      'Parts of kept streams that Commerce will never take',
      () => billing().refusedCount,
    )
    gauge(
      'ztm_billing_rechecked_balances',
      'Users and services whose balance is asked for again and again',
      () => billing().sessionCount,
    )
    gauge('ztm_billing_commerce_failing', '1 where the last request to Commerce failed', () =>
      billing().lastError === undefined ? 0 : 1,
    )
  }
  return () => registry.metrics()
}
