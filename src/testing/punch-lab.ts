import assert from 'node:assert/strict'
import { decodeEcho, encodeEcho } from '../core/codec/echo.ts'
import { usableOffers } from '../core/path/offer-rule.ts'
import {
  createInternet,
  createNatBox,
  type NatBoxKind,
  type NatBoxOptions,
  SimHost,
  type SimNetwork,
} from './nat-sim.ts'
import { HUB_V4, HUB_V6, type UdpOffer, VirtualPuncher } from './virtual-puncher.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/** What is in front of an agent. */
export type AccessKind = NatBoxKind | 'none'

/** The internet with a hub that answers echoes on two ports, and one introduction of two agents. */
export interface PunchLab {
  readonly time: VirtualTime
  readonly random: () => number
  readonly internet: SimNetwork
  readonly dial: VirtualPuncher
  readonly accept: VirtualPuncher
  /** Let both ask for echoes, and the hub tell each of the other; at once, and again when somebody moved. */
  introduce(): void
}

/** How the internet of a lab is. */
export interface PunchLabOptions {
  readonly random: () => number
  /** One way. Default 5 to 60 ms. */
  readonly latencyMs?: { readonly min: number; readonly max: number }
  /** Default none. */
  readonly loss?: number
}

/** Make a lab with two hosts that are in no network yet. */
export function createPunchLab({
  random,
  latencyMs = { min: 5, max: 60 },
  loss = 0,
}: PunchLabOptions): PunchLab {
  const time = createVirtualTime()
  const internet = createInternet({ time, random, latencyMs, loss })
  const hub = new SimHost(random)
  hub.plug(internet, HUB_V4)
  hub.plug(internet, HUB_V6)
  const ports = [0, 1].map(() => {
    const socket = hub.open((from, bytes) => {
      const echo = decodeEcho(bytes)
      if (echo?.kind === 'request') socket.send(from, encodeEcho({ ...echo, kind: 'answer', seen: from }))
    })
    return socket.port
  })
  const ticket = Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256))
  const dial = new VirtualPuncher({ time, random, ports, ticket, side: 'dial' })
  const accept = new VirtualPuncher({ time, random, ports, ticket, side: 'accept' })

  function tell(to: VirtualPuncher, offer: UdpOffer, seen: readonly string[]): void {
    const udp = usableOffers(offer.udp, { seen, seenOther: [] })
    // By the link, whose packets are sent again.
    time.after(latencyMs.min + random() * latencyMs.max, () => to.introduced({ ...offer, udp }))
  }

  return {
    time,
    random,
    internet,
    dial,
    accept,
    introduce() {
      const offers = new Map<VirtualPuncher, UdpOffer>()
      for (const agent of [dial, accept]) {
        agent.gather(offer => {
          offers.set(agent, offer)
          const [ofDial, ofAccept] = [offers.get(dial), offers.get(accept)]
          if (ofDial === undefined || ofAccept === undefined) return
          tell(dial, ofAccept, accept.seenIps)
          tell(accept, ofDial, dial.seenIps)
        })
      }
    },
  }
}

/**
 * Put an agent behind a box of its own, or on the internet itself; in place of where it was.
 *
 * @param n  1 to 254, another for each box of a lab
 */
export function placeAgent(
  lab: PunchLab,
  agent: VirtualPuncher,
  kind: AccessKind,
  n: number,
  options: Partial<NatBoxOptions> = {},
): void {
  const outerIp = `203.0.113.${n}`
  if (kind === 'none') agent.host.plug(lab.internet, outerIp)
  else agent.host.plug(createNatBox(lab.internet, { kind, outerIp, ...options }, lab), `10.${n}.0.2`)
}

/** Introduce the two, and let time pass until both have chosen or failed. @returns ms it took, if it was punched */
export function punch(lab: PunchLab, forMs: number): number | undefined {
  lab.introduce()
  // Both have gathered; neither was told of the other.
  lab.time.run(500)
  const start = lab.time.now()
  const both = [lab.dial, lab.accept]
  for (let span = 0; span < forMs && !both.every(isDone); span += 50) lab.time.run(50)
  // What was under way.
  lab.time.run(500)
  const times = both.map(one => one.lastAt('chosen'))
  return times.every(at => at !== undefined) ? Math.max(...times) - start : undefined
}

/** Whether an agent has chosen or failed. */
export function isDone({ puncher }: VirtualPuncher): boolean {
  return puncher?.state.state === 'chosen' || puncher?.state.state === 'failed'
}

/** Both have the same pair: what one sends by it comes to the other's socket from the other's remote. */
export function assertSamePair({ dial, accept, time }: PunchLab): void {
  for (const [from, to] of [
    [dial, accept],
    [accept, dial],
  ] as const) {
    const [mine, other] = [from.puncher?.state, to.puncher?.state]
    assert.ok(mine?.state === 'chosen' && other?.state === 'chosen')
    to.received.length = 0
    // More than one, as some are lost.
    for (let i = 0; i < 20; i++) from.sendData(mine.socket, mine.remote)
    time.run(200)
    assert.deepEqual(to.received[0], { socket: other.socket, from: other.remote })
  }
}
