import type { Duplex } from 'node:stream'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import { formatAddress, parseAddress } from '../core/model/address.ts'
import { type MeshError, toMeshError } from '../core/model/errors.ts'
import { readCandidates } from '../core/path/candidate.ts'
import type { Side } from '../core/registry/registry.ts'
import { connectTcp } from '../net/host-sockets.ts'
import type { DirectListener } from './direct-listener.ts'

/** How one of the two sides of an introduction connects to the other. */
export interface DirectWayOptions {
  /** `IP:port` where the other side says it listens. */
  readonly addresses: readonly string[]
  /** 32 bytes, base64url. */
  readonly ticket: string
  readonly side: Side
  /** Where the other side may come in; nowhere if absent. */
  readonly listener: DirectListener | undefined
  /** Each connection that comes about, ours and theirs. It is owned by the callee. */
  readonly onConnection: (connection: Duplex) => void
  /** Ends it; connections handed over stay. */
  readonly signal: AbortSignal
}

/**
 * Connect to a peer at all addresses it offered, one after the other began, and let it connect to us. Both sides do so:
 * it takes one of the two that can be reached.
 *
 * @returns resolves when nothing more is tried from here, with why each address failed
 */
export async function openDirectWay(options: DirectWayOptions): Promise<MeshError[]> {
  const { addresses, ticket, side, listener, onConnection } = options
  // Of its own, and soon over: what listens to a signal that lives as long as the agent would stay as long.
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(EXPECT_MS)])
  const other: Side = side === 'dial' ? 'accept' : 'dial'
  const forget = listener?.expect(ticket, other, onConnection)
  signal.addEventListener('abort', () => forget?.(), { once: true })
  if (signal.aborted) forget?.()
  const preface = encodeRelayPreface({ side, ticket: new Uint8Array(Buffer.from(ticket, 'base64url')) })
  const failures: MeshError[] = []
  await Promise.all(
    addresses.map(async (text, index) => {
      try {
        await pause(index * STAGGER_MS, signal)
        if (signal.aborted) return
        const to = { kind: 'address', ...parseAddress(text) } as const
        const socket = await connectTcp(to, { timeoutMs: CONNECT_TIMEOUT_MS, signal })
        if (signal.aborted) {
          socket.reset()
          return
        }
        socket.write(preface)
        onConnection(socket)
      } catch (error) {
        failures.push(toMeshError(error))
      }
    }),
  )
  return failures
}

/** Those of a peer's addresses that may be connected to at all, whatever a hub says. */
export function usableAddresses(texts: readonly string[], isHubHere: boolean): string[] {
  return readCandidates(texts, { loopback: isHubHere }).map(({ address }) => formatAddress(address))
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs === 0) return Promise.resolve()
  return new Promise(resolve => {
    const timer = setTimeout(resolve, delayMs)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}

/** Between the first tries of two addresses: the near one is usually done by then (RFC 8305, section 5). */
const STAGGER_MS = 50
const CONNECT_TIMEOUT_MS = 3_000
/** How long the other side may take to come in. */
const EXPECT_MS = 10_000
