import { Duplex } from 'node:stream'
import { type Address, formatAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { fromNodeError } from './node-error.ts'
import type { NativeStream, UdpNative } from './udp-native.ts'
import type { UdpSocket } from './udp-socket.ts'

/** How the two ends of a stream find each other. */
export interface UdpStreamOptions {
  readonly udp: UdpNative
  /** Made with `udp` too. */
  readonly socket: UdpSocket
  /** An IP address and a port. */
  readonly remote: Address
  /** Of this end: 32 bits that nobody else may guess, as whoever knows them can break the stream. */
  readonly localId: number
  /** Of the other end. */
  readonly remoteId: number
  /** Bytes under way without a packet from the other end for this long: it is gone. Default `MAX_SILENCE_MS`. */
  readonly maxSilenceMs?: number
}

/** How a stream does. */
export interface UdpStreamFacts {
  /** Smoothed, ms; 0 before the first answer. */
  readonly roundTripMs: number
  /** Of an IP packet, found by trying. */
  readonly maxPacketBytes: number
  readonly retransmitCount: number
}

/**
 * One end of a reliable stream over UDP: what is written arrives once and in order, as fast as the way takes it.
 *
 * The end that speaks first must be made last: packets to an end that is not there yet are lost, and sent again a
 * second later. An end passes as an end, and either side may end first. `destroy` breaks the stream and the other
 * side is told, unless all was written and ended: then it is still delivered. The stream breaks by itself,
 * `link-closed`, when bytes are under way and nothing comes back.
 *
 * Below it there is no window that follows the reader. A reader that falls behind asks the other end to pause, with
 * messages that may be lost and are therefore repeated, and forgotten unless they are; one that does not heed them
 * is cut off.
 */
export class UdpStream extends Duplex {
  readonly #native: NativeStream
  readonly #remoteId: number
  readonly #watch: NodeJS.Timeout
  #remote: Address
  #socket: UdpSocket
  /** Read, but not yet passed on: packets of one turn that lie side by side in memory go on as one. */
  #arrived: Buffer | undefined
  #flush: NodeJS.Immediate | undefined
  #isReadEnded = false
  /** While the other end is asked to pause. */
  #asking: NodeJS.Timeout | undefined
  /** While we are asked to. */
  #pause: NodeJS.Timeout | undefined
  /** The write that waits, for the pause to end or the way to take more. */
  #written: (() => void) | undefined
  #isFull = false
  #moving: Promise<void> | undefined

  constructor(options: UdpStreamOptions) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES })
    const { udp, socket, remote, localId, remoteId } = options
    this.#remote = remote
    this.#socket = socket
    this.#remoteId = remoteId
    this.#native = udp.createStream(localId)
    this.#native.on('data', (bytes: Buffer) => this.#receive(bytes))
    this.#native.on('end', () => this.#receiveEnd())
    this.#native.on('drain', () => {
      this.#isFull = false
      this.#writeOn()
    })
    this.#native.on('message', (bytes: Uint8Array) => this.#heed(bytes[0]))
    this.#native.on('error', error => this.destroy(fromNodeError(error, `Lost path to ${this.#where}`)))
    this.#native.on('close', () => this.#closed())
    this.#native.connect(socket.native, remoteId, remote.port, remote.host)
    this.#watch = this.#watchSilence(options.maxSilenceMs ?? MAX_SILENCE_MS)
  }

  /** Where the other end is now. */
  get remote(): Address {
    return this.#remote
  }

  /** Facts of this moment, for people and measurements. */
  get facts(): UdpStreamFacts {
    const { rtt, mtu, retransmits } = this.#native
    return { roundTripMs: rtt, maxPacketBytes: mtu, retransmitCount: retransmits }
  }

  /** Go on with the other end at another address, or from another socket. */
  move(remote: Address, socket: UdpSocket = this.#socket): void {
    this.#remote = remote
    this.#socket = socket
    if (this.#moving !== undefined || this.destroyed || !this.#native.connected) return
    const moved = this.#native.changeRemote(socket.native, this.#remoteId, remote.port, remote.host)
    // It may end meanwhile, and says so itself.
    this.#moving = moved
      ?.then(undefined, () => {})
      .then(() => {
        this.#moving = undefined
        if (this.#remote !== remote || this.#socket !== socket) this.move(this.#remote, this.#socket)
      })
  }

  override _read(): void {
    if (this.#asking === undefined) return
    clearInterval(this.#asking)
    this.#asking = undefined
    this.#say(RESUME)
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this._writev([{ chunk: bytes }], done)
  }

  /** Done when the library has taken them (docs/limits.md), not when they have arrived. */
  override _writev(chunks: ReadonlyArray<{ readonly chunk: Buffer }>, done: () => void): void {
    for (const { chunk } of chunks) if (!this.#native.write(chunk)) this.#isFull = true
    if (this.#isFull || this.#pause !== undefined) this.#written = done
    else done()
  }

  override _final(done: () => void): void {
    this.#native.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#watch)
    clearInterval(this.#asking)
    clearTimeout(this.#pause)
    clearImmediate(this.#flush)
    this.#arrived = undefined
    if (error !== null || !this.writableFinished) this.#native.destroy()
    else this.#linger()
    done(error)
  }

  get #where(): string {
    return formatAddress(this.#remote)
  }

  /** What was written and ended is still delivered, as the kernel does for TCP. */
  #linger(): void {
    const timer = setTimeout(() => this.#native.destroy(), LINGER_MS).unref()
    this.#native.once('close', () => clearTimeout(timer))
  }

  #receive(bytes: Buffer): void {
    if (this.destroyed) return
    const before = this.#arrived
    if (before === undefined) {
      this.#arrived = bytes
      this.#flush = setImmediate(() => this.#passOn())
    } else if (before.buffer === bytes.buffer && before.byteOffset + before.length === bytes.byteOffset) {
      this.#arrived = Buffer.from(before.buffer, before.byteOffset, before.length + bytes.length)
    } else {
      this.#passOn()
      this.#arrived = bytes
      this.#flush = setImmediate(() => this.#passOn())
    }
  }

  #passOn(): void {
    clearImmediate(this.#flush)
    const bytes = this.#arrived
    this.#arrived = undefined
    if (bytes === undefined || this.destroyed) return
    this.push(bytes)
    if (this.readableLength > MAX_UNREAD_BYTES) {
      this.destroy(
        new MeshError('too-many', `Lost path to ${this.#where}: it sends although it was asked to pause`),
      )
    } else if (this.readableLength > PAUSE_ABOVE_BYTES && this.#asking === undefined) {
      this.#say(PAUSE)
      this.#asking = setInterval(() => this.#say(PAUSE), PAUSE_AGAIN_MS).unref()
    }
  }

  #receiveEnd(): void {
    this.#passOn()
    this.#isReadEnded = true
    if (!this.destroyed) this.push(null)
  }

  #closed(): void {
    if (this.destroyed || (this.#isReadEnded && this.writableFinished)) return
    this.destroy(new MeshError('link-closed', `Lost path to ${this.#where}: the other side broke it`))
  }

  #say(word: number): void {
    if (!this.destroyed && this.#native.connected) this.#native.trySend(Uint8Array.of(word))
  }

  #heed(word: number | undefined): void {
    clearTimeout(this.#pause)
    const isPaused = word === PAUSE && !this.destroyed
    this.#pause = isPaused ? setTimeout(() => this.#heed(RESUME), PAUSE_HOLDS_MS) : undefined
    if (!isPaused) this.#writeOn()
  }

  #writeOn(): void {
    if (this.#isFull || this.#pause !== undefined) return
    const written = this.#written
    this.#written = undefined
    written?.()
  }

  #watchSilence(maxSilenceMs: number): NodeJS.Timeout {
    const native = this.#native
    const stepMs = Math.max(20, maxSilenceMs / SILENCE_STEPS)
    let heardCount = native.packetsReceived
    let silentSteps = 0
    // Counted in steps, not in time: a computer that was asleep has not been listening.
    return setInterval(() => {
      const isHeard = native.packetsReceived !== heardCount
      heardCount = native.packetsReceived
      silentSteps = isHeard || native.inflight === 0 ? 0 : silentSteps + 1
      if (silentSteps < SILENCE_STEPS) return
      this.destroy(new MeshError('link-closed', `Lost path to ${this.#where}: nothing comes back`))
    }, stepMs).unref()
  }
}

/** Bytes under way without a packet from the other end for this long: the path is lost. */
export const MAX_SILENCE_MS = 4_000
const SILENCE_STEPS = 8
/** Node's buffer, each way. */
const HIGH_WATER_BYTES = 262_144
/**
 * Unread bytes above which the other end is asked to pause; what is under way still comes. That many, because Node's HTTP/2
 * reads nothing while it writes: two ends that write at once stand still for good where less is taken unread.
 */
const PAUSE_ABOVE_BYTES = 16_777_216
/** Unread bytes above which the other end does not play by the rules. */
const MAX_UNREAD_BYTES = 67_108_864
/** How often a pause is asked for, and how long it holds when it is not asked for again. */
const PAUSE_AGAIN_MS = 100
const PAUSE_HOLDS_MS = 500
/** What was written before a `destroy` has this long to arrive. */
const LINGER_MS = 5_000
/** Messages beside the stream, 1 byte each. */
const PAUSE = 0x01
const RESUME = 0x02
