import { Duplex } from 'node:stream'

/** How two ends that hold together behave. */
export interface CutPairOptions {
  /** Told of each piece that is written; it is lost where this says false. */
  readonly onPiece?: (bytes: Buffer, from: CutEnd) => boolean | undefined
  /** Told when an end is ended by who holds it, before the other end hears of it. */
  readonly onFinal?: (end: CutEnd) => void
  /** How long the end of an end takes, ms. Default 0. */
  readonly finalMs?: number
}

/** Two ends of a stream that is no socket, and that a test can spoil at any moment. Nothing goes on in the same turn. */
export function createCutPair(options: CutPairOptions = {}): { readonly near: CutEnd; readonly far: CutEnd } {
  const near: CutEnd = new CutEnd(() => far, options)
  const far: CutEnd = new CutEnd(() => near, options)
  return { near, far }
}

/** One of the ends. */
export class CutEnd extends Duplex {
  /** What is written to it is taken by nobody, and never done. */
  isStalled = false
  readonly #other: () => CutEnd
  readonly #options: CutPairOptions
  #hasEnd = false

  constructor(other: () => CutEnd, options: CutPairOptions) {
    super({ allowHalfOpen: true })
    this.#other = other
    this.#options = options
    this.on('error', () => {})
  }

  /** Let it read these bytes, as if the other end had written them. */
  give(bytes: Buffer): void {
    if (!this.destroyed && !this.#hasEnd) this.push(bytes)
  }

  /** Let it read an end. */
  giveEnd(): void {
    if (this.destroyed || this.#hasEnd) return
    this.#hasEnd = true
    this.push(null)
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    const isLost = this.#options.onPiece?.(bytes, this) === false
    if (this.isStalled) return
    setImmediate(() => {
      if (!isLost) this.#other().give(bytes)
      done()
    })
  }

  override _final(done: () => void): void {
    this.#options.onFinal?.(this)
    if (this.isStalled) return
    setTimeout(() => {
      this.#other().giveEnd()
      done()
    }, this.#options.finalMs ?? 0)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    setImmediate(() => this.#other().destroy())
    done(error)
  }
}
