import { Readable } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import type { PublicRequest } from './public-server.ts'

/** What is heard of a body on its way. */
export interface BodyEvents {
  readonly maxBytes: number
  /** The service asks for the first bytes. */
  onWanted(): void
  onBytes(byteCount: number): void
}

/**
 * The body of a request, to be sent on: no faster than it is taken, no more of it than allowed.
 *
 * Unlike the request itself it may be destroyed without breaking the client's connection, which is still owed an answer.
 */
export class RequestBody extends Readable {
  readonly #request: PublicRequest
  readonly #events: BodyEvents
  #byteCount = 0
  #isWanted = false

  constructor(request: PublicRequest, events: BodyEvents) {
    super({ highWaterMark: 65_536 })
    this.#request = request
    this.#events = events
    this.on('error', () => {})
    request.on('data', this.#take).on('end', this.#end).on('close', this.#closed).on('error', this.#closed)
    request.pause()
  }

  get byteCount(): number {
    return this.#byteCount
  }

  override _read(): void {
    if (!this.#isWanted) this.#events.onWanted()
    this.#isWanted = true
    this.#request.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#request.off('data', this.#take).off('end', this.#end).off('close', this.#closed)
    done(error)
  }

  readonly #take = (chunk: Buffer): void => {
    this.#byteCount += chunk.length
    this.#events.onBytes(chunk.length)
    if (this.#byteCount > this.#events.maxBytes) {
      this.#request.pause()
      this.destroy(tooLarge(this.#events.maxBytes))
    } else if (!this.push(chunk)) this.#request.pause()
  }

  readonly #end = (): void => {
    this.push(null)
  }

  readonly #closed = (): void => {
    if (!this.readableEnded && !this.#request.readableEnded)
      this.destroy(new MeshError('link-closed', 'Cannot read request: the client broke the connection'))
  }
}

/** The error for a body over its limit. */
export function tooLarge(maxBytes: number): MeshError {
  return new MeshError('too-large', `Cannot take request: its body is over ${maxBytes} bytes`)
}

/** Whether a request has a body, or may have one. */
export function hasBody(request: PublicRequest): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders
  const { headers } = request
  if (headers['transfer-encoding'] !== undefined) return true
  return headers['content-length'] !== undefined && headers['content-length'] !== '0'
}
