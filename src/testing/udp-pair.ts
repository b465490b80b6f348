import { loadUdpNative, type UdpNative } from '../net/udp-native.ts'
import { openUdpSocket, type UdpSocket } from '../net/udp-socket.ts'
import { UdpStream } from '../net/udp-stream.ts'

/** The two ends of a stream over UDP on loopback. */
export interface UdpPair extends AsyncDisposable {
  readonly near: UdpStream
  readonly far: UdpStream
  readonly nearSocket: UdpSocket
  readonly farSocket: UdpSocket
  readonly nearNative: UdpNative
  readonly farNative: UdpNative
}

/** Open a stream between two sockets. @param host  where they are bound; default 127.0.0.1 */
export function openUdpPair(
  options: { readonly host?: string; readonly maxSilenceMs?: number } = {},
): UdpPair {
  const { host = '127.0.0.1', maxSilenceMs } = options
  const [nearNative, farNative] = [loadUdpNative(), loadUdpNative()]
  const nearSocket = openUdpSocket(nearNative, { host, onDatagram() {} })
  const farSocket = openUdpSocket(farNative, { host, onDatagram() {} })
  const open = (udp: UdpNative, socket: UdpSocket, other: UdpSocket, localId: number, remoteId: number) =>
    new UdpStream({
      udp,
      socket,
      remote: other.address,
      localId,
      remoteId,
      ...(maxSilenceMs !== undefined && { maxSilenceMs }),
    })
  const far = open(farNative, farSocket, nearSocket, 2, 1)
  const near = open(nearNative, nearSocket, farSocket, 1, 2)
  return {
    near,
    far,
    nearSocket,
    farSocket,
    nearNative,
    farNative,
    async [Symbol.asyncDispose]() {
      for (const end of [near, far]) end.on('error', () => {}).destroy()
      await Promise.all([nearSocket[Symbol.asyncDispose](), farSocket[Symbol.asyncDispose]()])
    },
  }
}
