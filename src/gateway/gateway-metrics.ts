import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { addProcessMetrics } from '../net/process-metrics.ts'
import type { AccessRecord } from './access-record.ts'

/** Counts of a gateway, as Prometheus text. */
export interface GatewayMetrics {
  request(record: AccessRecord, durationMs: number): void
  garbage(status: number): void
  /** A connection of a TCP, UDP or passthrough listener ended. */
  ingress(kind: string, service: string, bytesIn: number, bytesOut: number): void
  refused(kind: string, reason: string): void
  text(): Promise<string>
}

/** What is read when metrics are asked for. */
export interface GatewayGauges {
  readonly openRequests: () => number
  readonly openConnections: () => number
  readonly serviceStreams: () => number
  readonly webSockets: () => number
  readonly ingressConnections: () => number
  /** Host: seconds since the epoch at which its certificate ends. */
  readonly certificates: () => Iterable<[string, number]>
}

/** Make counters. */
export function createGatewayMetrics(gauges: GatewayGauges): GatewayMetrics {
  const registry = new Registry()
  addProcessMetrics(registry)
  const registers = [registry]
  const requests = new Counter({
    name: 'ztm_gateway_requests_total',
    help: 'Requests by route and class of status',
    labelNames: ['route', 'service', 'status'],
    registers,
  })
  const seconds = new Histogram({
    name: 'ztm_gateway_request_seconds',
    help: 'From the head of a request to the end of its answer',
    labelNames: ['route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers,
  })
  const bytes = new Counter({
    name: 'ztm_gateway_bytes_total',
    help: 'Bytes of bodies and of joined connections',
    labelNames: ['service', 'direction'],
    registers,
  })
  const retries = new Counter({
    name: 'ztm_gateway_retries_total',
    help: 'Requests that were sent to a service again',
    labelNames: ['service'],
    registers,
  })
  const garbage = new Counter({
    name: 'ztm_gateway_bad_requests_total',
    help: 'What came and was no request, by status of the answer',
    labelNames: ['status'],
    registers,
  })
  const ingress = new Counter({
    name: 'ztm_gateway_ingress_total',
    help: 'Connections and flows of TCP, UDP and TLS passthrough that have ended',
    labelNames: ['kind', 'service'],
    registers,
  })
  const refused = new Counter({
    name: 'ztm_gateway_refused_total',
    help: 'Connections that were refused',
    labelNames: ['kind', 'reason'],
    registers,
  })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  gauge('ztm_gateway_open_requests', 'Requests under way', gauges.openRequests)
  gauge('ztm_gateway_connections', 'Connections of the public for HTTP', gauges.openConnections)
  gauge('ztm_gateway_service_streams', 'Streams to services for HTTP, free ones too', gauges.serviceStreams)
  gauge('ztm_gateway_websockets', 'WebSockets that are open', gauges.webSockets)
  gauge(
    'ztm_gateway_ingress_open',
    'Connections and flows of TCP, UDP and passthrough',
    gauges.ingressConnections,
  )
  new Gauge({
    name: 'ztm_gateway_certificate_expiry_seconds',
    help: 'When a certificate ends, seconds since the epoch',
    labelNames: ['host'],
    registers,
    collect() {
      this.reset()
      for (const [host, at] of gauges.certificates()) this.set({ host }, at)
    },
  })
  return {
    request(record, durationMs) {
      const route = record.route ?? 'none'
      const service = record.service ?? 'none'
      const status = record.status === 0 ? 'none' : `${Math.floor(record.status / 100)}xx`
      requests.inc({ route, service, status })
      seconds.observe({ route }, durationMs / 1_000)
      if (record.bytesIn > 0) bytes.inc({ service, direction: 'in' }, record.bytesIn)
      if (record.bytesOut > 0) bytes.inc({ service, direction: 'out' }, record.bytesOut)
      if (record.tries > 1) retries.inc({ service }, record.tries - 1)
    },
    garbage: status => garbage.inc({ status: String(status) }),
    ingress(kind, service, bytesIn, bytesOut) {
      ingress.inc({ kind, service })
      bytes.inc({ service, direction: 'in' }, bytesIn)
      bytes.inc({ service, direction: 'out' }, bytesOut)
    },
    refused: (kind, reason) => refused.inc({ kind, reason }),
    text: () => registry.metrics(),
  }
}
