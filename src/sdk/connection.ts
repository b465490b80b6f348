import { Duplex } from 'node:stream'
import type { ReadableStream, WritableStream } from 'node:stream/web'
import { MeshError } from '../core/model/errors.ts'
import type { ServiceName } from '../core/model/names.ts'
import { type EndpointIdentity, formatSpiffeId, isIdentityUser } from '../core/model/spiffe-id.ts'
import type { Dialing } from './app.ts'
import type { Metered } from './billing/billing.ts'
import { openZapConnection, type ReceiveOptions, type ZapConnection } from './zap/zap-connection.ts'
import { toZtmError, ZtmError } from './ztm-error.ts'

/** Who is at the other end, by the certificate that was shown end to end. */
export interface PeerIdentity {
  readonly spiffeId: string
  /** Id of the controller's identity; absent for an endpoint of the mesh. */
  readonly identityId?: string
  /** Whose endpoint it is; absent for an identity of the controller. */
  readonly user?: string
  /** Id of the endpoint, or of the identity's API session. */
  readonly endpoint: string
}

/** A stream that a dial gave, with what is to be said of it. */
export interface OpenedStream {
  readonly stream: Duplex
  readonly peer: EndpointIdentity
  readonly sessionId: string
  /** Counts what is sent and received. */
  readonly metered?: Metered | undefined
}

/** How a connection is made. */
export interface ConnectionOptions {
  readonly service: ServiceName
  /**
   * Open the stream. Early bytes wait until `onDialing` is called, go with the request from then on, and are sent again
   * where another hosting has to be tried.
   */
  readonly open: (onDialing: (dialing: Dialing) => void) => Promise<OpenedStream>
  /** The whole dial must be done in this time. */
  readonly timeoutMs: number
  /** Ends the dial, and the connection. */
  readonly signal?: AbortSignal | undefined
  /** When the other side has ended its half, end ours; default false. */
  readonly endsTogether?: boolean
  /** Begin at `connect()`, as a socket that was made but not connected; default at once. */
  readonly isLazy?: boolean
}

/** What `Connection` has of a `net.Socket`, for programs that were given one before; most of it has nothing to do here. */
interface SocketFace {
  readonly connecting: boolean
  readonly remoteAddress: string | undefined
  readonly remotePort: number
  readonly remoteFamily: string
  readonly localAddress: string
  /** Bytes of this connection so far, without what carries them. */
  readonly bytesRead: number
  readonly bytesWritten: number
}

/**
 * A connection to a service, or from who dialled one: a `Duplex`, a pair of web streams, and a channel of ZAP frames. Use it
 * as one of these.
 *
 * Events, beside those of a stream: `connect`, `timeout`. `end()` ends this side's half; the other's comes as `end`.
 */
export class Connection extends Duplex implements SocketFace {
  /** `tcp/NAME` or `udp/NAME`. */
  readonly serviceName: ServiceName
  /** Resolves with this connection when the other side said yes. @throws ZtmError */
  readonly opened: Promise<this>
  readonly #options: ConnectionOptions
  readonly #opened = Promise.withResolvers<this>()
  #stream: Duplex | undefined
  #dialing: Dialing | undefined
  #peer: PeerIdentity | undefined
  #metered: Metered | undefined
  #sessionId = ''
  #state: 'new' | 'connecting' | 'open' | 'closed' = 'new'
  /** Bytes written before it was open that have not gone with the request. */
  #waiting: { readonly bytes: Uint8Array; readonly taken: (error?: Error | null) => void } | undefined
  #ending: ((error?: Error | null) => void) | undefined
  #frames: ZapConnection | undefined
  #web: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> } | undefined
  #deadline: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  timeout = 0
  bytesRead = 0
  bytesWritten = 0

  constructor(options: ConnectionOptions) {
    super({ allowHalfOpen: options.endsTogether !== true, highWaterMark: HIGH_WATER_BYTES })
    // Pipelines, agents and the context all want to hear of its end.
    this.setMaxListeners(32)
    this.#options = options
    this.serviceName = options.service
    this.opened = this.#opened.promise
    // Whoever waits for events alone hears of a failure by `error`.
    this.opened.catch(() => {})
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (options.signal?.aborted) this.#onAbort()
    else if (options.isLazy !== true) this.connect()
  }

  /** Begin, where it has not. Takes what `net.Socket` does, and has no use for any of it. */
  connect(..._: unknown[]): this {
    if (this.#state !== 'new') return this
    this.#state = 'connecting'
    const { timeoutMs, open } = this.#options
    const timer = setTimeout(() => {
      const error = new MeshError(
        'timed-out',
        `Cannot dial "${this.serviceName}": no answer within ${timeoutMs} ms`,
      )
      this.destroy(toZtmError(error, { ...this.#details, operation: 'connect', timeoutMs }))
    }, timeoutMs)
    open(dialing => this.#onDialing(dialing))
      .then(opened => this.#onOpened(opened))
      .catch(error => this.destroy(toZtmError(error, this.#details)))
      .finally(() => clearTimeout(timer))
    return this
  }

  /** Id of the session by which it was opened, as accounts know it; empty until it is open. */
  get sessionId(): string {
    return this.#sessionId
  }

  /** Who is at the other end; undefined until it is open. */
  get peer(): PeerIdentity | undefined {
    return this.#peer
  }

  /** Where it went, for a later dial of a `sticky` service; empty until it is open. */
  get stickinessToken(): string {
    return this.#peer?.endpoint ?? ''
  }

  /** It was opened and has not closed. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** The same connection as web streams. Use these, or the `Duplex`. */
  get web(): {
    readonly readable: ReadableStream<Uint8Array>
    readonly writable: WritableStream<Uint8Array>
  } {
    this.#web ??= Duplex.toWeb(this) as unknown as NonNullable<typeof this.web>
    return this.#web
  }

  /**
   * Send a ZAP frame.
   *
   * @param payload  0 to 16 MiB
   * @returns resolves when more should be sent
   * @throws MeshError `too-large`, `link-closed`
   */
  send(payload: Uint8Array): Promise<void> {
    return this.frames.send(payload)
  }

  /** Receive a ZAP frame; several may wait, and are served in order. @throws MeshError `link-closed`, `too-large`, `timed-out` */
  recv(options?: ReceiveOptions): Promise<Uint8Array> {
    return this.frames.recv(options)
  }

  /** The connection as a channel of frames. From the first use on, all that comes is frames. */
  get frames(): ZapConnection {
    this.#frames ??= openZapConnection(this)
    return this.#frames
  }

  /** End this side's half: the other sees the end of what is sent, and may go on sending. */
  closeWrite(): void {
    this.end()
  }

  /** Break the connection with `timeout` if it is still there then. @param timeoutMs  from now; undefined takes it back */
  setDeadline(timeoutMs: number | undefined): this {
    clearTimeout(this.#deadline)
    if (timeoutMs === undefined || this.destroyed) return this
    this.#deadline = setTimeout(() => {
      const error = new MeshError(
        'timed-out',
        `Connection to "${this.serviceName}" ended: its deadline is over`,
      )
      this.destroy(toZtmError(error, { ...this.#details, operation: 'receive', timeoutMs }))
    }, timeoutMs)
    return this
  }

  /** Emit `timeout` when nothing came or went for so long, as `net.Socket` does; 0 is never. */
  setTimeout(timeoutMs: number, onTimeout?: () => void): this {
    this.timeout = timeoutMs
    if (onTimeout !== undefined) {
      if (timeoutMs === 0) this.off('timeout', onTimeout)
      else this.once('timeout', onTimeout)
    }
    this.#touch()
    return this
  }

  /** All streams of the mesh are sent without delay. */
  setNoDelay(): this {
    return this
  }

  /** What carries the connection is watched already. */
  setKeepAlive(): this {
    return this
  }

  /** The context, not its connections, keeps a program alive. */
  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  get connecting(): boolean {
    return this.#state === 'new' || this.#state === 'connecting'
  }

  get remoteAddress(): string | undefined {
    return this.#peer?.spiffeId
  }

  get remotePort(): number {
    return 0
  }

  get remoteFamily(): string {
    return 'ztm'
  }

  get localAddress(): string {
    return this.serviceName
  }

  address(): { address: string; family: string; port: number } {
    return { address: this.serviceName, family: 'ztm', port: 0 }
  }

  override _write(bytes: Uint8Array, _: string, taken: (error?: Error | null) => void): void {
    this.#touch()
    if (this.#stream !== undefined) this.#writeOut([bytes], taken)
    else {
      this.#waiting = { bytes, taken }
      this.#writeEarly()
    }
  }

  override _writev(chunks: { readonly chunk: Uint8Array }[], taken: (error?: Error | null) => void): void {
    this.#touch()
    if (this.#stream !== undefined) {
      this.#writeOut(
        chunks.map(({ chunk }) => chunk),
        taken,
      )
      return
    }
    this.#waiting = { bytes: Buffer.concat(chunks.map(({ chunk }) => chunk)), taken }
    this.#writeEarly()
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#stream === undefined) this.#ending = done
    else this.#stream.end(() => done())
  }

  override _read(): void {
    this.#stream?.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    clearTimeout(this.#deadline)
    clearTimeout(this.#idleTimer)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    const isWhole = this.readableEnded && this.writableFinished
    if (this.#stream !== undefined && !isWhole) this.#stream.destroy()
    else if (!wasOpen) this.#dialing?.cancel()
    void this.#metered?.close()
    const ended = new MeshError('link-closed', `Cannot dial "${this.serviceName}": it was given up`)
    this.#opened.reject(error ?? new ZtmError('connection-closed', ended, this.#details))
    done(error)
  }

  get #details(): { readonly serviceName: string } {
    return { serviceName: this.serviceName }
  }

  readonly #onAbort = () => {
    const cause = this.#options.signal?.reason
    const message = `Connection to "${this.serviceName}" ended: its signal fired`
    this.destroy(toZtmError(new MeshError('timed-out', message, { cause }), this.#details))
  }

  #onDialing(dialing: Dialing): void {
    if (this.destroyed) dialing.cancel()
    this.#dialing = dialing
    this.#writeEarly()
  }

  /** Where the dial has taken enough, the writer waits until it is open. */
  #writeEarly(): void {
    const { bytes, taken } = this.#waiting ?? {}
    if (this.#dialing === undefined || bytes === undefined || taken === undefined) return
    const mayGoOn = this.#dialing.write(bytes)
    this.#count(bytes)
    this.#waiting = mayGoOn ? undefined : { bytes: NOTHING, taken }
    if (mayGoOn) taken()
  }

  #onOpened({ stream, peer, sessionId, metered }: OpenedStream): void {
    this.#metered = metered
    metered?.sent(this.bytesWritten)
    this.#sessionId = sessionId
    if (this.destroyed) {
      stream.destroy()
      void metered?.close()
      return
    }
    this.#stream = stream
    for (const event of ['lost', 'carried']) stream.on(event, () => this.emit(event))
    this.#state = 'open'
    this.#peer = peerOf(peer)
    stream.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    stream.on('end', () => this.push(null))
    stream.on('error', error => this.destroy(toZtmError(error, this.#details)))
    stream.on('close', () => {
      if (stream.readableEnded && stream.writableFinished) return
      this.destroy(
        toZtmError(new MeshError('link-closed', `Connection to "${this.serviceName}" broke`), this.#details),
      )
    })
    this.emit('connect')
    this.emit('ready')
    this.#opened.resolve(this)
    const { bytes, taken } = this.#waiting ?? {}
    this.#waiting = undefined
    if (bytes !== undefined && taken !== undefined) this.#writeOut(bytes.length === 0 ? [] : [bytes], taken)
    const ending = this.#ending
    if (ending !== undefined) stream.end(() => ending())
  }

  #onData(chunk: Uint8Array): void {
    this.bytesRead += chunk.length
    this.#metered?.received(chunk.length)
    this.#touch()
    if (!this.push(chunk)) this.#stream?.pause()
  }

  #writeOut(chunks: readonly Uint8Array[], taken: (error?: Error | null) => void): void {
    const stream = this.#stream as Duplex
    let isRoom = true
    if (chunks.length > 1) stream.cork()
    for (const chunk of chunks) {
      this.#count(chunk)
      isRoom = stream.write(chunk)
    }
    if (chunks.length > 1) stream.uncork()
    if (isRoom || stream.destroyed) taken()
    else stream.once('drain', () => taken())
  }

  #count(chunk: Uint8Array): void {
    this.bytesWritten += chunk.length
    this.#metered?.sent(chunk.length)
  }

  #touch(): void {
    clearTimeout(this.#idleTimer)
    if (this.timeout > 0 && !this.destroyed)
      this.#idleTimer = setTimeout(() => this.emit('timeout'), this.timeout).unref()
  }
}

function peerOf(identity: EndpointIdentity): PeerIdentity {
  const { user, endpoint } = identity
  return {
    spiffeId: formatSpiffeId(identity),
    ...(isIdentityUser(user) ? { identityId: user } : { user }),
    endpoint,
  }
}

const NOTHING = new Uint8Array(0)
/** What a connection holds in each direction before it asks for patience. */
const HIGH_WATER_BYTES = 65_536
