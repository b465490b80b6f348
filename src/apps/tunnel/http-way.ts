import { createRouteTable, type RouteTable } from '../../core/gateway/route-table.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { ServiceName } from '../../core/model/names.ts'
import type { HttpForwarder } from '../../sdk/app.ts'
import { decideRequest } from './http-decision.ts'
import type { HttpSetting, RequestLine } from './http-messages.ts'
import { LiveHttpRoute } from './http-route.ts'
import type { HttpCaller, IdentityTokens } from './identity-tokens.ts'
import type { OutboundWay, OutboundWayOptions } from './outbound-way.ts'
import { refuseClosed, refuseOver } from './outlet.ts'
import { createRequestLog, type RequestLog } from './request-log.ts'
import type { Health } from './target-pool.ts'

/** A way that reads requests from streams. */
export interface HttpWay extends OutboundWay {
  readonly requests: Pick<RequestLog, 'since'>
}

/** What it needs. */
export interface HttpWayOptions extends OutboundWayOptions {
  readonly service: ServiceName
  readonly tokens: IdentityTokens
}

/** Read requests from streams, and send each where its route leads. */
export function createHttpWay(options: HttpWayOptions): HttpWay {
  return new RequestWay(options)
}

class RequestWay implements HttpWay {
  readonly #options: HttpWayOptions
  readonly #forwarder: HttpForwarder<HttpCaller>
  readonly requests: RequestLog
  #setting: HttpSetting = { routes: [], forwarders: [], isLogged: false }
  #routes: readonly LiveHttpRoute[] = []
  #table: RouteTable<LiveHttpRoute> = createRouteTable<LiveHttpRoute>([])
  #health: Health = 'unknown'
  #isClosed = false
  #requestCount = 0
  #traffic = { sentBytes: 0, receivedBytes: 0, droppedCount: 0 }

  constructor(options: HttpWayOptions) {
    const { host, service, tokens, limits } = options
    this.#options = options
    this.requests = createRequestLog(host.clock, limits.maxKeptRequests)
    this.#forwarder = host.forwardHttp<HttpCaller>({
      limits: {
        headMs: limits.requestHeadMs,
        idleMs: limits.requestIdleMs,
        maxConnectionsPerTarget: limits.maxConnectionsPerTarget,
      },
      decide: (request, caller) =>
        decideRequest(request, caller, {
          service,
          tokens,
          routes: this.#table,
          forwarders: this.#setting.forwarders,
        }),
      onDone: (record, caller) => {
        const route = this.#routes.find(({ name }) => name === record.route)
        const target = record.target && route?.nameOf(record.target)
        this.#note(this.requests.add(record, caller, target))
      },
      onBug: error => host.log.error('tunnel.request-failed', { service, reason: error.message }),
    })
  }

  set({ http }: { readonly http?: HttpSetting | undefined }): void {
    if (http === undefined) return
    const { host, service, tokens } = this.#options
    const kept = new Map(this.#routes.map(route => [JSON.stringify(route.setting), route]))
    const routes = http.routes.map(setting => {
      const key = JSON.stringify(setting)
      const same = kept.get(key)
      kept.delete(key)
      if (same !== undefined) return same
      const forwarder = this.#forwarder
      const onHealth = () => this.#updateHealth()
      return new LiveHttpRoute({ host, setting, forwarder, tokens, scope: service, onHealth })
    })
    this.#table = createRouteTable(routes)
    this.#setting = http
    this.#routes = routes
    for (const gone of kept.values()) gone[Symbol.dispose]()
    this.#updateHealth()
  }

  get health(): Health {
    return this.#health
  }

  async receive(incoming: Parameters<OutboundWay['receive']>[0]): Promise<void> {
    const { from, groups } = incoming
    const { maxConnections } = this.#options.limits
    if (this.#isClosed) throw refuseClosed(incoming)
    if (this.#forwarder.streamCount >= maxConnections) throw refuseOver(incoming, maxConnections)
    if (incoming.signal.aborted) throw new MeshError('timed-out', 'Cannot take stream: given up')
    this.#forwarder.accept(incoming.accept(), { from, groups })
  }

  close(): void {
    this.#isClosed = true
    for (const route of this.#routes) route[Symbol.dispose]()
    void this.#forwarder[Symbol.asyncDispose]()
  }

  count(): number {
    return this.#forwarder.streamCount
  }

  traffic() {
    return this.#traffic
  }

  describe() {
    const routes = this.#routes.map(route => route.describe())
    return { targets: [], http: { setting: this.#setting, routes, requestCount: this.#requestCount } }
  }

  #note(line: RequestLine): void {
    const { host, service } = this.#options
    this.#requestCount += 1
    const { sentBytes, receivedBytes } = this.#traffic
    this.#traffic = {
      droppedCount: 0,
      sentBytes: sentBytes + line.bytesOut,
      receivedBytes: receivedBytes + line.bytesIn,
    }
    if (this.#setting.isLogged) host.log.info('tunnel.request', { service, ...line })
  }

  #updateHealth(): void {
    const states = new Set(this.#routes.flatMap(route => route.states()))
    const health = states.has('down')
      ? states.size === 1
        ? 'down'
        : 'partly'
      : states.has('up')
        ? 'up'
        : 'unknown'
    if (health === this.#health) return
    this.#health = health
    this.#options.onHealth(health)
  }
}
