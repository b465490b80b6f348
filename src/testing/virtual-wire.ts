import type { VirtualTime } from './virtual-time.ts'

/** An end of a wire. */
export type WireEnd = 'agent' | 'hub'

/** How long things take on one agent's way to the hub. */
export interface WireTimes {
  /** One way, ms. */
  readonly latencyMs: number
  /** What a lost packet adds, until it is sent again. */
  readonly resendMs: number
  /** Share of packets that are lost. */
  readonly loss: number
  /** After this time each end notices that the other is silent. */
  readonly silenceMs: Readonly<Record<WireEnd, number>>
}

/** A connection in virtual time: what is sent arrives in order, or not at all. */
export interface VirtualWire {
  /** Something arrives at the other end, unless the wire is closed or cut before. */
  send(to: WireEnd, deliver: () => void): void
  /** One end closes; the other hears of it after what was sent before. */
  close(by: WireEnd): void
  /** Nothing passes from now on, and nobody is told: each end finds out by itself. */
  cut(): void
  /** Whether this end takes the wire to be open. */
  isOpen(end: WireEnd): boolean
}

/** @param onClosed  an end hears that the wire is closed; not the one that closed it */
export function createVirtualWire(
  time: VirtualTime,
  random: () => number,
  times: WireTimes,
  onClosed: (end: WireEnd) => void,
): VirtualWire {
  const open = { agent: true, hub: true }
  const lastArrival = { agent: 0, hub: 0 }
  let isCut = false

  function arriveAt(end: WireEnd, call: () => void): void {
    const resent = random() < times.loss ? times.resendMs : 0
    const arrival = Math.max(time.now() + times.latencyMs + resent, lastArrival[end])
    lastArrival[end] = arrival
    time.after(arrival - time.now(), () => {
      if (!isCut) call()
    })
  }

  function closed(end: WireEnd): void {
    if (!open[end]) return
    open[end] = false
    onClosed(end)
  }

  return {
    isOpen: end => open[end],
    send(to, deliver) {
      if (isCut) return
      arriveAt(to, () => {
        if (open[to]) deliver()
      })
    },
    close(by) {
      if (!open[by]) return
      open[by] = false
      if (isCut) return
      const other = by === 'hub' ? 'agent' : 'hub'
      arriveAt(other, () => closed(other))
    },
    cut() {
      if (isCut) return
      isCut = true
      for (const end of ['agent', 'hub'] as const) {
        time.after(times.silenceMs[end] * (0.5 + random() / 2), () => closed(end))
      }
    },
  }
}
