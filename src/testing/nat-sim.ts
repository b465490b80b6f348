import { type Address, formatAddress } from '../core/model/address.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a box between a network and the rest does with UDP; `none` has no box. */
export type NatBoxKind =
  | 'full-cone'
  | 'address-restricted'
  | 'port-restricted'
  | 'symmetric'
  | 'sequential'
  | 'blocked'

/** How datagrams fare on the internet. */
export interface NatSimOptions {
  readonly time: VirtualTime
  readonly random: () => number
  /** One way between two hosts, through the internet. */
  readonly latencyMs: { readonly min: number; readonly max: number }
  /** Share that is lost on the internet. */
  readonly loss: number
}

/** One UDP socket of a host. */
export interface SimSocket {
  readonly port: number
  send(to: Address, bytes: Uint8Array): void
  close(): void
}

/** A NAT box. */
export interface NatBoxOptions {
  readonly kind: NatBoxKind
  /** Its address in the network outside. */
  readonly outerIp: string
  /** Whether hosts behind it reach each other by its outer address. Default false. */
  readonly hairpin?: boolean
  /** How long it remembers a mapping that nothing goes out by. Default 30 s. */
  readonly mappingMs?: number
}

interface Datagram {
  readonly from: Address
  readonly to: Address
  readonly bytes: Uint8Array
}

/** A network of addresses: the internet, or one behind a NAT. */
export class SimNetwork {
  readonly #receivers = new Map<string, (datagram: Datagram) => void>()
  /** Takes what is for no address of this network. */
  gateway: ((datagram: Datagram) => void) | undefined

  attach(ip: string, receive: (datagram: Datagram) => void): void {
    this.#receivers.set(ip, receive)
  }

  detach(ip: string): void {
    this.#receivers.delete(ip)
  }

  carry(datagram: Datagram): void {
    const receive = this.#receivers.get(datagram.to.host) ?? this.gateway
    receive?.(datagram)
  }
}

/** The internet: what is sent here arrives later, or never. */
export function createInternet({ time, random, latencyMs, loss }: NatSimOptions): SimNetwork {
  const internet = new SimNetwork()
  const arrive = internet.carry.bind(internet)
  internet.carry = datagram => {
    if (random() < loss) return
    const delayMs = latencyMs.min + random() * (latencyMs.max - latencyMs.min)
    time.after(delayMs, () => arrive(datagram))
  }
  return internet
}

interface Mapping {
  readonly inner: Address
  readonly outerPort: number
  readonly key: string
  /** Destinations it was used for, and by. */
  readonly peers: Set<string>
  usedAt: number
}

/** Put a network behind a box. @returns the network inside */
export function createNatBox(
  outside: SimNetwork,
  { kind, outerIp, hairpin = false, mappingMs = 30_000 }: NatBoxOptions,
  { time, random }: Pick<NatSimOptions, 'time' | 'random'>,
): SimNetwork {
  const inside = new SimNetwork()
  const byKey = new Map<string, Mapping>()
  const byPort = new Map<number, Mapping>()
  let lastPort = 20_000 + Math.floor(random() * 20_000)

  const isSymmetric = kind === 'symmetric' || kind === 'sequential'

  function choosePort(wanted: number): number {
    lastPort += 1
    if (kind === 'sequential') return lastPort
    let port = isSymmetric ? 0 : wanted
    while (port === 0 || byPort.has(port)) port = 1_024 + Math.floor(random() * 64_512)
    return port
  }

  function mappingOf(from: Address, to: Address): Mapping {
    const key = isSymmetric ? `${formatAddress(from)} ${formatAddress(to)}` : formatAddress(from)
    const known = byKey.get(key)
    if (known !== undefined && time.now() - known.usedAt <= mappingMs) return known
    if (known !== undefined) byPort.delete(known.outerPort)
    const outerPort = choosePort(from.port)
    const mapping: Mapping = { inner: from, outerPort, key, peers: new Set(), usedAt: time.now() }
    byKey.set(key, mapping)
    byPort.set(outerPort, mapping)
    return mapping
  }

  function receive({ from, to, bytes }: Datagram): void {
    const mapping = byPort.get(to.port)
    if (mapping === undefined || time.now() - mapping.usedAt > mappingMs) return
    const wanted = kind === 'address-restricted' ? from.host : formatAddress(from)
    if (kind !== 'full-cone' && !mapping.peers.has(wanted)) return
    inside.carry({ from, to: mapping.inner, bytes })
  }

  inside.gateway = ({ from, to, bytes }) => {
    if (kind === 'blocked') return
    const mapping = mappingOf(from, to)
    mapping.usedAt = time.now()
    mapping.peers.add(formatAddress(to)).add(to.host)
    const translated = { from: { host: outerIp, port: mapping.outerPort }, to, bytes }
    if (to.host !== outerIp) outside.carry(translated)
    else if (hairpin) receive(translated)
  }
  outside.attach(outerIp, receive)
  return inside
}

/** A computer with UDP sockets, in one network by each of its addresses. */
export class SimHost {
  readonly #random: () => number
  readonly #networks = new Map<string, SimNetwork>()
  readonly #sockets = new Map<number, (from: Address, bytes: Uint8Array) => void>()
  readonly #receive = ({ from, to, bytes }: Datagram) => this.#sockets.get(to.port)?.(from, bytes)

  constructor(random: () => number) {
    this.#random = random
  }

  get ips(): readonly string[] {
    return [...this.#networks.keys()]
  }

  /** Be in a network, in place of all that were before of that kind of address. */
  plug(network: SimNetwork, ip: string): void {
    for (const other of this.ips) if (other.includes(':') === ip.includes(':')) this.unplug(other)
    this.#networks.set(ip, network)
    network.attach(ip, this.#receive)
  }

  unplug(ip: string): void {
    this.#networks.get(ip)?.detach(ip)
    this.#networks.delete(ip)
  }

  open(onDatagram: (from: Address, bytes: Uint8Array) => void): SimSocket {
    let port: number
    do port = 1_024 + Math.floor(this.#random() * 64_512)
    while (this.#sockets.has(port))
    this.#sockets.set(port, onDatagram)
    return {
      port,
      send: (to, bytes) => {
        if (!this.#sockets.has(port)) return
        const ip = this.ips.find(own => own.includes(':') === to.host.includes(':'))
        if (ip !== undefined) this.#networks.get(ip)?.carry({ from: { host: ip, port }, to, bytes })
      },
      close: () => void this.#sockets.delete(port),
    }
  }
}
