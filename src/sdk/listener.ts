import type { Duplex } from 'node:stream'
import type { Access, Rank } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Name, ServiceName } from '../core/model/names.ts'
import type { Hosting, Incoming } from './app.ts'
import { Connection } from './connection.ts'
import type { InnerMesh } from './inner-mesh.ts'
import { toZtmError, type ZtmError } from './ztm-error.ts'

/** How a service is hosted; see `ListenOptions` for what programs give. */
export interface ListenerOptions {
  readonly service: ServiceName
  readonly access: Access
  readonly rank: Rank | undefined
  readonly instance: Name | undefined
  readonly maxConnections: number
  /** A stream of this member was let in. */
  readonly hold: (mesh: InnerMesh, connection: Connection, stream: Duplex) => void
  readonly onClose: (listener: Listener) => void
}

/** A service that is hosted here: an iteration over the connections that come. */
export interface Listener extends AsyncIterable<Connection>, AsyncDisposable {
  readonly serviceName: ServiceName
  /** Why others cannot find the service, though it is hosted here: no policy lets this identity host it, say. */
  readonly error: ZtmError | undefined
  /** Connections that are open. */
  readonly connectionCount: number
  /** The next connection. @throws ZtmError `connection-closed` once it was closed, or the error that ended it */
  accept(): Promise<Connection>
  /** Be given all connections; those that wait already, too. @returns a function that ends it */
  onConnection(take: (connection: Connection) => void): () => void
  /** Host it no more. Open connections stay. */
  close(): Promise<void>
}

/** The side of a listener that the context sees. */
export interface HostedListener extends Listener {
  /** Host it as this member, in place of the one before. @throws ZtmError where it may not be hosted */
  hostIn(mesh: InnerMesh): Promise<void>
  /** No more can come of it. */
  fail(error: ZtmError): void
}

/** Make a listener that is not hosted yet. */
export function createListener(options: ListenerOptions): HostedListener {
  return new ServiceListener(options)
}

class ServiceListener implements HostedListener {
  readonly #options: ListenerOptions
  readonly #open = new Set<Connection>()
  readonly #waiting: Connection[] = []
  readonly #takers: PromiseWithResolvers<Connection>[] = []
  #onConnection: ((connection: Connection) => void) | undefined
  #hosting: Hosting | undefined
  #failure: ZtmError | undefined
  #isOver = false

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  get serviceName(): ServiceName {
    return this.#options.service
  }

  get connectionCount(): number {
    return this.#open.size
  }

  get error(): ZtmError | undefined {
    const error = this.#failure ?? this.#hosting?.error
    return error === undefined ? undefined : toZtmError(error, { serviceName: this.serviceName })
  }

  accept(): Promise<Connection> {
    const [ready] = this.#waiting.splice(0, 1)
    if (ready !== undefined) return Promise.resolve(ready)
    if (this.#isOver) return Promise.reject(this.#ended())
    const taker = Promise.withResolvers<Connection>()
    this.#takers.push(taker)
    return taker.promise
  }

  onConnection(take: (connection: Connection) => void): () => void {
    this.#onConnection = take
    for (const connection of this.#waiting.splice(0)) take(connection)
    return () => {
      if (this.#onConnection === take) this.#onConnection = undefined
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Connection> {
    for (;;) {
      let next: Connection
      try {
        next = await this.accept()
      } catch (error) {
        if (this.#failure !== undefined) throw error
        return
      }
      yield next
    }
  }

  async close(): Promise<void> {
    if (this.#isOver) return
    this.#end()
    try {
      await this.#hosting?.[Symbol.asyncDispose]()
    } catch {
      // Without a link: whoever opens one next as this member tells the controller.
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async hostIn(mesh: InnerMesh): Promise<void> {
    if (this.#isOver) return
    const { service, access, rank, instance } = this.#options
    // The member before is gone, and its hostings with it.
    this.#hosting = undefined
    const hosting = await mesh.host
      .serve(service, {
        access,
        onStream: incoming => this.#take(mesh, incoming),
        ...(rank && { rank }),
        ...(instance && { instance }),
      })
      .catch(error => {
        throw toZtmError(error, { serviceName: service })
      })
    if (this.#isOver) await hosting[Symbol.asyncDispose]()
    else this.#hosting = hosting
  }

  fail(error: ZtmError): void {
    if (this.#isOver) return
    this.#failure = error
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    for (const { reject, promise } of this.#takers.splice(0)) {
      promise.catch(() => {})
      reject(this.#ended())
    }
    for (const connection of this.#waiting.splice(0)) connection.destroy()
    this.#options.onClose(this)
  }

  #ended(): ZtmError {
    if (this.#failure !== undefined) return this.#failure
    const error = new MeshError('link-closed', `Cannot accept: "${this.serviceName}" is hosted no more`)
    return toZtmError(error, { serviceName: this.serviceName })
  }

  #take(mesh: InnerMesh, incoming: Incoming): void {
    const { service, maxConnections, hold } = this.#options
    const isFull = this.#open.size >= maxConnections || this.#waiting.length >= MAX_WAITING
    if (this.#isOver || isFull) {
      const state = isFull ? 'it has as many connections as it takes' : 'not hosted here any more'
      incoming.refuse(
        new MeshError(isFull ? 'too-many' : 'offline', `Cannot open stream to "${service}": ${state}`),
      )
      return
    }
    const stream = incoming.accept()
    const connection = new Connection({
      service,
      open: async () => ({ stream, peer: incoming.from, sessionId: incoming.sessionId ?? '' }),
      timeoutMs: ACCEPT_TIMEOUT_MS,
    })
    this.#open.add(connection)
    // Heard even if nobody else listens: one that breaks must not end the program.
    connection.on('error', () => {})
    connection.once('close', () => {
      this.#open.delete(connection)
      const at = this.#waiting.indexOf(connection)
      if (at >= 0) this.#waiting.splice(at, 1)
    })
    hold(mesh, connection, stream)
    connection.opened.then(
      () => this.#give(connection),
      error => toMeshError(error),
    )
  }

  #give(connection: Connection): void {
    if (this.#isOver) return void connection.destroy()
    const [taker] = this.#takers.splice(0, 1)
    if (taker !== undefined) taker.resolve(connection)
    else if (this.#onConnection !== undefined) this.#onConnection(connection)
    else this.#waiting.push(connection)
  }
}

/** Connections that nobody has accepted yet; more are refused. */
const MAX_WAITING = 512
const ACCEPT_TIMEOUT_MS = 10_000
