import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { SeededRandom } from './seeded-random.ts'

/** Bytes that go out and come in on one side of a stream, and what they hash to. */
export interface TransferSide {
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Send no more, and end. */
  stop(): void
  /** Stop, and wait: resolves when the other side's end has come too. @returns the two hashes */
  finish(): Promise<{ sent: string; received: string }>
}

/** Send chunks of random size and content on `stream` until `finish`, and read what comes. */
export function transfer(stream: Duplex, random: SeededRandom): TransferSide {
  const sent = createHash('sha256')
  const received = createHash('sha256')
  const counts = { sent: 0, received: 0 }
  let isEnough = false
  stream.on('data', (chunk: Buffer) => {
    received.update(chunk)
    counts.received += chunk.length
  })
  const ended = new Promise<void>((resolve, reject) => {
    stream.once('end', resolve)
    stream.once('error', reject)
    stream.once('close', () => reject(new Error(`closed after ${counts.received} bytes without an end`)))
  })
  ended.catch(() => {})
  const sending = send()
  sending.catch(() => {})

  async function send(): Promise<void> {
    while (!isEnough) {
      const chunk = Buffer.alloc(1 + Math.floor(random() ** 4 * 100_000), Math.floor(random() * 256))
      sent.update(chunk)
      counts.sent += chunk.length
      if (!stream.write(chunk)) await once(stream, 'drain')
      else await new Promise(setImmediate)
    }
    stream.end()
  }

  return {
    get sentBytes() {
      return counts.sent
    },
    get receivedBytes() {
      return counts.received
    },
    stop() {
      isEnough = true
    },
    async finish() {
      isEnough = true
      await Promise.all([sending, ended])
      return { sent: digest(sent), received: digest(received) }
    },
  }
}

function digest(hash: Hash): string {
  return hash.digest('hex').slice(0, 16)
}
