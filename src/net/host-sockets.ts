import dgram from 'node:dgram'
import dns from 'node:dns/promises'
import net, { type LookupFunction, type Socket } from 'node:net'
import { type Address, formatAddress, formatTarget, type Target } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { gatherWrites } from './gathered-writes.ts'
import { listen } from './hub-port.ts'
import { fromNodeError } from './node-error.ts'
import { resetSocket } from './reset-socket.ts'
import { watchGone } from './watch-gone.ts'

// What apps see of these is declared by their own side, in sdk/app.ts: the types here are what fits there.

/** A TCP connection, or one of a unix socket, that may be half open. */
export type HostConnection = Socket & {
  /** The other end, `host:port`; `unix:/path` for a unix socket, `gone` for one that was broken before. Asks the system. */
  remote(): string
  /** Break it: the other side sees a reset. */
  reset(): void
}

/** A port that is open until it is disposed. */
export interface HostPort extends AsyncDisposable {
  readonly address: Address
}

/** A UDP port. */
export interface HostUdpPort extends HostPort {
  /** What cannot be sent now is lost. */
  send(bytes: Uint8Array, to: Address): void
}

/** Whether an IP address may be connected to. */
type AddressCheck = (ip: string) => boolean

/** A UDP socket with one other end. */
export interface HostUdpFlow extends AsyncDisposable {
  /** What cannot be sent now is lost. */
  send(bytes: Uint8Array): void
}

/**
 * Accept TCP connections. `*` and `::` take IPv4 and IPv6. Disposing stops accepting at once and leaves the
 * accepted connections alone.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export async function listenTcp(
  at: Address,
  onConnection: (connection: HostConnection) => void,
): Promise<HostPort> {
  const server = await listenAnyFamily(at, async host => {
    const candidate = net.createServer(SOCKET_OPTIONS, socket => onConnection(toTcpConnection(socket)))
    await listen(candidate, { host, port: at.port })
    return candidate
  })
  const { address, port } = server.address() as net.AddressInfo
  return {
    address: { host: address, port },
    async [Symbol.asyncDispose]() {
      // Its callback comes when the last accepted connection has ended, which is not ours to wait for.
      server.close()
    },
  }
}

/**
 * Open a TCP connection or a unix socket. A name with several addresses is tried with all of them, IPv6 and IPv4
 * side by side.
 *
 * @throws MeshError `unreachable`, `timed-out`, `not-found` (no such unix socket), `not-permitted`, `bad-input`, `denied`
 * @see RFC 8305, "Happy Eyeballs"
 */
export async function connectTcp(
  to: Target,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal; readonly mayUse?: AddressCheck },
): Promise<HostConnection> {
  checkHost(to.kind === 'unix' ? to.path : to.host)
  const { timeoutMs, signal, mayUse } = options
  const action = `Cannot connect to ${formatTarget(to)}`
  const where =
    to.kind === 'unix'
      ? { path: to.path }
      : { host: to.host, port: to.port, ...(mayUse && { lookup: checkedLookup(to.host, mayUse, action) }) }
  return await new Promise((resolve, reject) => {
    const socket = net.connect({ ...SOCKET_OPTIONS, ...where })
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      socket.off('error', fail)
    }
    const fail = (error: unknown) => {
      settle()
      socket.on('error', () => {})
      socket.destroy()
      reject(fromNodeError(error, action))
    }
    const abort = () => fail(new MeshError('timed-out', `${action}: given up`))
    const timer = setTimeout(
      () => fail(new MeshError('timed-out', `${action}: no answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    signal?.addEventListener('abort', abort, { once: true })
    socket.once('error', fail)
    socket.once('connect', () => {
      settle()
      resolve(toTcpConnection(socket, to))
    })
    if (signal?.aborted) abort()
  })
}

/**
 * Receive and send datagrams at an address. `*` and `::` take IPv4 and IPv6.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export async function bindUdp(
  at: Address,
  onDatagram: (bytes: Uint8Array, from: Address) => void,
): Promise<HostUdpPort> {
  const socket = await listenAnyFamily(at, host => bindSocket(host, at.port))
  // Port 0 can only be forged, and nothing can be sent there.
  socket.on('message', (bytes, from) => {
    if (from.port !== 0) onDatagram(bytes, { host: from.address, port: from.port })
  })
  const { address, port } = socket.address()
  let isOpen = true
  return {
    address: { host: address, port },
    send(bytes, to) {
      if (!isOpen || socket.getSendQueueSize() > PORT_QUEUE_BYTES) return
      socket.send(bytes, to.port, to.host, () => {})
    },
    async [Symbol.asyncDispose]() {
      if (isOpen) socket.close()
      isOpen = false
    },
  }
}

/**
 * Open a UDP socket that sends to one address and hears from it alone. `onUnreachable` is called when the other end's
 * computer says that nobody listens there; the flow stays usable, as that may change.
 *
 * @throws MeshError `unreachable`, `bad-input`, `denied`
 */
export async function connectUdp(
  to: Address,
  events: {
    onDatagram: (bytes: Uint8Array) => void
    onUnreachable?: (error: MeshError) => void
    mayUse?: AddressCheck
  },
): Promise<HostUdpFlow> {
  checkHost(to.host)
  const action = `Cannot reach ${formatAddress(to)}`
  const found = await dns.lookup(to.host, { all: true }).catch(error => {
    throw fromNodeError(error, action)
  })
  const { mayUse = () => true } = events
  const usable = found.find(one => mayUse(one.address))
  if (usable === undefined) throw refuseAddress(action)
  const { address, family } = usable
  const socket = dgram.createSocket({ ...UDP_OPTIONS, type: family === 6 ? 'udp6' : 'udp4' })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('connect', resolve)
      socket.connect(to.port, address)
    })
  } catch (error) {
    socket.close()
    throw fromNodeError(error, action)
  }
  let isOpen = true
  const report = (error: Error | null) => {
    if (error !== null && isOpen) events.onUnreachable?.(fromNodeError(error, action))
  }
  socket.removeAllListeners('error').on('error', report)
  socket.on('message', bytes => events.onDatagram(bytes))
  return {
    send(bytes) {
      if (isOpen && socket.getSendQueueSize() <= FLOW_QUEUE_BYTES) socket.send(bytes, report)
    },
    async [Symbol.asyncDispose]() {
      if (isOpen) socket.close()
      isOpen = false
    },
  }
}

/** A look-up whose answers are checked: what is asked first and connected to later must not be two different things. */
function checkedLookup(host: string, mayUse: AddressCheck, action: string): LookupFunction {
  // Of an address that needs no looking up Node does not ask.
  if (net.isIP(host) !== 0 && !mayUse(host)) throw refuseAddress(action)
  return (name, options, done) => {
    dns.lookup(name, { ...options, all: true }).then(
      found => {
        const usable = found.filter(one => mayUse(one.address))
        const [first] = usable
        if (first === undefined) done(refuseAddress(action), '')
        else if (options.all) done(null, usable)
        else done(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => done(error, ''),
    )
  }
}

function refuseAddress(action: string): MeshError {
  return new MeshError(
    'denied',
    `${action}: its address is not open to others: its owner may open it by name`,
  )
}

/** Try `::` first for `*`, which takes both families, and IPv4 alone where the computer has no IPv6. */
async function listenAnyFamily<T>(at: Address, open: (host: string) => Promise<T>): Promise<T> {
  checkHost(at.host)
  if (at.host !== '*') return await open(at.host)
  try {
    return await open('::')
  } catch (error) {
    const isWithoutIpv6 = error instanceof MeshError && ['bad-input', 'unsupported'].includes(error.code)
    if (!isWithoutIpv6) throw error
    return await open('0.0.0.0')
  }
}

/** Node takes an empty host for every address of the computer, and throws its own errors for a NUL. */
function checkHost(host: string): void {
  if (/^[^\p{Cc}]+$/u.test(host)) return
  throw new MeshError(
    'bad-input',
    `Cannot use host ${JSON.stringify(host)}: it is empty or has control characters`,
  )
}

function toTcpConnection(socket: Socket, to?: Target): HostConnection {
  // Whoever holds the connection hears of its end by `close`; without this a reset would end the process.
  socket.on('error', ignore)
  watchGone(socket)
  gatherWrites(socket)
  // One by one, each by its name: V8 keeps the properties of a socket in a hash table of 1.6 KB after `Object.assign`.
  const connection = socket as Socket & { remote: () => string; reset: () => void }
  connection.remote = to?.kind === 'unix' ? () => formatTarget(to) : remoteOfThis
  // A unix socket knows no reset, and Node throws if it is asked for one.
  connection.reset = to?.kind === 'unix' ? destroyThis : resetThis
  return connection
}

// One function for all connections: each of its own would take time and memory for all of them.
function ignore(): void {}

function resetThis(this: Socket): void {
  resetSocket(this)
}

function destroyThis(this: Socket): void {
  this.destroy()
}

function remoteOfThis(this: Socket): string {
  const { remoteAddress, remotePort } = this
  if (remoteAddress === undefined) return 'gone'
  return formatAddress({ host: remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ''), port: remotePort ?? 0 })
}

async function bindSocket(host: string, port: number): Promise<dgram.Socket> {
  const action = `Cannot listen on ${formatAddress({ host, port })}`
  const { address, family } = await dns.lookup(host).catch(error => {
    throw fromNodeError(error, action)
  })
  const socket = dgram.createSocket({ ...PORT_OPTIONS, type: family === 6 ? 'udp6' : 'udp4' })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('listening', resolve)
      socket.bind({ address, port, exclusive: true })
    })
  } catch (error) {
    socket.close()
    throw fromNodeError(error, action)
  }
  socket.removeAllListeners('error').on('error', () => {})
  return socket
}

/** What lies dead behind a NAT or a pulled plug is noticed by TCP keep-alive, which `watchGone` asks for. */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true } as const

// IP literals need no look-up, and dgram would make one per datagram.
const UDP_OPTIONS = {
  lookup: (host: string, _: unknown, done: (error: null, address: string, family: number) => void) =>
    done(null, host, net.isIP(host)),
}

// For bursts of many clients; what the kernel gives is often less.
const PORT_OPTIONS = { ...UDP_OPTIONS, recvBufferSize: 1_048_576, sendBufferSize: 1_048_576 }

// Datagrams that the kernel does not take at once wait in the process; beyond this they are lost. A port has many
// other ends, a flow one, and there may be thousands of those.
const PORT_QUEUE_BYTES = 1_048_576
const FLOW_QUEUE_BYTES = 65_536
