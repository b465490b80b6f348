import type { Duplex } from 'node:stream'
import {
  createFileFrameDecoder,
  encodeFileHead,
  encodeWant,
  type FileFrame,
  MAX_FILE_FRAME_BYTES,
  rangesOf,
} from '../../core/codec/file-frame.ts'
import { MAX_MANIFEST_BYTES } from '../../core/files/manifest.ts'
import { MeshError, parseErrorBody, toMeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'
import type { Dialing, Host } from '../../sdk/app.ts'
import { answerShape, type FilesAnswer, type Question } from './messages.ts'

/** What comes on a stream of wanted chunks. */
export interface FilePeerEvents {
  readonly onChunk: (chunk: number, bytes: Uint8Array) => void
  readonly onMissing: (first: number, count: number, error: MeshError) => void
  /** Any bytes came. */
  readonly onHeard: () => void
  readonly onClose: (error: MeshError | undefined) => void
}

/** An endpoint that holds files, and whose. */
export interface FileHolder {
  readonly endpoint: EndpointId
  readonly user: UserName
}

/** The service by which endpoints of a user give files. @throws MeshError `bad-name` for a user name over 57 characters */
export function filesServiceOf(user: UserName): ServiceName {
  return parseServiceName(`tcp/.files.${user}`)
}

/** A stream to a holder of files. */
export class FilePeer {
  readonly #dialing: Dialing
  readonly #stream: Duplex
  /** Memory of chunks that were dealt with: fresh memory for each keeps the garbage collector busier than all else. */
  readonly #spare: Uint8Array[] = []
  readonly #pooled = new WeakSet<ArrayBufferLike>()
  readonly #decoder = createFileFrameDecoder(MAX_FILE_FRAME_BYTES, length => this.#allocate(length))
  #waiting: { resolve: (frame: FileFrame) => void; reject: (error: MeshError) => void } | undefined
  readonly #frames: FileFrame[] = []
  #events: Partial<FilePeerEvents> = {}
  #error: MeshError | undefined
  #isClosed = false

  private constructor(dialing: Dialing, stream: Duplex) {
    this.#dialing = dialing
    this.#stream = stream
    stream.on('data', (bytes: Uint8Array) => this.#take(bytes))
    stream.on('error', () => {})
    stream.once('end', () => this.close())
    stream.once('close', () => this.close())
  }

  /**
   * Open a stream to a holder.
   *
   * @throws MeshError those of dialling; `not-trusted` if it is not that user's endpoint; `timed-out`
   */
  static async open(host: Host, { endpoint, user }: FileHolder, timeoutMs: number): Promise<FilePeer> {
    const dialing = host.dial(filesServiceOf(user), { owner: user, exits: [endpoint] })
    const opened = dialing.opened
    const peer = await withTimeout(host, timeoutMs, opened, () => dialing.cancel())
    if (peer.endpoint !== endpoint || peer.user !== user) {
      dialing.cancel()
      throw new MeshError('not-trusted', 'Cannot ask for files: another endpoint answered')
    }
    return new FilePeer(dialing, peer.stream)
  }

  /** Ask something, when what was asked before is answered. @throws MeshError the holder's, `link-closed`, `timed-out`, `bad-message` */
  async ask(
    host: Host,
    question: Question,
    timeoutMs: number,
  ): Promise<Extract<FilesAnswer, { isGood: true }>> {
    const bytes = Buffer.from(JSON.stringify(question))
    this.#stream.write(Buffer.concat([encodeFileHead('ask', bytes.length), bytes]))
    const { kind, payload } = await withTimeout(host, timeoutMs, this.#next(), () => this.close())
    const answer = kind === 'answer' ? answerShape.safeParse(tryJson(payload)) : undefined
    if (answer?.success !== true) throw this.#broken('its answer is not of its form')
    if (answer.data.isGood) return answer.data
    throw parseErrorBody(answer.data.error) ?? this.#broken('it refused without a reason')
  }

  /** Fetch a manifest; whether it is the right one the caller checks. @throws MeshError as `ask` */
  async manifest(host: Host, content: string, expectedBytes: number, timeoutMs: number): Promise<Uint8Array> {
    const { manifestBytes } = await this.ask(host, { kind: 'manifest', content }, timeoutMs)
    if (manifestBytes !== expectedBytes || expectedBytes > MAX_MANIFEST_BYTES)
      throw this.#broken('its list of contents has another length')
    const parts: Uint8Array[] = []
    for (let length = 0; length < manifestBytes; ) {
      const { kind, payload } = await withTimeout(host, timeoutMs, this.#next(), () => this.close())
      length += payload.length
      if (kind !== 'part' || payload.length === 0 || length > manifestBytes)
        throw this.#broken('its list of contents is not whole')
      parts.push(payload)
    }
    return Buffer.concat(parts)
  }

  /** From now on only chunks are asked for. */
  listen(events: FilePeerEvents): void {
    this.#events = events
    for (const frame of this.#frames.splice(0)) this.#hand(frame)
    if (this.#isClosed) events.onClose(this.#error)
  }

  want(content: Uint8Array, chunks: readonly number[]): void {
    const ranges = rangesOf(chunks)
    for (let at = 0; at < ranges.length; at += MAX_RANGES) {
      const payload = encodeWant(content, ranges.slice(at, at + MAX_RANGES))
      this.#stream.write(Buffer.concat([encodeFileHead('want', payload.length), payload]))
    }
  }

  /** A chunk was dealt with: its memory may be that of another from now on. To be said once, and by nobody who still reads it. */
  release(bytes: Uint8Array): void {
    if (!this.#pooled.delete(bytes.buffer) || this.#spare.length >= MAX_SPARE) return
    this.#spare.push(new Uint8Array(bytes.buffer))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#dialing.cancel()
    this.#stream.destroy()
    this.#waiting?.reject(this.#error ?? closed())
    this.#waiting = undefined
    this.#events.onClose?.(this.#error)
  }

  #allocate(length: number): Uint8Array {
    if (length < POOLED_BYTES) return new Uint8Array(length)
    const whole = this.#spare.pop() ?? new Uint8Array(MAX_FILE_FRAME_BYTES)
    this.#pooled.add(whole.buffer)
    return whole.subarray(0, length)
  }

  #take(bytes: Uint8Array): void {
    this.#events.onHeard?.()
    try {
      for (const frame of this.#decoder.push(bytes)) this.#hand(frame)
    } catch (thrown) {
      this.#error = toMeshError(thrown)
      this.close()
    }
  }

  #hand(frame: FileFrame): void {
    const { onChunk, onMissing } = this.#events
    if (onChunk === undefined || onMissing === undefined) {
      const waiting = this.#waiting
      this.#waiting = undefined
      if (waiting !== undefined) waiting.resolve(frame)
      // One page or one list of contents is under way at most.
      else if (this.#frames.length < MAX_HELD_FRAMES) this.#frames.push(frame)
      else throw this.#broken('it sends what was not asked for')
      return
    }
    const { kind, payload } = frame
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
    if (kind === 'chunk' && payload.length > 4) onChunk(view.getUint32(0), payload.subarray(4))
    else if (kind === 'missing' && payload.length > 8) {
      const why = parseErrorBody(tryJson(payload.subarray(8)))
      onMissing(view.getUint32(0), view.getUint32(4), why ?? this.#broken('it gives no reason'))
    } else throw this.#broken('it sends what was not asked for')
  }

  #next(): Promise<FileFrame> {
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#isClosed) return Promise.reject(this.#error ?? closed())
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  #broken(why: string): MeshError {
    return new MeshError('bad-message', `Cannot take files from that endpoint: ${why}`)
  }
}

/** @throws MeshError `timed-out`, when `onLate` was called */
async function withTimeout<T>(
  host: Host,
  timeoutMs: number,
  work: Promise<T>,
  onLate: () => void,
): Promise<T> {
  const late = Promise.withResolvers<never>()
  const cancel = host.after(timeoutMs, () => {
    late.reject(new MeshError('timed-out', 'Cannot ask for files: no answer in time'))
    onLate()
  })
  // Whichever loses is heard by nobody.
  late.promise.catch(() => {})
  work.catch(() => {})
  try {
    return await Promise.race([work, late.promise])
  } finally {
    cancel()
  }
}

function closed(): MeshError {
  return new MeshError('link-closed', 'Cannot ask for files: the stream ended')
}

function tryJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

const MAX_RANGES = 8_000
const MAX_HELD_FRAMES = 300
const MAX_SPARE = 16
/** Shorter ones are cheap. */
const POOLED_BYTES = 262_144
