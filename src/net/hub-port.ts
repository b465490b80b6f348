import net, { type Server, type Socket } from 'node:net'
import type { Address } from '../core/model/address.ts'
import { formatAddress } from '../core/model/address.ts'
import type { Log } from '../core/model/log.ts'
import { fromNodeError } from './node-error.ts'
import { resetSocket } from './reset-socket.ts'
import { isGone } from './watch-gone.ts'

/** What a hub's port does with connections, told apart by their first byte; one `C` (`CARRIED`) may come before it. */
export interface HubPortOptions {
  /** 0x16: a TLS handshake. The bytes read are put back. */
  readonly onTls: (socket: Socket) => void
  /** `Z`: a relay ticket. The bytes read are put back. */
  readonly onTicket: (socket: Socket) => void
  readonly limits: HubPortLimits
  readonly log: Log
}

/** What strangers may cost; see docs/limits.md. */
export interface HubPortLimits {
  /** Connections that have not yet shown who they are, all together; over it the oldest ones are reset. */
  readonly maxStrangers: number
  readonly maxStrangersPerAddress: number
  /** The first byte must come within this time. */
  readonly firstByteTimeoutMs: number
  /** A stranger must have become known within this time. */
  readonly strangerTimeoutMs: number
}

/** The limits a hub starts with. */
export const HUB_PORT_LIMITS: HubPortLimits = {
  maxStrangers: 2_048,
  maxStrangersPerAddress: 512,
  firstByteTimeoutMs: 5_000,
  strangerTimeoutMs: 15_000,
}

/** A hub's listening port. */
export interface HubPort extends AsyncDisposable {
  readonly address: Address
  /** This connection has proved who it is (or holds a good ticket): it counts as a stranger no more. */
  welcome(socket: Socket): void
  readonly strangerCount: number
  /** Another hub carried this connection here: where it comes from says nothing of who it is. */
  isCarried(socket: Socket | undefined): boolean
}

/**
 * Listen for TLS and for relay tickets on one port.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export async function openHubPort(at: Address, options: HubPortOptions): Promise<HubPort> {
  // In order of arrival: under a flood the oldest of the address with the most goes, so that whoever comes now still
  // has its chance.
  const strangers = new Map<Socket, NodeJS.Timeout>()
  const byAddress = new Map<string, Set<Socket>>()
  const sockets = new Set<Socket>()
  const carried = new WeakSet<Socket>()

  function welcome(socket: Socket, address = addressOf(socket)): void {
    clearTimeout(strangers.get(socket))
    if (!strangers.delete(socket)) return
    const others = byAddress.get(address)
    others?.delete(socket)
    if (others?.size === 0) byAddress.delete(address)
  }

  function makeRoom(address: string, neighbours: Set<Socket>): void {
    const { maxStrangers, maxStrangersPerAddress } = options.limits
    const isCrowded = neighbours.size >= maxStrangersPerAddress
    if (!isCrowded && strangers.size < maxStrangers) return
    const crowd = isCrowded ? neighbours : largest(byAddress.values())
    const oldest = crowd?.values().next().value
    if (oldest === undefined) return
    options.log.debug('port.full', { address, strangers: strangers.size })
    welcome(oldest)
    resetSocket(oldest)
  }

  function admit(socket: Socket): void {
    const address = addressOf(socket)
    const neighbours = byAddress.get(address) ?? new Set()
    makeRoom(address, neighbours)
    byAddress.set(address, neighbours.add(socket))
    strangers.set(
      socket,
      setTimeout(() => resetSocket(socket), options.limits.strangerTimeoutMs),
    )
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    socket.on('error', error => options.log.debug('connection.failed', { address, error: error.message }))
    socket.once('close', () => {
      sockets.delete(socket)
      welcome(socket, address)
    })
    sortOut(socket, options, carried)
  }

  // Of one that was reset while nothing is read from it, nobody tells us.
  const sweep = setInterval(() => {
    for (const socket of strangers.keys()) if (isGone(socket)) socket.destroy()
  }, GONE_SWEEP_MS)
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: false }, admit)
  try {
    await listen(server, at)
  } catch (error) {
    clearInterval(sweep)
    throw error
  }
  const { address, port } = server.address() as net.AddressInfo
  return {
    address: { host: address, port },
    welcome,
    isCarried: socket => socket !== undefined && carried.has(socket),
    get strangerCount() {
      return strangers.size
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      const closed = new Promise(resolve => server.close(resolve))
      // Not by a reset: who took one over may be ending it, and libuv loses a connection that is reset then.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/**
 * Start a server on an address.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export function listen(server: Server, at: Address | { readonly path: string }): Promise<void> {
  const where = 'path' in at ? at.path : formatAddress(at)
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(fromNodeError(error, `Cannot listen on ${where}`)))
    server.listen('path' in at ? { path: at.path } : { host: at.host, port: at.port, backlog: 1_024 }, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      resolve()
    })
  })
}

function sortOut(socket: Socket, options: HubPortOptions, carried: WeakSet<Socket>): void {
  const timer = setTimeout(() => resetSocket(socket), options.limits.firstByteTimeoutMs)
  socket.once('close', () => clearTimeout(timer))
  socket.once('end', () => {
    // With half-open sockets allowed, one that ends before it says anything must be closed by hand.
    if (socket.bytesRead === 0) socket.destroy()
  })
  socket.once('readable', () => {
    clearTimeout(timer)
    const chunk: Buffer | null = socket.read()
    if (chunk !== null) handOver(socket, chunk)
  })

  function handOver(socket: Socket, chunk: Buffer): void {
    if (chunk[0] === CARRIED[0] && !carried.has(socket)) {
      carried.add(socket)
      if (chunk.length > 1) handOver(socket, chunk.subarray(1))
      else sortOut(socket, options, carried)
      return
    }
    socket.unshift(chunk)
    if (chunk[0] === TLS_HANDSHAKE) options.onTls(socket)
    else if (chunk[0] === TICKET) options.onTicket(socket)
    else {
      options.log.debug('connection.garbage', { address: addressOf(socket) })
      resetSocket(socket)
    }
  }
}

function largest(crowds: Iterable<Set<Socket>>): Set<Socket> | undefined {
  let found: Set<Socket> | undefined
  for (const crowd of crowds) if (found === undefined || crowd.size > found.size) found = crowd
  return found
}

function addressOf(socket: Socket): string {
  return socket.remoteAddress ?? 'gone'
}

/** First byte of a TLS record with a handshake, RFC 8446 section 5.1. */
const TLS_HANDSHAKE = 0x16
/** First byte of the relay preface `ZTM1`; see docs/protocol.md, "Ticket relay". */
const TICKET = 0x5a
/** What a hub sends first on a connection that it makes for somebody else; see docs/protocol.md, "Passage". */
export const CARRIED: Uint8Array = Uint8Array.of(0x43)
/** How often strangers are looked at who may be gone. */
const GONE_SWEEP_MS = 1_000
