import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { HUB_API } from '../core/api/hub-api.ts'
import { SESSION_TICKET_HEADER } from '../core/api/peer-api.ts'
import type { Answer, Arguments, Route } from '../core/api/route.ts'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { callRoute } from '../net/call-route.ts'
import { connectTcp } from '../net/host-sockets.ts'
import { openHttp2 } from '../net/http2-client.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { type Credential, type HubVisit, openEvents, visitHub } from './hub-visit.ts'

/** An end-to-end session with an agent, by whoever got as far as its relay. */
export interface PeerVisit extends AsyncDisposable {
  readonly session: ClientHttp2Session
  call<R extends Route>(route: R, args: Arguments<R>): Promise<Answer<R>>
  /** Dial a service as a dialler does, with any ticket and headers. */
  connect(service: string, ticket?: string, headers?: Record<string, string>): ClientHttp2Stream
  /** Dial. @returns 200, or why not */
  dial(service: string, ticket?: string, headers?: Record<string, string>): Promise<200 | MeshError>
  /** Send a request to any path. */
  get(path: string): Promise<number | MeshError>
}

/** How a visit to an endpoint is made. */
export interface PeerVisitOptions {
  /** The hub's address. */
  readonly hub: string
  /** Who asks the hub for the relay. */
  readonly asker: Credential
  readonly to: EndpointId
  /** What is shown to the agent itself; the asker's if absent, nothing for `null`. */
  readonly shown?: Credential | null
}

/** A connection to an agent, which waits for a TLS handshake. */
export interface RelayVisit extends Disposable {
  readonly connection: Duplex
  readonly hub: HubVisit
}

/** Have a hub join two connections, by a ticket or inside the link. */
export async function openRelayTo(
  { hub, asker, to }: PeerVisitOptions,
  way: 'relay' | 'relay-h2' = 'relay',
): Promise<RelayVisit> {
  const visit = await visitHub(hub, asker)
  await openEvents(visit)('hello')
  const { ticket } = await visit.call(HUB_API.openRelay, { body: { endpoint: to, way } })
  const dispose = () => visit[Symbol.dispose]()
  if (way === 'relay-h2') {
    const headers = { ':method': 'CONNECT', ':authority': 'dial', 'ztm-ticket': ticket }
    const connection = visit.session.request(headers)
    connection.on('error', () => {})
    return { connection, hub: visit, [Symbol.dispose]: dispose }
  }
  const connection = await connectTcp({ kind: 'address', ...parseAddress(hub) }, { timeoutMs: 20_000 })
  connection.write(encodeRelayPreface({ side: 'dial', ticket: Buffer.from(ticket, 'base64url') }))
  return { connection, hub: visit, [Symbol.dispose]: dispose }
}

/** Go to an endpoint over the ticket relay. Believes whatever answers. */
export async function visitPeer(options: PeerVisitOptions): Promise<PeerVisit> {
  const { asker, shown = asker } = options
  const { connection: socket, hub: visit } = await openRelayTo(options)
  const { session } = await openHttp2(socket, {
    identify: (): ShownIdentity => ({ identity: NOBODY, publicKeyPem: '', issuedAtMs: 0, expiresAtMs: 0 }),
    timeoutMs: 20_000,
    ...(shown !== null && { identity: shown }),
  })
  const connect = (service: string, sessionTicket?: string, headers: Record<string, string> = {}) => {
    const stream = session.request({
      ':method': 'CONNECT',
      ':authority': encodeURIComponent(service),
      ...(sessionTicket !== undefined && { [SESSION_TICKET_HEADER]: sessionTicket }),
      ...headers,
    })
    stream.on('error', () => {})
    return stream
  }
  return {
    session,
    call: (route, args) => callRoute(session, route, args),
    connect,
    async dial(...args) {
      const stream = connect(...args)
      const answer = await readAnswer(stream)
      stream.close()
      return answer === 200 ? answer : toError(answer)
    },
    get: async path => readAnswer(session.request({ ':method': 'GET', ':path': path })),
    async [Symbol.asyncDispose]() {
      session.destroy()
      visit[Symbol.dispose]()
    },
  }
}

async function readAnswer(stream: ClientHttp2Stream): Promise<number | MeshError> {
  stream.on('error', () => {})
  const status = await new Promise<number>(resolve => {
    stream.once('response', headers => resolve(Number(headers[':status'])))
    stream.once('close', () => resolve(0))
  })
  if (status === 200) return status
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  } catch {
    return new MeshError('link-closed', 'Cannot ask: stream ended without an answer')
  }
  try {
    return parseErrorBody(JSON.parse(Buffer.concat(chunks).toString())) ?? status
  } catch {
    return status
  }
}

function toError(answer: number | MeshError): MeshError {
  return answer instanceof MeshError ? answer : new MeshError('bad-message', `Cannot dial: status ${answer}`)
}

const NOBODY = { kind: 'hub', mesh: '', hub: '' } as unknown as ShownIdentity['identity']
