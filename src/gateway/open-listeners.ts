import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { GatewayConfig, GatewayListener } from '../core/gateway/gateway-config.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import type { Log } from '../core/model/log.ts'
import type { ServiceName } from '../core/model/names.ts'
import { peekClientHello } from '../net/peek-client-hello.ts'
import { ACME_TLS, type AlpnChallenges } from '../net/public-certificate.ts'
import { type ConnectionCount, openPublicPort } from '../net/public-port.ts'
import { createPublicServer, PUBLIC_TIMES, type PublicServer, type PublicTls } from '../net/public-server.ts'
import { resetSocket } from '../net/reset-socket.ts'
import type { DialService } from '../net/service-streams.ts'
import type { WebSockets } from '../net/web-socket.ts'
import { openDatagramIngress } from './datagram-ingress.ts'
import type { Entrance, EntranceDoor } from './entrance.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { StreamIngress } from './stream-ingress.ts'

/** A listener at work. */
export interface OpenListener {
  readonly config: GatewayListener
  readonly address: Address
  /** Flows of UDP that are open. */
  readonly flowCount: number
  /** Take nothing new. */
  stop(): Promise<void>
  /** End idle connections, and others with their present request. */
  drain(): void
  /** Break what is left. */
  destroy(): void
}

/** What listeners hand connections to. */
export interface ListenerParts {
  readonly count: ConnectionCount
  readonly entrance: Entrance
  readonly webSockets: WebSockets<EntranceDoor>
  readonly ingress: StreamIngress
  readonly challenges: AlpnChallenges
  readonly contextFor: (host: string) => SecureContext | undefined
  readonly dial: DialService
  /** Time for the head of a request, of listeners that are opened from now on. */
  readonly headMs: () => number
  readonly metrics: GatewayMetrics
  readonly log: Log
}

/** Open a listener. @throws MeshError `port-in-use`, `not-permitted`, `bad-input` */
export async function openListener(config: GatewayListener, parts: ListenerParts): Promise<OpenListener> {
  switch (config.kind) {
    case 'http':
      return await openHttp(config, parts)
    case 'https':
      return await openHttps(config, parts)
    case 'tls-passthrough':
      return await openPassthrough(config, parts)
    case 'tcp':
      return await openTcp(config, parts)
    case 'udp':
      return await openUdp(config, parts)
  }
}

/** What is the same for a listener before and after a change of the configuration stays open. */
export function listenerKey(config: GatewayListener): string {
  return JSON.stringify(config)
}

type Kind<K extends GatewayListener['kind']> = Extract<GatewayConfig['listeners'][number], { kind: K }>

async function openHttp(config: Kind<'http'>, parts: ListenerParts): Promise<OpenListener> {
  const server = createServer(parts, { isTls: false, redirectToHttps: config.redirectToHttps })
  return await openPort(config, parts, { server, onConnection: socket => server.accept(socket) })
}

async function openHttps(config: Kind<'https'>, parts: ListenerParts): Promise<OpenListener> {
  const { contextFor, challenges, ingress } = parts
  const door = { isTls: true, redirectToHttps: false }
  const server = createServer(parts, door, { minVersion: config.minVersion, contextFor })
  const findService = serviceFinder(config.passthrough)
  const onConnection = (socket: Socket) =>
    withHello(socket, parts, ({ serverName = '', protocols }) => {
      const service = findService(serverName)
      if (service !== undefined) {
        socket.allowHalfOpen = true
        ingress.join(socket, service, 'tls')
      } else if (protocols.includes(ACME_TLS)) challenges.accept(socket)
      else server.accept(socket)
    })
  return await openPort(config, parts, { server, onConnection })
}

async function openPassthrough(config: Kind<'tls-passthrough'>, parts: ListenerParts): Promise<OpenListener> {
  const findService = serviceFinder(config.names)
  const onConnection = (socket: Socket) =>
    withHello(socket, parts, ({ serverName = '' }) => {
      const service = findService(serverName)
      if (service !== undefined) parts.ingress.join(socket, service, 'tls')
      else {
        parts.metrics.refused('tls', 'unknown-name')
        socket.end(UNRECOGNIZED_NAME, () => socket.destroy())
      }
    })
  return await openPort(config, parts, { onConnection, allowHalfOpen: true })
}

async function openTcp(config: Kind<'tcp'>, parts: ListenerParts): Promise<OpenListener> {
  let openCount = 0
  const onConnection = (socket: Socket) => {
    if (openCount >= config.maxConnections) {
      parts.metrics.refused('tcp', 'too-many')
      resetSocket(socket)
      return
    }
    openCount += 1
    socket.once('close', () => {
      openCount -= 1
    })
    parts.ingress.join(socket, config.service, 'tcp')
  }
  return await openPort(config, parts, { onConnection, allowHalfOpen: true })
}

async function openUdp(config: Kind<'udp'>, { dial, log, metrics }: ListenerParts): Promise<OpenListener> {
  const { listen, service } = config
  const onEnded = (bytesIn: number, bytesOut: number) => metrics.ingress('udp', service, bytesIn, bytesOut)
  const port = await openDatagramIngress(listen, { dial, service, log, onEnded })
  return {
    config,
    address: port.address,
    get flowCount() {
      return port.flowCount
    },
    stop: async () => await port[Symbol.asyncDispose](),
    drain() {},
    destroy() {},
  }
}

interface PortUse {
  readonly server?: PublicServer
  readonly onConnection: (socket: Socket) => void
  readonly allowHalfOpen?: boolean
}

async function openPort(config: GatewayListener, parts: ListenerParts, use: PortUse): Promise<OpenListener> {
  const { server, onConnection, allowHalfOpen = false } = use
  const { count, metrics } = parts
  const onRefused = () => metrics.refused(config.kind, 'too-many')
  const port = await openPublicPort(config.listen, { count, allowHalfOpen, onConnection, onRefused })
  parts.log.info('listener.opened', { kind: config.kind, address: formatAddress(port.address) })
  return {
    config,
    address: port.address,
    flowCount: 0,
    stop: async () => await port[Symbol.asyncDispose](),
    drain: () => server?.drain(),
    destroy: () => server?.destroy(),
  }
}

function createServer(
  { entrance, webSockets, metrics, headMs }: ListenerParts,
  kind: Omit<EntranceDoor, 'isDraining'>,
  tls?: PublicTls,
): PublicServer {
  const door: EntranceDoor = { ...kind, isDraining: () => server.isDraining }
  const server = createPublicServer(
    {
      onRequest: (request, response, isExpecting) => entrance.take(request, response, door, isExpecting),
      onUpgrade: (request, socket, head) => webSockets.upgrade(request, socket, head, door),
      onConnect: (request, response) => webSockets.connect(request, response, door),
      onGarbage: status => metrics.garbage(status),
    },
    { headMs: headMs(), tls },
  )
  return server
}

function withHello(
  socket: Socket,
  { metrics }: ListenerParts,
  use: (hello: Awaited<ReturnType<typeof peekClientHello>>) => void,
): void {
  peekClientHello(socket, PUBLIC_TIMES.handshakeMs).then(use, () => {
    metrics.refused('tls', 'no-hello')
    socket.destroy()
  })
}

/** Finds the service of a name: by the name itself, then by wildcards, the longest first. */
function serviceFinder(
  names: Readonly<Record<string, ServiceName>>,
): (name: string) => ServiceName | undefined {
  const byName = new Map(Object.entries(names))
  if (byName.size === 0) return () => undefined
  return name => {
    const exact = byName.get(name)
    if (exact !== undefined) return exact
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const found = byName.get(`*${name.slice(dot)}`)
      if (found !== undefined) return found
    }
    return byName.get('*')
  }
}

/** A fatal alert `unrecognized_name`, RFC 8446 section 6. */
const UNRECOGNIZED_NAME = Buffer.from('15030300020270', 'hex')
