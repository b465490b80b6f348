import { createHmac, hkdfSync } from 'node:crypto'
import { decodeEcho, encodeEcho } from '../core/codec/echo.ts'
import { decodeProbe, probeBytes, sealProbe } from '../core/codec/probe.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import type { IntroductionId, Probe, ProbeSide } from '../core/model/probe.ts'
import type { Ms } from '../core/model/time.ts'
import { readCandidates } from '../core/path/candidate.ts'
import { type NatKind, natKindOf } from '../core/path/nat-kind.ts'
import type { PunchTerms } from '../core/path/punch-terms.ts'
import { createPuncher, type Puncher, type PuncherAction } from '../core/path/puncher.ts'
import { SimHost, type SimSocket } from './nat-sim.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What an agent tells the hub of its UDP socket. */
export interface UdpOffer {
  readonly udp: readonly string[]
  readonly nat: NatKind
}

/** An action of a machine, and when. */
export interface LoggedAction {
  readonly at: Ms
  readonly action: PuncherAction
}

/** An agent that punches: the real machine and codecs, over sockets of a simulated host. */
export class VirtualPuncher {
  readonly host: SimHost
  readonly side: ProbeSide
  /** All but sends and wakes. */
  readonly log: LoggedAction[] = []
  /** When each datagram was sent, and where to. */
  readonly sent: { readonly at: Ms; readonly to: Address; readonly probe: Probe }[] = []
  /** What came that was no probe: on which socket, from where. */
  readonly received: { readonly socket: number; readonly from: Address }[] = []
  /** In place of what is true, for peers that lie. */
  lie: Partial<UdpOffer> = {}
  puncher: Puncher | undefined
  seenIps: readonly string[] = []
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #hubPorts: readonly number[]
  readonly #key: Buffer
  readonly #introduction: IntroductionId
  readonly #sockets = new Map<number, SimSocket>()
  readonly #echoes = new Map<bigint, (seen: Address) => void>()
  #nat: NatKind = 'unknown'

  constructor(options: {
    time: VirtualTime
    random: () => number
    ports: readonly number[]
    ticket: Uint8Array
    side: ProbeSide
  }) {
    this.#time = options.time
    this.#random = options.random
    this.#hubPorts = options.ports
    this.side = options.side
    this.host = new SimHost(options.random)
    const derive = (info: string, length: number) =>
      Buffer.from(hkdfSync('sha256', options.ticket, new Uint8Array(0), info, length))
    this.#key = derive('ztm probe 1', 32)
    this.#introduction = derive('ztm introduction 1', 8).toString('hex') as IntroductionId
    this.#open(0)
  }

  /** Ask the hub's ports from where they see the main socket, over each kind of address the host has. */
  gather(done: (offer: UdpOffer) => void): void {
    const main = this.#sockets.get(0)
    if (main === undefined) return
    const own = this.host.ips.map(host => ({ host, port: main.port }))
    const hubs = [HUB_V4, HUB_V6].filter(hub =>
      own.some(({ host }) => host.includes(':') === hub.includes(':')),
    )
    const asked = hubs.flatMap(host => this.#hubPorts.map(port => ({ host, port })))
    const seen = new Map<Address, Address>()
    for (const hub of asked) {
      const transaction = BigInt(Math.floor(this.#random() * 2 ** 48))
      this.#echoes.set(transaction, address => seen.set(hub, address))
      for (const delayMs of [0, 150, 300])
        this.#time.after(delayMs, () => {
          if (!seen.has(hub)) main.send(hub, encodeEcho({ kind: 'request', transaction }))
        })
    }
    this.#time.after(GATHER_MS, () => {
      const v4 = asked.filter(({ host }) => host === HUB_V4).map(hub => ({ asked: hub, seen: seen.get(hub) }))
      this.#nat = natKindOf(own, v4)
      this.seenIps = [...seen.values()].map(({ host }) => host)
      const udp = [...new Set([...own, ...seen.values()].map(formatAddress))]
      done({ udp, nat: this.#nat, ...this.lie })
    })
  }

  /** The hub tells of the peer. */
  introduced({ udp, nat }: UdpOffer): void {
    const terms: PunchTerms = { candidates: readCandidates(udp), ownNat: this.#nat, peerNat: nat }
    const now = this.#time.now()
    if (this.puncher !== undefined) {
      this.drive(this.puncher.introduced(terms, now))
      return
    }
    const [introduction, side, random] = [this.#introduction, this.side, this.#random]
    this.puncher = createPuncher({ introduction, side, terms, random })
    this.drive(this.puncher.start(now))
  }

  /** Do what a machine says. */
  drive(actions: readonly PuncherAction[]): void {
    const at = this.#time.now()
    for (const action of actions) {
      if (action.do === 'send') this.#send(action.socket, action.to, action.probe)
      else if (action.do === 'wake')
        this.#time.after(action.at - at, () => this.drive(this.puncher?.tick(this.#time.now()) ?? []))
      else this.log.push({ at, action })
      if (action.do === 'open-sockets') for (let i = 0; i < action.count; i++) this.#open(action.first + i)
      if (action.do === 'close-sockets') this.#close(action.except)
    }
  }

  /** Send a probe, whoever made it. */
  sendProbe(socket: number, to: Address, probe: Probe): void {
    const body = probeBytes(probe)
    this.#sockets.get(socket)?.send(to, sealProbe(body, this.#mac(body)))
  }

  /** Send something that is no probe. */
  sendData(socket: number, to: Address): void {
    this.#sockets.get(socket)?.send(to, Uint8Array.of(0xff))
  }

  /** When the last action of that kind was done. */
  lastAt(kind: PuncherAction['do']): Ms | undefined {
    return this.log.findLast(({ action }) => action.do === kind)?.at
  }

  get introduction(): IntroductionId {
    return this.#introduction
  }

  get openSocketCount(): number {
    return this.#sockets.size
  }

  #send(socket: number, to: Address, probe: Probe): void {
    this.sent.push({ at: this.#time.now(), to, probe })
    this.sendProbe(socket, to, probe)
  }

  #mac(body: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(body).digest()
  }

  #open(number: number): void {
    const socket = this.host.open((from, bytes) => this.#receive(number, from, bytes))
    this.#sockets.set(number, socket)
  }

  #close(except: number | undefined): void {
    for (const [number, socket] of this.#sockets) {
      if (number === 0 || number === except) continue
      socket.close()
      this.#sockets.delete(number)
    }
  }

  #receive(socket: number, from: Address, bytes: Uint8Array): void {
    const echo = decodeEcho(bytes)
    if (echo?.kind === 'answer') return void this.#echoes.get(echo.transaction)?.(echo.seen)
    const sealed = decodeProbe(bytes)
    if (sealed === undefined) return void this.received.push({ socket, from })
    if (!this.#mac(sealed.body).subarray(0, 16).equals(sealed.mac)) return
    this.drive(this.puncher?.receive(socket, from, sealed.probe, this.#time.now()) ?? [])
  }
}

/** Where the hub of a lab is. */
export const HUB_V4 = '198.51.100.1'
/** Where it is for IPv6. */
export const HUB_V6 = '2001:db8:1::1'

const GATHER_MS = 500
