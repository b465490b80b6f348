import type { Writable } from 'node:stream'

/** Call once when a stream that had enough takes more again, or is closed and will never. */
export function whenDrained(stream: Writable, call: () => void): void {
  const done = () => {
    stream.off('drain', done)
    stream.off('close', done)
    call()
  }
  stream.on('drain', done)
  stream.on('close', done)
}
