import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type Address, parseAddress } from '../core/model/address.ts'

/** A connection of somebody nobody knows, and how it ended. */
export interface Stranger {
  readonly socket: Socket
  /** Everything that came back. */
  answer(): Buffer
  /** Resolves when it has closed: ms since it was opened. */
  readonly closedAfterMs: Promise<number>
}

/** Open a TCP connection and say nothing. Errors are expected and ignored; it ends like any other. */
export async function openStranger(address: string | Address): Promise<Stranger> {
  const { host, port } = typeof address === 'string' ? parseAddress(address) : address
  const socket = net.connect({ host, port, allowHalfOpen: true })
  const openedAtMs = performance.now()
  const chunks: Buffer[] = []
  socket.on('error', () => {})
  socket.on('data', chunk => chunks.push(chunk))
  socket.once('end', () => socket.end())
  const closedAfterMs = new Promise<number>(resolve =>
    socket.once('close', () => resolve(performance.now() - openedAtMs)),
  )
  await once(socket, 'connect')
  return { socket, closedAfterMs, answer: () => Buffer.concat(chunks) }
}

/** How a TLS client of a test comes along. */
export interface TlsVisit extends Pick<ConnectionOptions, 'ALPNProtocols' | 'maxVersion' | 'minVersion'> {
  /** Certificate chain and key, PEM; none if absent. */
  readonly certificate?: { readonly chainPem: string; readonly privateKeyPem: string }
}

/** Shake hands with a TLS server, whoever it is. @throws what TLS throws if the server refuses */
export async function openTls(address: string | Address, visit: TlsVisit = {}): Promise<TLSSocket> {
  const { host, port } = typeof address === 'string' ? parseAddress(address) : address
  const { certificate, ...options } = visit
  const socket = tls.connect({
    host,
    port,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...options,
    ...(certificate && { cert: certificate.chainPem, key: certificate.privateKeyPem }),
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('closed during the handshake')))
  })
  return socket
}

/** The first bytes a TLS 1.3 client sends. */
export async function clientHello(): Promise<Buffer> {
  const [near, far] = duplexPair()
  const client = tls.connect({ socket: near, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' })
  client.on('error', () => {})
  const [bytes] = (await once(far, 'data')) as [Buffer]
  client.destroy()
  return bytes
}

/** Send bytes one at a time, so slowly, until all are sent or the connection is gone. */
export function trickle(socket: Socket, bytes: Uint8Array, everyMs: number): void {
  let sentCount = 0
  const timer = setInterval(() => {
    if (sentCount < bytes.length && !socket.destroyed) socket.write(bytes.subarray(sentCount, ++sentCount))
    else clearInterval(timer)
  }, everyMs)
}
