import { Duplex } from 'node:stream'
import type { BridgeStream } from '../../core/app/bridge-stream.ts'

/**
 * A stream of the bridge as one of Node. `end()` ends this side's half; destroying it breaks it for the program, and a break by
 * the program destroys it.
 */
export function duplexOver(stream: BridgeStream): Duplex {
  /** Pushed while the reader had enough: it has to read before more may come. */
  let heldBytes = 0
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      const byteCount = heldBytes
      heldBytes = 0
      if (byteCount > 0) stream.used(byteCount)
    },
    write(chunk: Buffer, _encoding, done) {
      stream.write(chunk).then(() => done(), done)
    },
    final(done) {
      stream.end()
      done()
    },
    destroy(error, done) {
      stream.reset('The stream was broken')
      done(error)
    },
  })
  duplex.on('error', () => {})
  stream.listen({
    onData(bytes) {
      if (duplex.destroyed) return
      if (duplex.push(bytes)) stream.used(bytes.length)
      else heldBytes += bytes.length
    },
    onEnd: () => duplex.destroyed || duplex.push(null),
    onReset: error => duplex.destroy(error),
  })
  return duplex
}

/** Join two streams both ways: an end is passed on as one, a break as a break. */
export function joinStreams(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => {})
    from.once('close', () => {
      // What ended both ways has nothing left to break.
      if (!(from.readableEnded && from.writableFinished)) to.destroy()
    })
    from.pipe(to)
  }
}
