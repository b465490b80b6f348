import { once } from 'node:events'
import net from 'node:net'

/** Connections over which numbers go to an echo and back, every byte of them compared. */
export interface NumberedStreams extends AsyncDisposable {
  /** Bytes that came back right, of all together. */
  readonly byteCount: number
  /** The longest time that one of them got nothing, since the last call of `takeLongestPause`, ms. */
  takeLongestPause(): number
  /** What went wrong; empty while all is well. */
  readonly faults: readonly string[]
  /** Resolves when each of them has had so many bytes more. */
  untilMore(byteCount: number): Promise<void>
}

/** Connect, and let the numbers run. @param port  on loopback, of a tunnel to an echo */
export async function runNumberedStreams(port: number, count: number): Promise<NumberedStreams> {
  const faults: string[] = []
  const streams = await Promise.all(Array.from({ length: count }, () => open(port)))
  const runs = streams.map((socket, i) => run(socket, fault => faults.push(`stream ${i}: ${fault}`)))
  return {
    faults,
    get byteCount() {
      return runs.reduce((sum, one) => sum + one.byteCount(), 0)
    },
    takeLongestPause: () => Math.max(...runs.map(one => one.takeLongestPause())),
    async untilMore(byteCount) {
      await Promise.all(runs.map(one => one.untilMore(byteCount)))
    },
    async [Symbol.asyncDispose]() {
      for (const one of runs) one.end()
      for (const socket of streams) socket.destroy()
    },
  }
}

async function open(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function run(socket: net.Socket, fail: (fault: string) => void) {
  let [sent, received] = [0, 0]
  let lastMs = performance.now()
  let longestMs = 0
  let isEnding = false
  const waiters = new Set<{ readonly at: number; readonly resolve: () => void }>()

  function send(): void {
    while (!isEnding && sent - received < WINDOW_BYTES && !socket.writableNeedDrain) {
      socket.write(numbersFrom(sent))
      sent += BLOCK_BYTES
    }
  }

  function noteTime(): void {
    const now = performance.now()
    longestMs = Math.max(longestMs, now - lastMs)
    lastMs = now
  }

  socket.on('drain', send)
  socket.on('data', chunk => {
    noteTime()
    const fault = firstFault(chunk, received)
    received += chunk.length
    if (fault !== undefined) {
      isEnding = true
      fail(fault)
      socket.destroy()
    }
    for (const waiter of waiters) {
      if (received < waiter.at) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
    send()
  })
  const ended = (why: string) => {
    if (!isEnding) fail(`${why} after ${received} bytes`)
    for (const { resolve } of waiters) resolve()
    waiters.clear()
  }
  socket.on('error', error => ended(error.message))
  socket.on('close', () => ended('closed'))
  send()
  return {
    byteCount: () => received,
    takeLongestPause() {
      noteTime()
      const longest = longestMs
      longestMs = 0
      return longest
    },
    untilMore: (byteCount: number) =>
      new Promise<void>(resolve => {
        if (socket.destroyed) resolve()
        else waiters.add({ at: received + byteCount, resolve })
      }),
    end() {
      isEnding = true
    },
  }
}

/** Every four bytes are their own position in the stream, over four. */
function numbersFrom(position: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES)
  for (let i = 0; i < BLOCK_BYTES; i += 4) block.writeUInt32BE(((position + i) / 4) >>> 0, i)
  return block
}

function firstFault(chunk: Buffer, position: number): string | undefined {
  for (let i = 0; i < chunk.length; i += 1) {
    const at = position + i
    const wanted = (Math.floor(at / 4) >>> (24 - 8 * (at % 4))) & 0xff
    if (chunk[i] !== wanted) return `byte ${at} is ${chunk[i]}, not ${wanted}`
  }
  return undefined
}

const BLOCK_BYTES = 4_096
/** Not answered for: enough to be in the middle of something at any moment, not so much that two cores are busy with it. */
const WINDOW_BYTES = 32_768
