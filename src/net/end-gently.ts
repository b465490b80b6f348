import type { Duplex } from 'node:stream'

/**
 * Say a last word on a stream, and end it. What the other side still sends is read and dropped for a moment: who breaks a
 * connection with bytes unread takes the last word back.
 *
 * @param text  Latin-1
 */
export function endGently(stream: Duplex, text?: string): void {
  if (stream.destroyed) return
  const timer = setTimeout(() => stream.destroy(), LINGER_MS)
  const done = () => {
    if (stream.readableEnded && stream.writableFinished) stream.destroy()
  }
  stream.once('close', () => clearTimeout(timer))
  stream.once('end', done)
  stream.end(text, 'latin1', done)
  stream.removeAllListeners('data')
  stream.resume()
}

const LINGER_MS = 1_000
