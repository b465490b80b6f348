import type { Duplex } from 'node:stream'
import type { HUB_API } from '../core/api/hub-api.ts'
import type { PassageTarget } from '../core/api/passage.ts'
import type { Answer } from '../core/api/route.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { exportDatagramSecret } from '../net/datagram-channel.ts'
import { type Http2Client, type Http2ClientOptions, openHttp2 } from '../net/http2-client.ts'
import type { DirectListener } from './direct-listener.ts'
import { openDirectWay, usableAddresses } from './direct-way.ts'
import type { MeetingPoints } from './meeting-points.ts'
import { openRelay, openRelayOverLink } from './relay-way.ts'
import { SessionDatagrams } from './session-datagrams.ts'
import type { UdpEdge } from './udp-edge.ts'

/** What opening a session needs, whatever the way. */
export interface WaysOptions {
  readonly points: MeetingPoints
  readonly listener: DirectListener | undefined
  /** Absent where no holes can be punched. */
  readonly udp: UdpEdge | undefined
  /** The hub is on this computer: then peers may be, too. */
  readonly isHubHere: boolean
  /** How to speak TLS to that endpoint and be sure that it is it. */
  readonly client: (endpoint: EndpointId) => Pick<Http2ClientOptions, 'identity' | 'rootPem' | 'identify'>
}

/** An open session. */
export interface OpenedWay extends Http2Client {
  /** The hub that relays it; absent where none does. */
  readonly via?: PassageTarget
  /** What goes beside its streams; absent where everything must go in them. */
  readonly datagrams?: SessionDatagrams
}

/** Opens sessions, by any way. */
export interface Ways {
  /**
   * @param avoid  a hub that is not to relay it
   * @throws MeshError `denied`, `offline`, `not-trusted`, `timed-out`, `unreachable` …
   */
  open(endpoint: EndpointId, path: PathKind, signal: AbortSignal, avoid?: PassageTarget): Promise<OpenedWay>
}

type Introduction = Answer<typeof HUB_API.introduce>

/** Make the ways of one mesh. */
export function createWays(options: WaysOptions): Ways {
  const { points, listener } = options
  const introductions = new Map<EndpointId, Promise<Introduction>>()

  /** One introduction serves all tries that begin together; a later one must not come with a ticket that was used up. */
  function introduce(endpoint: EndpointId): Promise<Introduction> {
    const pending = introductions.get(endpoint)
    if (pending !== undefined) return pending
    const asked = points.introduce(endpoint).finally(() => introductions.delete(endpoint))
    introductions.set(endpoint, asked)
    return asked
  }

  function speak(connection: Duplex, endpoint: EndpointId, signal: AbortSignal): Promise<Http2Client> {
    return openHttp2(connection, { ...options.client(endpoint), timeoutMs: HANDSHAKE_MS, signal })
  }

  async function openOverRelay(
    endpoint: EndpointId,
    way: 'relay' | 'relay-h2',
    signal: AbortSignal,
    avoid: PassageTarget | undefined,
  ): Promise<OpenedWay> {
    const { ticket, link } = await points.askRelay(endpoint, way, avoid)
    const connection = await (way === 'relay' ? openRelay : openRelayOverLink)(link, ticket, 'dial', signal)
    return { ...(await speak(connection, endpoint, signal)), via: link.hub }
  }

  async function openDirectly(endpoint: EndpointId, signal: AbortSignal): Promise<Http2Client> {
    const { ticket, candidates } = await introduce(endpoint)
    const addresses = usableAddresses(candidates.tcp, options.isHubHere)
    const connections = createConnectionQueue(signal)
    const failures = openDirectWay({
      addresses,
      ticket,
      side: 'dial',
      listener,
      onConnection: connections.push,
      signal: connections.signal,
    })
    const timer = setTimeout(() => connections.end(), DIRECT_MS)
    const errors: MeshError[] = []
    try {
      for (;;) {
        const connection = await connections.next()
        if (connection === undefined) break
        try {
          return await speak(connection, endpoint, signal)
        } catch (error) {
          errors.push(toMeshError(error))
        }
      }
    } finally {
      clearTimeout(timer)
      connections.end()
    }
    throw noDirectWay(addresses, [...errors, ...(await failures)])
  }

  async function openPunched(endpoint: EndpointId, signal: AbortSignal): Promise<OpenedWay> {
    if (options.udp === undefined)
      throw new MeshError('unsupported', 'Cannot punch through NATs: this computer lacks the part for it')
    const { ticket, candidates } = await introduce(endpoint)
    const { udp: addresses, nat } = candidates
    const meeting = { ticket, side: 'dial', candidates: addresses, peerNat: nat } as const
    const way = await options.udp.punch({ ...meeting, signal })
    const client = await speak(way.stream, endpoint, signal)
    const secret = exportDatagramSecret(client.socket)
    return { ...client, datagrams: new SessionDatagrams({ way, side: 'dial', secret }) }
  }

  return {
    open(endpoint, path, signal, avoid) {
      switch (path) {
        case 'relay':
        case 'relay-h2':
          return openOverRelay(endpoint, path, signal, avoid)
        case 'direct':
          return openDirectly(endpoint, signal)
        case 'punched':
          return openPunched(endpoint, signal)
      }
    },
  }
}

/** Connections to one peer as they come about; what nobody takes is closed. */
function createConnectionQueue(outer: AbortSignal) {
  const waiting: Duplex[] = []
  const abort = new AbortController()
  const signal = AbortSignal.any([outer, abort.signal])
  let wake = () => {}
  signal.addEventListener('abort', () => {
    for (const connection of waiting.splice(0)) connection.destroy()
    wake()
  })
  return {
    signal,
    push(connection: Duplex): void {
      if (signal.aborted || waiting.length >= MAX_WAITING) {
        connection.destroy()
        return
      }
      connection.on('error', () => {})
      waiting.push(connection)
      wake()
    },
    /** @returns undefined after the end */
    async next(): Promise<Duplex | undefined> {
      while (!signal.aborted) {
        const connection = waiting.shift()
        if (connection !== undefined) return connection
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      return undefined
    },
    end: () => abort.abort(),
  }
}

function noDirectWay(addresses: readonly string[], failures: readonly MeshError[]): MeshError {
  if (addresses.length === 0)
    return new MeshError('unreachable', 'Cannot connect directly: it offers no address that we may use')
  const why = failures[0]?.message ?? 'nothing came from it'
  return new MeshError('unreachable', `Cannot connect directly to ${addresses.join(', ')}: ${why}`)
}

/** A session must be open within this time of its connection. */
const HANDSHAKE_MS = 10_000
/** A direct connection that is not made by then is not waited for. */
const DIRECT_MS = 4_000
/** Connections of one try that wait for their turn. */
const MAX_WAITING = 16
