import { isErrorCode, MeshError, toMeshError } from '../model/errors.ts'
import type { Json } from '../model/store.ts'
import type { BridgeMessage } from './bridge-message.ts'
import { BRIDGE_LIMITS, type BridgeStream, BridgeStreamEnd } from './bridge-stream.ts'

/** What one end of a bridge needs. */
export interface BridgeOptions {
  /** Whose numbers of streams and calls are odd. */
  readonly side: 'agent' | 'app'
  readonly sendMessage: (message: BridgeMessage) => void
  readonly sendData: (stream: number, bytes: Uint8Array) => void
  /** Do what the other side calls for. What it throws is told to the other side. */
  readonly onCall: (op: string, args: Json) => Promise<Json>
  readonly onTell: (op: string, args: Json) => void
  /** What the other side is told of a thrown value. */
  readonly describe?: (thrown: unknown) => { code: string; message: string }
}

/** One end of the channel between an agent and a sandboxed process: calls both ways, and streams. */
export interface Bridge {
  /** @throws MeshError what the other side threw, `too-many`, or `link-closed` */
  call(op: string, args: Json): Promise<Json>
  tell(op: string, args: Json): void
  /** A new stream, whose number is told in the call that it is for. @throws MeshError `too-many` */
  open(): BridgeStream
  /** Take up a stream that the other side opened. @throws MeshError `bad-input` if there is none, or it was taken */
  take(id: number): BridgeStream
  /** @throws MeshError `bad-message` if the other side does not keep to the rules */
  receive(message: BridgeMessage): void
  /** @throws MeshError `bad-message` */
  receiveData(stream: number, bytes: Uint8Array): void
  /** Fail all calls and streams. */
  close(error: MeshError): void
  /** Calls of this side that have no answer yet, and open streams. */
  readonly load: { readonly calls: number; readonly streams: number }
}

/** Make one end of a bridge. Nothing is sent until something is called. */
export function createBridge(options: BridgeOptions): Bridge {
  return new BridgeEnd(options)
}

class BridgeEnd implements Bridge {
  readonly #options: BridgeOptions
  readonly #calls = new Map<number, { resolve: (value: Json) => void; reject: (error: MeshError) => void }>()
  readonly #streams = new Map<number, BridgeStreamEnd>()
  #nextCall = 1
  #nextStream: number
  /** The last number that the other side gave a stream. */
  #lastTaken: number
  #theirCalls = 0
  #closed: MeshError | undefined

  constructor(options: BridgeOptions) {
    this.#options = options
    this.#nextStream = options.side === 'app' ? 1 : 2
    this.#lastTaken = options.side === 'app' ? 0 : -1
  }

  get load() {
    return { calls: this.#calls.size, streams: this.#streams.size }
  }

  call(op: string, args: Json): Promise<Json> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    if (this.#calls.size >= BRIDGE_LIMITS.maxCalls)
      return Promise.reject(new MeshError('too-many', `Cannot call "${op}": ${this.#calls.size} calls wait`))
    const id = this.#nextCall++
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      try {
        this.#options.sendMessage({ say: 'call', id, op, args })
      } catch (thrown) {
        this.#calls.delete(id)
        reject(toMeshError(thrown))
      }
    })
  }

  tell(op: string, args: Json): void {
    if (this.#closed === undefined) this.#options.sendMessage({ say: 'tell', op, args })
  }

  open(): BridgeStream {
    if (this.#closed !== undefined) throw this.#closed
    if (this.#count(this.#nextStream) >= BRIDGE_LIMITS.maxStreams)
      throw new MeshError('too-many', `Cannot open stream: ${BRIDGE_LIMITS.maxStreams} are open`)
    const stream = this.#add(this.#nextStream)
    this.#nextStream += 2
    this.#send({ say: 'open', stream: stream.id })
    return stream
  }

  take(id: number): BridgeStream {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.isTaken || id % 2 === this.#nextStream % 2)
      throw new MeshError('bad-input', `Cannot use stream ${id}: there is none`)
    stream.isTaken = true
    return stream
  }

  receive(message: BridgeMessage): void {
    switch (message.say) {
      case 'call':
        this.#answer(message.id, message.op, message.args)
        break
      case 'answer':
        this.#settle(message.id).resolve(message.value)
        break
      case 'fail':
        this.#settle(message.id).reject(readError(message.code, message.message))
        break
      case 'tell':
        this.#options.onTell(message.op, message.args)
        break
      case 'open':
        this.#opened(message.stream)
        break
      case 'credit':
        this.#known(message.stream)?.credit(message.bytes)
        break
      case 'end':
        this.#known(message.stream)?.ended()
        break
      case 'reset':
        this.#known(message.stream)?.broken(new MeshError('link-closed', message.message))
        break
      default:
        message satisfies never
    }
  }

  receiveData(stream: number, bytes: Uint8Array): void {
    this.#known(stream)?.data(bytes)
  }

  close(error: MeshError): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
    for (const stream of [...this.#streams.values()]) stream.broken(error)
  }

  async #answer(id: number, op: string, args: Json): Promise<void> {
    if (this.#theirCalls >= BRIDGE_LIMITS.maxCalls) {
      const message = `Cannot call "${op}": ${this.#theirCalls} calls wait: at most ${BRIDGE_LIMITS.maxCalls}`
      this.#send({ say: 'fail', id, code: 'too-many', message })
      return
    }
    this.#theirCalls++
    try {
      const value = await this.#options.onCall(op, args)
      this.#send({ say: 'answer', id, value: value ?? null })
    } catch (thrown) {
      const describe = this.#options.describe ?? (value => toMeshError(value).toBody())
      this.#send({ say: 'fail', id, ...describe(thrown) })
    } finally {
      this.#theirCalls--
    }
  }

  #send(message: BridgeMessage): void {
    if (this.#closed !== undefined) return
    try {
      this.#options.sendMessage(message)
    } catch (thrown) {
      // An answer that is too long: the other side must not wait for it for ever.
      if (message.say !== 'answer') return
      this.#options.sendMessage({ say: 'fail', id: message.id, ...toMeshError(thrown).toBody() })
    }
  }

  #settle(id: number) {
    const call = this.#calls.get(id)
    if (call === undefined) throw new MeshError('bad-message', `Cannot take answer ${id}: nothing was asked`)
    this.#calls.delete(id)
    return call
  }

  /** The stream of a number, or undefined if it is over already. @throws MeshError `bad-message` if there was never one */
  #known(id: number): BridgeStreamEnd | undefined {
    const stream = this.#streams.get(id)
    const isMine = id % 2 === this.#nextStream % 2
    if (stream !== undefined || (isMine ? id < this.#nextStream : id <= this.#lastTaken)) return stream
    throw new MeshError('bad-message', `Cannot use stream ${id}: there was never one`)
  }

  /** The other side opened a stream. */
  #opened(id: number): void {
    if (id !== this.#lastTaken + 2 || this.#count(id) >= BRIDGE_LIMITS.maxStreams)
      throw new MeshError('bad-message', `Cannot open stream ${id}: not the next, or over the limit`)
    this.#lastTaken = id
    this.#add(id)
  }

  /** Streams that are open and were opened by the side whose number that is. */
  #count(number: number): number {
    let count = 0
    for (const id of this.#streams.keys()) if (id % 2 === number % 2) count++
    return count
  }

  #add(id: number): BridgeStreamEnd {
    const stream = new BridgeStreamEnd(id, {
      sendMessage: message => this.#send(message),
      sendData: bytes => {
        if (this.#closed === undefined) this.#options.sendData(id, bytes)
      },
      over: () => this.#streams.delete(id),
    })
    this.#streams.set(id, stream)
    return stream
  }
}

function readError(code: string, message: string): MeshError {
  return isErrorCode(code) ? new MeshError(code, message) : new MeshError('call-failed', message)
}
