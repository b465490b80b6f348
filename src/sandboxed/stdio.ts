import { writeSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'

/**
 * Put plain streams in the place of stdin, stdout and stderr, which are sockets where they are pipes: a program would find
 * the class of all sockets in them. Has to be called before anything is printed.
 */
export function replaceStdio(): void {
  const real = process.stdin
  let isStarted = false
  const stdin = new Readable({
    read() {
      if (!isStarted) {
        isStarted = true
        real.on('data', chunk => {
          if (!stdin.push(chunk)) real.pause()
        })
        real.once('end', () => stdin.push(null))
        real.once('error', error => stdin.destroy(error))
      }
      real.resume()
    },
  })
  put('stdin', Object.assign(stdin, { fd: 0, isTTY: false }))
  put('stdout', Object.assign(writerOf(1), { fd: 1, isTTY: false }))
  put('stderr', Object.assign(writerOf(2), { fd: 2, isTTY: false }))
}

function put(name: 'stdin' | 'stdout' | 'stderr', stream: unknown): void {
  Object.defineProperty(process, name, {
    value: stream,
    writable: false,
    configurable: false,
    enumerable: true,
  })
}

/** Writes at once, as Node does to pipes: what was printed before `process.exit` is not lost. */
function writerOf(fd: number): Writable {
  return new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      try {
        for (let at = 0; at < chunk.length; ) at += writeSome(fd, chunk, at)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
}

function writeSome(fd: number, chunk: Buffer, at: number): number {
  try {
    return writeSync(fd, chunk, at)
  } catch (error) {
    // A pipe that the other side made non-blocking, and is full.
    if ((error as { code?: unknown }).code !== 'EAGAIN') throw error
    Atomics.wait(PAUSE, 0, 0, 5)
    return 0
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4))
