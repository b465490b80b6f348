import type { Socket } from 'node:net'
import { createSplicer } from '../net/raw-splice.ts'
import { breakOff, type Splice } from '../net/splice.ts'
import type { FromRelayWorker, ToRelayWorker } from './relay-messages.ts'
import { createRelayMeter, type RelayMeter } from './relay-meter.ts'

/** The process of a worker, as it sees the hub that started it. */
export interface HubChannel {
  readonly send: (message: FromRelayWorker) => void
  /** Where messages and their connections come in; `disconnect` when the hub is gone. */
  readonly on: {
    (event: 'message', listener: (message: ToRelayWorker, socket: Socket | undefined) => void): unknown
    (event: 'disconnect', listener: () => void): unknown
  }
}

/** Copy what the hub hands over. @returns when the hub is gone, with every relay broken */
export function runRelayWorker({ send, on }: HubChannel): Promise<void> {
  const splice = createSplicer()
  // One that broke on its way does not arrive.
  const halves = new Map<number, Socket | 'lost'>()
  const relays = new Map<number, Splice>()
  const told = new Map<number, number>()
  let meter: RelayMeter | undefined
  let toldThrottledMs = 0

  function begin(leaseBytes: number | undefined): void {
    if (leaseBytes === undefined) return
    meter = createRelayMeter({
      leaseBytes,
      ask: (payer, byteCount) => send({ did: 'ask', payer, byteCount }),
      giveBack: (payer, byteCount) => send({ did: 'give-back', payer, byteCount }),
    })
  }

  function join(relay: number, first: Socket, second: Socket, payer: string): void {
    const joined = splice(first, second, meter?.open(payer))
    relays.set(relay, joined)
    void joined.closed.then(() => {
      relays.delete(relay)
      told.delete(relay)
      send({ did: 'close', relay, byteCount: joined.byteCount() })
    })
  }

  function take({ relay, payer, unread }: ToRelayWorker & { do: 'half' }, socket: Socket | undefined): void {
    if (socket !== undefined) {
      socket.allowHalfOpen = true
      socket.on('error', () => {})
      for (const bytes of unread.toReversed()) socket.unshift(bytes)
    }
    const first = halves.get(relay)
    if (first === undefined) {
      halves.set(relay, socket ?? 'lost')
      return
    }
    halves.delete(relay)
    if (first !== 'lost' && socket !== undefined && !first.destroyed && !socket.destroyed) {
      join(relay, first, socket, payer)
      return
    }
    for (const half of [first, socket]) if (half !== 'lost' && half !== undefined) breakOff(half)
    send({ did: 'close', relay, byteCount: 0 })
  }

  function cut(relay: number): void {
    relays.get(relay)?.cut()
    const half = halves.get(relay)
    if (half === undefined || !halves.delete(relay)) return
    if (half !== 'lost') breakOff(half)
    send({ did: 'close', relay, byteCount: 0 })
  }

  function tell(): void {
    const byteCounts = [...relays].flatMap(([relay, splice]) => {
      const byteCount = splice.byteCount()
      if (told.get(relay) === byteCount) return []
      told.set(relay, byteCount)
      return [[relay, byteCount] as const]
    })
    const throttledMs = meter?.throttledMs ?? 0
    if (byteCounts.length === 0 && throttledMs === toldThrottledMs) return
    toldThrottledMs = throttledMs
    send({ did: 'count', byteCounts, throttledMs })
  }

  const timer = setInterval(tell, COUNT_INTERVAL_MS)
  on('message', (message, socket) => {
    switch (message.do) {
      case 'begin':
        return begin(message.leaseBytes)
      case 'half':
        return take(message, socket)
      case 'cut':
        return cut(message.relay)
      case 'grant':
        return meter?.grant(message.payer, message.byteCount)
      default:
        message satisfies never
    }
  })
  return new Promise(resolve => {
    on('disconnect', () => {
      clearInterval(timer)
      for (const half of halves.values()) if (half !== 'lost') breakOff(half)
      for (const relay of relays.values()) relay.cut()
      resolve()
    })
  })
}

/** How often the hub is told how much was copied. */
const COUNT_INTERVAL_MS = 250
