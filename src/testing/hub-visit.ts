import type { ClientHttp2Session } from 'node:http2'
import { type HubEvent, MAX_EVENT_BYTES, parseHubEvent } from '../core/api/events.ts'
import { EVENTS_PATH } from '../core/api/hub-api.ts'
import type { Answer, Arguments, Route } from '../core/api/route.ts'
import { createLineSplitter } from '../core/codec/lines.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import { callRoute } from '../net/call-route.ts'
import { connectTcp } from '../net/host-sockets.ts'
import { openHttp2 } from '../net/http2-client.ts'
import type { ShownIdentity } from '../net/http2-server.ts'

/** A certificate chain and its key, PEM. */
export interface Credential {
  readonly chainPem: string
  readonly privateKeyPem: string
}

/** An HTTP/2 session with a hub, by whoever holds a credential, or nobody. */
export interface HubVisit extends Disposable {
  readonly session: ClientHttp2Session
  /** @throws MeshError what the hub answers */
  call<R extends Route>(route: R, args: Arguments<R>): Promise<Answer<R>>
  /** Send a request without a body, CONNECT included. @returns its status, or the error in its answer */
  ask(headers: Record<string, string>): Promise<number | MeshError>
}

/** Go to a hub with a credential, or without. Believes whatever answers to be the hub. */
export async function visitHub(address: string, credential?: Credential): Promise<HubVisit> {
  const socket = await connectTcp({ kind: 'address', ...parseAddress(address) }, { timeoutMs: 20_000 })
  const anybody = (): ShownIdentity => ({ identity: NOBODY, publicKeyPem: '', issuedAtMs: 0, expiresAtMs: 0 })
  const { session } = await openHttp2(socket, {
    identify: anybody,
    timeoutMs: 20_000,
    ...(credential && { identity: credential }),
  })
  return {
    session,
    call: (route, args) => callRoute(session, route, args),
    ask: headers => askOnce(session, headers),
    [Symbol.dispose]() {
      session.destroy()
    },
  }
}

/** Open a link and listen. @returns a function that waits for the next event of a kind */
export function openEvents({
  session,
}: HubVisit): <K extends HubEvent['event']>(kind: K) => Promise<Extract<HubEvent, { event: K }>> {
  const events: HubEvent[] = []
  const waiters = new Set<() => void>()
  const splitter = createLineSplitter(MAX_EVENT_BYTES)
  const stream = session.request({ ':path': EVENTS_PATH })
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    for (const line of splitter.push(chunk)) {
      const event = parseHubEvent(line)
      if (event !== undefined) events.push(event)
    }
    for (const wake of waiters) wake()
    waiters.clear()
  })
  return async kind => {
    for (;;) {
      const index = events.findIndex(({ event }) => event === kind)
      const [found] = index === -1 ? [] : events.splice(index, 1)
      if (found !== undefined) return found as Extract<HubEvent, { event: typeof kind }>
      await new Promise<void>(resolve => waiters.add(resolve))
    }
  }
}

async function askOnce(
  session: ClientHttp2Session,
  headers: Record<string, string>,
): Promise<number | MeshError> {
  const stream = session.request(headers)
  stream.on('error', () => {})
  const status = await new Promise<number | undefined>(resolve => {
    stream.once('response', answer => resolve(Number(answer[':status'])))
    stream.once('close', () => resolve(undefined))
  })
  if (status === undefined) return new MeshError('link-closed', 'Cannot ask: stream ended unanswered')
  if (status === 200) {
    stream.close()
    return status
  }
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return parseErrorBody(JSON.parse(Buffer.concat(chunks).toString())) ?? status
}

const NOBODY = { kind: 'hub', mesh: '', hub: '' } as unknown as ShownIdentity['identity']
