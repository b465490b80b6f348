import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { MeshError } from '../core/model/errors.ts'

/** Sockets and streams that share one space of stream ids: what one agent uses in one mesh. */
export interface UdpNative {
  createSocket(options?: { readonly ipv6Only?: boolean }): NativeSocket
  /** @param id  of this end, 32 bits; a stream is found by it alone, so nobody else may guess it */
  createStream(
    id: number,
    options?: { readonly firewall?: (socket: NativeSocket, port: number, host: string) => boolean },
  ): NativeStream
}

/** A socket of the library. It closes when its streams have. */
export interface NativeSocket extends EventEmitter {
  readonly streams: ReadonlySet<NativeStream>
  readonly closing: boolean
  bind(port: number, host?: string): void
  address(): { readonly host: string; readonly port: number } | null
  /** @returns when the operating system has taken it, or refused it */
  send(bytes: Uint8Array, port: number, host: string): Promise<boolean>
  setSendBufferSize(bytes: number): void
  setRecvBufferSize(bytes: number): void
  /** As the operating system counts: Linux twice what it gave. */
  getRecvBufferSize(): number
  close(): Promise<void>
}

/** One end of a reliable stream of the library. */
export interface NativeStream extends EventEmitter {
  readonly connected: boolean
  readonly destroyed: boolean
  /** Bytes sent that have not been acknowledged. */
  readonly inflight: number
  readonly packetsReceived: number
  /** Smoothed, ms. */
  readonly rtt: number
  readonly mtu: number
  readonly retransmits: number
  connect(socket: NativeSocket, remoteId: number, port: number, host: string): void
  /** @returns when what is under way has arrived; null if nothing is */
  changeRemote(socket: NativeSocket, remoteId: number, port: number, host: string): Promise<void> | null
  write(bytes: Uint8Array): boolean
  end(): void
  /** A short message that may be lost. */
  trySend(bytes: Uint8Array): void
  destroy(): void
}

/**
 * Load `udx-native`. It is a native part, and the only one that may be missing: where it cannot be loaded, no path is
 * punched and all else works.
 *
 * @throws MeshError `unsupported`
 * @see docs/decisions/0017-udx-native.md
 */
export function loadUdpNative(): UdpNative {
  try {
    // Not an import: bundled, it would not find its native half.
    const Library = createRequire(import.meta.url)('udx-native') as new () => UdpNative
    return new Library()
  } catch (cause) {
    throw new MeshError(
      'unsupported',
      'Cannot punch through NATs: "udx-native" does not load on this computer',
      { cause },
    )
  }
}
