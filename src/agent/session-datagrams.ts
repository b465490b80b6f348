import type { ProbeSide } from '../core/model/probe.ts'
import { formatFlowName } from '../core/stream/flow-header.ts'
import { createDatagramChannel, type DatagramChannel } from '../net/datagram-channel.ts'
import type { DatagramPath } from '../sdk/app.ts'
import type { PunchedWay } from './udp-punch.ts'

/** What the datagrams of a session need. */
export interface SessionDatagramsOptions {
  /** The path of the session, whose datagrams are all for it from now on. */
  readonly way: PunchedWay
  readonly side: ProbeSide
  /** From `exportDatagramSecret`; owned from now on. */
  readonly secret: Uint8Array
}

/** A stream of the session. */
interface Carrier {
  readonly destroyed: boolean
  once(event: 'close', call: () => void): unknown
}

/**
 * What goes beside the streams of one session, on its punched path: for each stream that wants it a flow of datagrams,
 * which ends with the stream. A datagram for no flow is dropped.
 *
 * @see docs/protocol.md, "Datagrams beside a session"
 */
export class SessionDatagrams implements Disposable {
  readonly #way: PunchedWay
  readonly #channel: DatagramChannel
  readonly #flows = new Map<number, Flow>()
  readonly #held = { usedBytes: 0 }
  #lastFlow = 0
  #isOver = false
  #sentBytes = 0
  #receivedBytes = 0

  constructor({ way, side, secret }: SessionDatagramsOptions) {
    this.#way = way
    this.#channel = createDatagramChannel({
      secret,
      side,
      localId: way.localId,
      remoteId: way.remoteId,
      maxPacketBytes: () => way.stream.facts.maxPacketBytes,
      send: bytes => way.send(bytes),
      onDatagram: (flow, bytes) => this.#receive(flow, bytes),
    })
    way.onDatagram = bytes => this.#channel.receive(bytes)
  }

  /** Bytes of datagrams that went and came, without what was around them. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /**
   * The dialling side's next flow, by the name that the accepting side knows it by.
   *
   * @returns undefined if there is no room, or the path is gone
   */
  offer(): { readonly name: string; readonly flow: number } | undefined {
    const flow = this.#lastFlow + 1
    if (!this.#hasRoom || flow > MAX_FLOW) return undefined
    this.#lastFlow = flow
    return { name: formatFlowName({ channel: this.#way.remoteId, flow }), flow }
  }

  /**
   * Open a flow that ends with `stream`. What comes before anybody listens is held, but not much of it.
   *
   * @returns undefined if there is no room, the flow is in use, or the path is gone
   */
  open(flow: number, stream: Carrier): DatagramPath | undefined {
    if (!this.#hasRoom || stream.destroyed || this.#flows.has(flow)) return undefined
    const send = (bytes: Uint8Array) => !opened.isOver && !stream.destroyed && this.#send(flow, bytes)
    const opened = new Flow(this.#held, send)
    this.#flows.set(flow, opened)
    stream.once('close', () => {
      opened.end()
      this.#flows.delete(flow)
    })
    return opened
  }

  /** The session has ended. */
  [Symbol.dispose](): void {
    this.#isOver = true
    this.#way.onDatagram = undefined
    for (const flow of this.#flows.values()) flow.end()
    this.#flows.clear()
  }

  get #hasRoom(): boolean {
    return !this.#isOver && !this.#way.stream.destroyed && this.#flows.size < MAX_FLOWS
  }

  #send(flow: number, bytes: Uint8Array): boolean {
    if (this.#way.stream.destroyed || !this.#channel.send(flow, bytes)) return false
    this.#sentBytes += bytes.length
    return true
  }

  #receive(flow: number, bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length
    this.#flows.get(flow)?.receive(bytes)
  }
}

/** The datagrams beside one stream. */
class Flow implements DatagramPath {
  readonly #budget: { usedBytes: number }
  readonly send: (bytes: Uint8Array) => boolean
  #held: Uint8Array[] = []
  #onDatagram: ((bytes: Uint8Array) => void) | undefined
  isOver = false

  constructor(budget: { usedBytes: number }, send: (bytes: Uint8Array) => boolean) {
    this.#budget = budget
    this.send = send
  }

  get onDatagram(): ((bytes: Uint8Array) => void) | undefined {
    return this.#onDatagram
  }

  set onDatagram(call: ((bytes: Uint8Array) => void) | undefined) {
    this.#onDatagram = call
    if (call !== undefined) for (const bytes of this.#takeHeld()) call(bytes)
  }

  receive(bytes: Uint8Array): void {
    if (this.#onDatagram !== undefined) this.#onDatagram(bytes)
    else if (this.#budget.usedBytes + costOf(bytes) <= MAX_HELD_BYTES) {
      this.#budget.usedBytes += costOf(bytes)
      this.#held.push(bytes)
    }
  }

  end(): void {
    this.isOver = true
    this.#onDatagram = undefined
    this.#takeHeld()
  }

  #takeHeld(): Uint8Array[] {
    const held = this.#held
    this.#held = []
    for (const bytes of held) this.#budget.usedBytes -= costOf(bytes)
    return held
  }
}

/** With what keeping it costs, or empty ones would be free. */
function costOf(bytes: Uint8Array): number {
  return bytes.length + 128
}

const MAX_FLOW = 0xffff_ffff
/** Flows of a session: as many as it may have streams. */
const MAX_FLOWS = 10_000
/** Datagrams of all flows of a session that overtook the answer that opens their stream; more are lost. */
const MAX_HELD_BYTES = 65_536
