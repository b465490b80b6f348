import { isIP } from 'node:net'
import { type Address, formatAddress } from '../core/model/address.ts'
import { fromNodeError } from './node-error.ts'
import type { NativeSocket, UdpNative } from './udp-native.ts'

/** A UDP socket that carries datagrams of ours and, beside them, reliable streams (`udp-stream.ts`). */
export interface UdpSocket extends AsyncDisposable {
  /** Where it is bound; `::` takes IPv4 and IPv6. */
  readonly address: Address
  /** For the streams on it. */
  readonly native: NativeSocket
  /** What cannot be sent soon is lost, the oldest first. @param to  an IP address */
  send(bytes: Uint8Array, to: Address): void
  /** Datagrams that were not sent, as too many waited. */
  readonly droppedCount: number
}

/** What to bind and who hears. */
export interface UdpSocketOptions {
  /** Default: IPv6 and IPv4, or IPv4 alone where there is no IPv6. */
  readonly host?: string
  /** Default: any. */
  readonly port?: number
  /** Each datagram that belongs to no stream. Copy what is kept: the bytes share a larger buffer. */
  readonly onDatagram: (bytes: Uint8Array, from: Address) => void
}

/**
 * Bind a socket.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export function openUdpSocket(udp: UdpNative, options: UdpSocketOptions): UdpSocket {
  const { host, port = 0, onDatagram } = options
  const native = udp.createSocket()
  try {
    native.bind(port, host)
  } catch (error) {
    void native.close()
    throw fromNodeError(error, `Cannot bind UDP port ${formatAddress({ host: host ?? '*', port })}`)
  }
  const address = native.address() as Address
  enlargeBuffers(native)
  native.on('message', (bytes: Uint8Array, from: Address) => {
    // A first byte of 255 is a packet of a stream that has ended; port 0 can only be forged.
    if (bytes[0] === STREAM_MAGIC || bytes.length === 0 || from.port === 0) return
    onDatagram(bytes, { host: from.host, port: from.port })
  })
  const waiting: Array<{ readonly bytes: Uint8Array; readonly to: Address }> = []
  let waitingBytes = 0
  let handedBytes = 0
  let droppedCount = 0

  /** The library keeps what the kernel does not take, and cannot be asked to forget it. */
  function hand(bytes: Uint8Array, to: Address): void {
    handedBytes += bytes.length
    const settle = () => {
      handedBytes -= bytes.length
      while (handedBytes < MAX_HANDED_BYTES && !native.closing) {
        const next = waiting.shift()
        if (next === undefined) break
        waitingBytes -= next.bytes.length
        hand(next.bytes, next.to)
      }
    }
    native.send(bytes, to.port, to.host).then(settle, settle)
  }

  return {
    address: { host: address.host, port: address.port },
    native,
    get droppedCount() {
      return droppedCount
    },
    send(bytes, to) {
      if (native.closing || isIP(to.host) === 0 || to.port === 0) return
      if (handedBytes < MAX_HANDED_BYTES && waiting.length === 0) {
        hand(bytes, to)
        return
      }
      waiting.push({ bytes, to })
      waitingBytes += bytes.length
      while (waitingBytes > MAX_UNSENT_BYTES) {
        waitingBytes -= waiting.shift()?.bytes.length ?? 0
        droppedCount += 1
      }
    },
    async [Symbol.asyncDispose]() {
      for (const stream of native.streams) stream.destroy()
      await native.close()
    },
  }
}

/** The usual 208 KiB overflow while JavaScript is busy for 2 ms at 1 Gbit/s. */
function enlargeBuffers(native: NativeSocket): void {
  try {
    native.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
    native.setSendBufferSize(SEND_BUFFER_BYTES)
  } catch {
    // What the system gives must do.
  }
}

/** The first byte of every packet of a stream. */
const STREAM_MAGIC = 0xff
/** Datagrams that wait for the operating system to take them; beyond it the oldest are dropped. */
const MAX_UNSENT_BYTES = 1_048_576
/** Given to the library, which sends them in its next turn if the operating system takes them. */
const MAX_HANDED_BYTES = 131_072
/**
 * Asked of the operating system, which may give less. All that a stream may have under way (4 MiB, in packets that Linux
 * counts as 2,304 bytes each): Linux gives twice what it is asked for.
 */
const RECEIVE_BUFFER_BYTES = 4_194_304
const SEND_BUFFER_BYTES = 2_097_152
