import { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'

/**
 * Two ends of a stream in memory that behaves as a stream of the mesh does: a side that does not read stops the other,
 * an end is half a close, and a side destroyed before both ends were seen breaks the other (`error`, then `close`
 * without `end`).
 */
export function createStreamPair(): [Duplex, Duplex] {
  const one = new PairSide()
  const other = new PairSide()
  one.other = other
  other.other = one
  return [one, other]
}

class PairSide extends Duplex {
  other: PairSide | undefined
  #resumeWriter: (() => void) | undefined

  constructor() {
    super({ allowHalfOpen: true, highWaterMark: 65_536 })
  }

  override _read(): void {
    const resume = this.#resumeWriter
    this.#resumeWriter = undefined
    resume?.()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.other === undefined || this.other.destroyed) done(broken())
    else if (this.other.push(chunk)) done()
    else this.other.#resumeWriter = done
  }

  override _final(done: (error?: Error) => void): void {
    this.other?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { other } = this
    const isInOrder = this.readableEnded && this.writableFinished
    if (!isInOrder) process.nextTick(() => other?.destroy(broken()))
    done(error)
  }
}

function broken(): MeshError {
  return new MeshError('link-closed', 'Stream ended: the other side broke it')
}
