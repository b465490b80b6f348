import { MeshError } from '../model/errors.ts'
import type { BridgeMessage } from './bridge-message.ts'

/** A stream between the two ends. Bytes go out as the other end gives credit for them. */
export interface BridgeStream {
  readonly id: number
  /** Send bytes; the array must stay as it is until it resolves. @throws MeshError `link-closed` if the stream is broken */
  write(bytes: Uint8Array): Promise<void>
  /** No more is sent. */
  end(): void
  /** Break the stream both ways; harmless when it is over. */
  reset(message: string): void
  /** So many bytes that came were used up: as many more may come. */
  used(byteCount: number): void
  /** Hear of what comes, and of what came before. */
  listen(listener: BridgeStreamListener): void
}

/** Hears of a stream. */
export interface BridgeStreamListener {
  onData(bytes: Uint8Array): void
  onEnd(): void
  /** Broken by the other side, or with the bridge. */
  onReset(error: MeshError): void
}

/** What a stream needs of the bridge that it is part of. */
export interface StreamWay {
  sendMessage(message: BridgeMessage): void
  sendData(bytes: Uint8Array): void
  /** Both halves have ended, or it is broken. */
  over(): void
}

/** One end of a stream. Made and fed by the bridge alone. */
export class BridgeStreamEnd implements BridgeStream {
  readonly id: number
  isTaken = false
  #listener: BridgeStreamListener | undefined
  /** What came before somebody listened; its bytes have used credit, so there is little of it. */
  #early: Uint8Array[] = []
  readonly #way: StreamWay
  #sendCredit: number = BRIDGE_LIMITS.windowBytes
  #receiveCredit: number = BRIDGE_LIMITS.windowBytes
  /** Pieces that came since all was used up. */
  #pieces = 0
  #unusedBytes = 0
  /** Used up, and not yet told. */
  #usedBytes = 0
  #waiting: { bytes: Uint8Array; resolve: () => void; reject: (error: MeshError) => void } | undefined
  #isEnding = false
  #isSentAll = false
  #isReceivedAll = false
  #error: MeshError | undefined

  constructor(id: number, way: StreamWay) {
    this.id = id
    this.#way = way
  }

  write(bytes: Uint8Array): Promise<void> {
    const gone = this.#error ?? (this.#isEnding ? new MeshError('link-closed', 'Stream ended') : undefined)
    if (gone !== undefined) return Promise.reject(gone)
    if (this.#waiting !== undefined)
      return Promise.reject(new MeshError('too-many', 'Cannot write: the bytes before are not sent yet'))
    return new Promise((resolve, reject) => {
      this.#waiting = { bytes, resolve, reject }
      this.#flush()
    })
  }

  end(): void {
    if (this.#isEnding || this.#error !== undefined) return
    this.#isEnding = true
    this.#flush()
  }

  reset(message: string): void {
    if (this.#error !== undefined || (this.#isSentAll && this.#isReceivedAll)) return
    this.#way.sendMessage({ say: 'reset', stream: this.id, message: message.slice(0, 1_024) })
    this.#break(new MeshError('link-closed', message))
  }

  used(byteCount: number): void {
    this.#usedBytes += byteCount
    this.#unusedBytes -= byteCount
    if (this.#unusedBytes === 0) this.#pieces = 0
    if (this.#usedBytes < BRIDGE_LIMITS.windowBytes / 4 || this.#isReceivedAll || this.#error !== undefined)
      return
    this.#receiveCredit += this.#usedBytes
    this.#way.sendMessage({ say: 'credit', stream: this.id, bytes: this.#usedBytes })
    this.#usedBytes = 0
  }

  listen(listener: BridgeStreamListener): void {
    this.#listener = listener
    for (const bytes of this.#early.splice(0)) listener.onData(bytes)
    if (this.#isReceivedAll) listener.onEnd()
    else if (this.#error !== undefined) listener.onReset(this.#error)
  }

  credit(bytes: number): void {
    this.#sendCredit += bytes
    if (this.#sendCredit > BRIDGE_LIMITS.windowBytes)
      throw new MeshError('bad-message', `Cannot take credit: more than the window of stream ${this.id}`)
    this.#flush()
  }

  data(bytes: Uint8Array): void {
    if (this.#isReceivedAll || bytes.length > this.#receiveCredit)
      throw new MeshError(
        'bad-message',
        `Cannot take bytes of stream ${this.id}: more than it had credit for, or after its end`,
      )
    this.#receiveCredit -= bytes.length
    this.#unusedBytes += bytes.length
    this.#pieces++
    // Each costs much more than the byte that may be in it.
    if (this.#pieces > BRIDGE_LIMITS.maxPieces) this.#refuse('Too many small pieces wait to be read')
    else if (bytes.length === 0) return
    else if (this.#listener === undefined) this.#early.push(bytes)
    else this.#listener.onData(bytes)
  }

  ended(): void {
    if (this.#isReceivedAll) throw new MeshError('bad-message', `Cannot end stream ${this.id} twice`)
    this.#isReceivedAll = true
    this.#listener?.onEnd()
    this.#checkOver()
  }

  /** The other side broke it. */
  broken(error: MeshError): void {
    if (this.#error !== undefined) return
    this.#break(error)
    this.#listener?.onReset(error)
  }

  #refuse(message: string): void {
    this.reset(message)
    this.#listener?.onReset(new MeshError('too-many', message))
  }

  #break(error: MeshError): void {
    this.#error = error
    this.#early = []
    this.#waiting?.reject(error)
    this.#waiting = undefined
    this.#way.over()
  }

  #flush(): void {
    while (this.#waiting !== undefined && this.#sendCredit > 0) {
      const { bytes, resolve } = this.#waiting
      const count = Math.min(bytes.length, this.#sendCredit, MAX_PIECE_BYTES)
      this.#sendCredit -= count
      if (count > 0) this.#way.sendData(bytes.subarray(0, count))
      if (count < bytes.length) {
        this.#waiting = { ...this.#waiting, bytes: bytes.subarray(count) }
      } else {
        this.#waiting = undefined
        resolve()
      }
    }
    if (!this.#isEnding || this.#isSentAll || this.#waiting !== undefined) return
    this.#isSentAll = true
    this.#way.sendMessage({ say: 'end', stream: this.id })
    this.#checkOver()
  }

  #checkOver(): void {
    if (this.#isSentAll && this.#isReceivedAll) this.#way.over()
  }
}

/** What one bridge may hold. A stream holds at most its window each way. */
export const BRIDGE_LIMITS = {
  /** Calls of either side without an answer. */
  maxCalls: 256,
  /** Open streams, of both sides together. */
  maxStreams: 128,
  windowBytes: 262_144,
  /** Of one stream, in frames that nobody has read. */
  maxPieces: 8_192,
} as const

/** As `MAX_APP_DATA_BYTES` of the frames. */
const MAX_PIECE_BYTES = 65_536
