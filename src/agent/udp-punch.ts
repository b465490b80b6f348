import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { probeBytes, type SealedProbe, sealProbe } from '../core/codec/probe.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { IntroductionId, Probe, ProbeSide } from '../core/model/probe.ts'
import { type Ms, ms } from '../core/model/time.ts'
import type { PunchFailure, PunchTerms } from '../core/path/punch-terms.ts'
import { createPuncher, type Puncher, type PuncherAction } from '../core/path/puncher.ts'
import type { UdpNative } from '../net/udp-native.ts'
import type { UdpSocket } from '../net/udp-socket.ts'
import { UdpStream } from '../net/udp-stream.ts'

/** What both sides derive from the ticket of their meeting. */
export interface PunchKeys {
  readonly introduction: IntroductionId
  readonly probeKey: Uint8Array
  /** Ids of the ends of the stream. */
  readonly streamIds: Readonly<Record<ProbeSide, number>>
}

/**
 * Derive the keys of a meeting.
 *
 * @param ticket  32 bytes, base64url
 * @throws MeshError `bad-ticket`
 * @see docs/protocol.md, "Punching"
 */
export function derivePunchKeys(ticket: string): PunchKeys {
  const secret = Buffer.from(ticket, 'base64url')
  if (secret.length !== TICKET_BYTES) throw new MeshError('bad-ticket', 'Cannot punch: it is not a ticket')
  const derive = (info: string, length: number) => Buffer.from(hkdfSync('sha256', secret, '', info, length))
  const ids = derive('ztm stream 1', 8)
  return {
    introduction: derive('ztm introduction 1', 8).toString('hex') as IntroductionId,
    probeKey: derive('ztm probe 1', 32),
    streamIds: { dial: ids.readUInt32BE(0), accept: ids.readUInt32BE(4) },
  }
}

/** A punched path. */
export interface PunchedWay {
  readonly stream: UdpStream
  /** By which datagrams beside the stream find this end, and the other: see `createDatagramChannel`. */
  readonly localId: number
  readonly remoteId: number
  /** A datagram beside the stream: lost if it cannot be sent now. Its first bytes must be those of `datagram-channel.ts`. */
  send(bytes: Uint8Array): void
  /** Who takes datagrams that come beside the stream. */
  onDatagram: ((bytes: Uint8Array) => void) | undefined
}

/** What a punch needs of the edge. */
export interface PunchOptions {
  readonly keys: PunchKeys
  readonly side: ProbeSide
  readonly terms: PunchTerms
  readonly udp: UdpNative
  readonly main: UdpSocket
  /** Open another socket; what comes to it is handed in with its number. */
  readonly openSocket: (number: number) => UdpSocket
  readonly log: Log
  /** It is over: forget it. */
  readonly onEnd: () => void
}

/**
 * One meeting with a peer: does what its puncher says, and makes a stream of the pair that is chosen. It lives as long as the
 * stream, as the pair has to be kept; when the pair is lost and another is found, the stream moves there.
 */
export class Punch {
  readonly #options: PunchOptions
  readonly #puncher: Puncher
  readonly #extra = new Map<number, UdpSocket>()
  readonly #opened = Promise.withResolvers<PunchedWay>()
  #way: PunchedWay | undefined
  #remote: { readonly socket: UdpSocket; readonly address: Address } | undefined
  #timer: NodeJS.Timeout | undefined
  #wakeAt = Number.POSITIVE_INFINITY
  #isOver = false

  constructor(options: PunchOptions) {
    this.#options = options
    const { keys, side, terms } = options
    this.#puncher = createPuncher({ introduction: keys.introduction, side, terms, random: Math.random })
    // Whoever waits hears of it; without a listener it would end the process.
    this.#opened.promise.catch(() => {})
  }

  /** The way, once there is one. @throws MeshError `unreachable`, `timed-out` */
  get opened(): Promise<PunchedWay> {
    return this.#opened.promise
  }

  start(): void {
    this.#perform(this.#puncher.start(now()))
  }

  /** A probe came that names this meeting; nothing is known of it yet. */
  receive(socket: number, from: Address, { probe, body, mac }: SealedProbe): void {
    if (timingSafeEqual(this.#code(body), mac))
      this.#perform(this.#puncher.receive(socket, from, probe, now()))
  }

  /** A datagram beside the stream came. */
  receiveDatagram(bytes: Uint8Array): void {
    this.#way?.onDatagram?.(bytes)
  }

  /** Addresses of this computer changed. */
  networkChanged(): void {
    this.#perform(this.#puncher.networkChanged(now()))
  }

  /** Give up, or end the stream. */
  end(reason: MeshError): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#puncher.stop()
    this.#opened.reject(reason)
    this.#way?.stream.destroy(reason)
    // A socket closes when its streams have: the last bytes may be under way.
    for (const socket of this.#extra.values()) void socket.native.close()
    this.#options.onEnd()
  }

  #perform(actions: readonly PuncherAction[]): void {
    for (const action of actions) {
      if (this.#isOver) return
      switch (action.do) {
        case 'send':
          this.#send(action.socket, action.to, action.probe)
          break
        case 'open-sockets':
          for (let i = 0; i < action.count; i++) this.#openSocket(action.first + i)
          break
        case 'close-sockets':
          this.#closeSockets(action.except)
          break
        case 'chosen':
          this.#chosen(action.socket, action.remote)
          break
        case 'lost':
          this.#options.log.info('punch.lost', {
            remote: this.#remote && formatAddress(this.#remote.address),
          })
          break
        case 'failed':
          this.end(new MeshError('unreachable', `Cannot punch through NATs: ${REASONS[action.reason]}`))
          break
        case 'wake':
          this.#wake(action.at)
          break
        default:
          action satisfies never
      }
    }
  }

  #send(number: number, to: Address, probe: Probe): void {
    const body = probeBytes(probe)
    this.#socket(number)?.send(sealProbe(body, this.#code(body)), to)
  }

  #code(body: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#options.keys.probeKey).update(body).digest().subarray(0, CODE_BYTES)
  }

  #socket(number: number): UdpSocket | undefined {
    return number === 0 ? this.#options.main : this.#extra.get(number)
  }

  #openSocket(number: number): void {
    try {
      this.#extra.set(number, this.#options.openSocket(number))
    } catch {
      // Too many open files: those that there are must do.
    }
  }

  #closeSockets(except: number | undefined): void {
    for (const [number, socket] of this.#extra) {
      if (number === except || socket === this.#remote?.socket) continue
      this.#extra.delete(number)
      void socket.native.close()
    }
  }

  #chosen(number: number, address: Address): void {
    const { keys, side, udp, log } = this.#options
    const socket = this.#socket(number)
    if (socket === undefined) return
    this.#remote = { socket, address }
    if (this.#way !== undefined) {
      log.info('punch.moved', { remote: formatAddress(address) })
      this.#way.stream.move(address, socket)
      return
    }
    const ids = {
      localId: keys.streamIds[side],
      remoteId: keys.streamIds[side === 'dial' ? 'accept' : 'dial'],
    }
    const stream = new UdpStream({ udp, socket, remote: address, ...ids })
    // The error reaches whoever waits on `close`; without a listener it would end the process.
    stream.on('error', () => {})
    stream.once('close', () => this.end(new MeshError('link-closed', 'Punched path ended: not needed')))
    this.#way = {
      stream,
      ...ids,
      send: bytes => this.#remote?.socket.send(bytes, this.#remote.address),
      onDatagram: undefined,
    }
    this.#opened.resolve(this.#way)
  }

  #wake(at: Ms): void {
    if (at >= this.#wakeAt) return
    clearTimeout(this.#timer)
    this.#wakeAt = at
    this.#timer = setTimeout(
      () => {
        this.#wakeAt = Number.POSITIVE_INFINITY
        this.#perform(this.#puncher.tick(now()))
      },
      Math.max(0, at - now()),
    )
  }
}

/** Of a clock that never goes back. */
function now(): Ms {
  return ms(Math.round(performance.now()))
}

const REASONS: Readonly<Record<PunchFailure, string>> = {
  'no-candidates': 'the other side has no address to send to',
  'udp-blocked': 'a firewall lets no UDP pass',
  'both-symmetric': 'both NATs give every destination another port',
  'no-answer': 'nothing comes back',
}
const TICKET_BYTES = 32
const CODE_BYTES = 16
