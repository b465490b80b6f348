import dns from 'node:dns/promises'
import http2 from 'node:http2'
import net, { type Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import type { Address } from '../core/model/address.ts'
import { formatAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { tlsIdentity } from '../pki/check.ts'
import { listen } from './hub-port.ts'
import { fromNodeError } from './node-error.ts'
import { TLS_OPTIONS } from './tls-options.ts'

/** The steps of reaching a hub, in their order. */
export type ProbeStep = 'resolve' | 'connect' | 'handshake' | 'certificate' | 'answer'

/** What came of trying to reach a hub. */
export interface HubProbe {
  /** The first step that failed. */
  readonly failed?: {
    readonly step: ProbeStep
    readonly error: MeshError
    /** The operating system's or OpenSSL's word for it: `ECONNREFUSED`. */
    readonly systemCode?: string
  }
  /** The clock of whoever answered, to the second; known also where the certificate was no good. */
  readonly clockMs?: number
}

/** How a hub is tried. */
export interface ProbeOptions {
  /** The mesh's root, PEM. */
  readonly rootPem: string
  /** Ms since the epoch, by this computer's clock. */
  readonly now: number
  /** For each step. */
  readonly timeoutMs: number
}

/**
 * Go the way a link goes, without a certificate of our own: look the name up, connect, shake hands, judge the hub's
 * certificate, ask something. Tells which step fails; never throws.
 */
export async function probeHub(at: Address, options: ProbeOptions): Promise<HubProbe> {
  let step: ProbeStep = 'resolve'
  let socket: Socket | undefined
  try {
    const host = await lookUp(at.host, options.timeoutMs)
    step = 'connect'
    socket = await connect({ host, port: at.port }, options.timeoutMs)
    step = 'handshake'
    const secure = await shakeHands(socket, options)
    const verdict = judge(secure, options)
    step = 'answer'
    const clockMs = await askClock(secure, options.timeoutMs).catch(error => {
      // Whoever has a foreign certificate owes us no answer.
      if (verdict === undefined) throw error
      return undefined
    })
    return {
      ...(verdict !== undefined && { failed: { step: 'certificate' as const, error: verdict } }),
      ...(clockMs !== undefined && { clockMs }),
    }
  } catch (thrown) {
    const error = fromNodeError(thrown, `Cannot reach hub ${formatAddress(at)}`)
    const code = ((error.cause ?? thrown) as { code?: unknown }).code
    return { failed: { step, error, ...(typeof code === 'string' && { systemCode: code }) } }
  } finally {
    socket?.destroy()
  }
}

/** Whether a program could listen there now. @throws MeshError as `listen`, but for `port-in-use` */
export async function isPortFree(at: Address): Promise<boolean> {
  const server = net.createServer()
  try {
    await listen(server, at)
    return true
  } catch (thrown) {
    if (thrown instanceof MeshError && thrown.code === 'port-in-use') return false
    throw thrown
  } finally {
    server.close()
  }
}

async function lookUp(host: string, timeoutMs: number): Promise<string> {
  if (net.isIP(host) !== 0) return host
  const { address } = await within(dns.lookup(host), timeoutMs, 'name server did not answer')
  return address
}

async function connect(at: Address, timeoutMs: number): Promise<Socket> {
  const socket = net.connect(at)
  return await within(settled<Socket>(socket, 'connect', socket), timeoutMs, 'no answer', socket)
}

async function shakeHands(connection: Socket, { rootPem, timeoutMs }: ProbeOptions): Promise<TLSSocket> {
  const socket = tls.connect({
    ...TLS_OPTIONS,
    ALPNProtocols: [...TLS_OPTIONS.ALPNProtocols],
    socket: connection,
    ca: rootPem,
    // Judged in `judge`, which can say why.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  })
  return await within(
    settled(socket, 'secureConnect', socket),
    timeoutMs,
    'no answer to the handshake',
    connection,
  )
}

function judge(socket: TLSSocket, { rootPem, now }: ProbeOptions): MeshError | undefined {
  try {
    tlsIdentity(socket, { rootPem, now, expect: ['hub'] })
    return undefined
  } catch (thrown) {
    return toMeshError(thrown)
  }
}

/** Any answer will do, also a refusal: it bears a date. */
async function askClock(socket: TLSSocket, timeoutMs: number): Promise<number | undefined> {
  if (socket.alpnProtocol !== 'h2') throw new MeshError('bad-message', 'Cannot ask hub: it speaks no HTTP/2')
  const session = http2.connect('https://mesh', { createConnection: () => socket })
  try {
    const stream = session.request({ ':path': '/api/hubs' })
    // The session's own failure, which would end the process unheard, fails the stream too.
    session.on('error', () => {})
    const answer = new Promise<number | undefined>((resolve, reject) => {
      stream.once('response', headers => {
        const timeMs = Date.parse(String(headers.date))
        resolve(Number.isNaN(timeMs) ? undefined : timeMs)
      })
      stream.once('error', reject)
      stream.once('close', () =>
        reject(new MeshError('link-closed', 'Cannot ask hub: it closed the connection')),
      )
    })
    stream.resume()
    return await within(answer, timeoutMs, 'no answer to a request')
  } finally {
    session.destroy()
  }
}

/** Waits for an event of a socket; an error or the end of it comes as an error. */
function settled<T>(socket: Socket, event: string, value: T): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve(value))
    socket.once('error', reject)
    socket.once('close', () =>
      reject(new MeshError('link-closed', 'Cannot reach hub: the other side closed the connection')),
    )
  })
}

async function within<T>(step: Promise<T>, timeoutMs: number, state: string, socket?: Socket): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new MeshError('timed-out', `Cannot reach hub: ${state} within ${timeoutMs} ms`))
      socket?.destroy()
    }, timeoutMs)
  })
  try {
    return await Promise.race([step, late])
  } finally {
    clearTimeout(timer)
  }
}
