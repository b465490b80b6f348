import { decodeEcho, PUNCH_MAGIC } from '../core/codec/echo.ts'
import { decodeProbe } from '../core/codec/probe.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { IntroductionId, ProbeSide } from '../core/model/probe.ts'
import { readCandidates } from '../core/path/candidate.ts'
import type { NatKind } from '../core/path/nat-kind.ts'
import { channelOf } from '../net/datagram-channel.ts'
import { lookupIps } from '../net/udp-lookup.ts'
import { loadUdpNative } from '../net/udp-native.ts'
import { openUdpSocket, type UdpSocket } from '../net/udp-socket.ts'
import { derivePunchKeys, Punch, type PunchedWay } from './udp-punch.ts'
import { createQuestions } from './udp-questions.ts'

/** What an edge needs of its membership. */
export interface UdpEdgeOptions {
  /** IP addresses of this computer, best first. */
  readonly ownAddresses: () => readonly string[]
  /** `candidates` or `nat` changed: offer them to the hub. */
  readonly onChange: () => void
  readonly log: Log
  /** Where to bind; default: any address and port. */
  readonly bind?: { readonly host?: string; readonly port?: number }
  /** Where a router leads this port from; default: from nowhere. */
  readonly mapped?: (port: number) => Address | undefined
  /** Also addresses of loopback: for peers on one computer, as in tests. Default false. */
  readonly loopback?: boolean
}

/** What the hub told of a peer. */
export interface Meeting {
  /** 32 bytes, base64url. */
  readonly ticket: string
  readonly side: ProbeSide
  /** `IP:port`, as the hub gave them. */
  readonly candidates: readonly string[]
  readonly peerNat: NatKind
  /** Give up; after the path is open it does nothing. */
  readonly signal?: AbortSignal
}

/** The UDP side of an agent in one mesh: one socket for hubs and peers, and more while ports are guessed. */
export interface UdpEdge extends AsyncDisposable {
  /** Where peers may reach the socket, `IP:port`: as hubs see it, then as this computer does. At most `MAX_OFFERED`. */
  readonly candidates: readonly string[]
  readonly nat: NatKind
  /** A link opened (`hello`), or none is open now. */
  linked(
    hub: { readonly host: string; readonly ports: readonly number[]; readonly token: string } | undefined,
  ): void
  /** Addresses of this computer changed. */
  networkChanged(): void
  /**
   * Meet a peer. The path is kept until its stream ends, and moves when addresses change.
   *
   * @throws MeshError `unreachable`, `timed-out` (given up), `too-many`, `bad-ticket`, `conflict` (the ticket is in use)
   */
  punch(meeting: Meeting): Promise<PunchedWay>
}

/**
 * Open the socket.
 *
 * @throws MeshError `unsupported` where there is no native part, `port-in-use`, `not-permitted`
 */
export function openUdpEdge(options: UdpEdgeOptions): UdpEdge {
  const { log, loopback = false } = options
  const udp = loadUdpNative()
  const punches = new Map<IntroductionId, Punch>()
  const punchByChannel = new Map<number, Punch>()
  const main = open(0)
  const questions = createQuestions({
    send: main.send,
    own,
    onFacts({ seen, nat }) {
      log.info('udp.seen', { seen, nat })
      options.onChange()
    },
  })
  let isOpen = true
  let lookups = 0

  /** @param only  the meeting whose socket it is; the main one is everybody's */
  function open(number: number, only?: IntroductionId): UdpSocket {
    const place = only === undefined ? options.bind : { ...options.bind, port: 0 }
    return openUdpSocket(udp, { ...place, onDatagram: (bytes, from) => receive(number, bytes, from, only) })
  }

  function own(): Address[] {
    const bound = main.address.host
    const isAny = bound === '::' || bound === '0.0.0.0'
    const hosts = isAny ? options.ownAddresses() : [bound]
    return hosts.map(host => ({ host, port: main.address.port }))
  }

  function mapped(): Address | undefined {
    return options.mapped?.(main.address.port)
  }

  /** Everybody reaches a mapped port at one address, whatever the NAT does with others. */
  function natKind(): NatKind {
    return mapped() === undefined ? questions.facts.nat : 'endpoint-independent'
  }

  function receive(number: number, bytes: Uint8Array, from: Address, only?: IntroductionId): void {
    if (bytes[0] !== PUNCH_MAGIC) {
      const channel = channelOf(bytes)
      if (channel !== undefined) punchByChannel.get(channel)?.receiveDatagram(bytes)
      return
    }
    const sealed = decodeProbe(bytes)
    const introduction = sealed?.probe.introduction
    if (sealed !== undefined && introduction !== undefined && (only ?? introduction) === introduction)
      punches.get(introduction)?.receive(number, from, sealed)
    const echo = sealed === undefined ? decodeEcho(bytes) : undefined
    if (echo?.kind === 'answer') questions.answered(echo.transaction, echo.seen)
  }

  return {
    get candidates() {
      const leading = mapped()
      const texts = [
        ...(leading === undefined ? [] : [formatAddress(leading)]),
        ...questions.facts.seen,
        ...own().map(formatAddress),
      ]
      return readCandidates(texts, { loopback })
        .map(({ address }) => formatAddress(address))
        .slice(0, MAX_OFFERED)
    },
    get nat() {
      return natKind()
    },
    linked(hub) {
      lookups += 1
      const lookup = lookups
      questions.ask(undefined)
      if (hub === undefined) return
      const { host, ports, token } = hub
      void lookupIps(host).then(ips => {
        if (isOpen && lookup === lookups) questions.ask({ ips, ports, token })
      })
    },
    networkChanged() {
      questions.askAgain()
      for (const punch of punches.values()) punch.networkChanged()
      options.onChange()
    },
    async punch({ ticket, side, candidates, peerNat, signal }) {
      const keys = derivePunchKeys(ticket)
      const { introduction } = keys
      if (!isOpen) throw new MeshError('link-closed', 'Cannot punch: agent stops')
      if (punches.has(introduction)) throw new MeshError('conflict', 'Cannot punch: the ticket is in use')
      if (punches.size >= MAX_PUNCHES)
        throw new MeshError('too-many', `Cannot punch: ${MAX_PUNCHES} paths are open`)
      const punch = new Punch({
        keys,
        side,
        terms: {
          candidates: readCandidates(candidates, { loopback }),
          ownNat: natKind(),
          peerNat,
        },
        udp,
        main,
        openSocket: number => open(number, introduction),
        log,
        onEnd() {
          punches.delete(introduction)
          punchByChannel.delete(keys.streamIds[side])
          signal?.removeEventListener('abort', abort)
        },
      })
      const abort = () => punch.end(new MeshError('timed-out', 'Cannot punch: given up'))
      punches.set(introduction, punch)
      punchByChannel.set(keys.streamIds[side], punch)
      signal?.addEventListener('abort', abort, { once: true })
      if (signal?.aborted) abort()
      else punch.start()
      const way = await punch.opened
      signal?.removeEventListener('abort', abort)
      return way
    },
    async [Symbol.asyncDispose]() {
      isOpen = false
      questions[Symbol.dispose]()
      for (const punch of punches.values())
        punch.end(new MeshError('link-closed', 'Punched path ended: agent stops'))
      await main[Symbol.asyncDispose]()
    },
  }
}

/** Addresses that are offered to peers; the hub takes no more. */
const MAX_OFFERED = 8
/** Meetings under way and paths open, of one membership. */
const MAX_PUNCHES = 1_024
