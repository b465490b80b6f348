import { constants, openSync, writeSync } from 'node:fs'
import net from 'node:net'
import { readTrain, sliceTrain } from './link-emulator-frames.ts'
import { createLinkSchedule, type LinkConditions, type LinkSchedule } from './link-emulator-schedule.ts'
import { createSeededRandom } from './seeded-random.ts'

// The program of a link: `TAP TAP SEED` carries frames between two macvtap devices. Over IPC it is told the conditions,
// as `LinkOrder`, and answers each with `LinkReport`.

/** What a link is told; a direction that is absent stays as it is. */
export interface LinkOrder {
  readonly aToB?: LinkConditions
  readonly bToA?: LinkConditions
}

/** What a link did so far. */
export interface LinkReport {
  readonly aToB: LinkSchedule['counts']
  readonly bToA: LinkSchedule['counts']
}

interface Waiting {
  readonly dueMs: number
  readonly frame: Uint8Array
}

/** Carry frames one way. */
function carry(from: number, to: number, schedule: LinkSchedule): void {
  let waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined

  function deliverDue(): void {
    timer = undefined
    const now = performance.now()
    let count = 0
    for (; count < waiting.length; count += 1) {
      const next = waiting[count] as Waiting
      if (next.dueMs > now + EARLY_MS) break
      deliver(next.frame)
    }
    waiting = waiting.slice(count)
    const next = waiting[0]
    if (next !== undefined) timer = setTimeout(deliverDue, next.dueMs - now)
  }

  function deliver(frame: Uint8Array): void {
    try {
      writeSync(to, frame)
    } catch {
      // The device is down, or its queue is full: lost, as on a real link.
    }
  }

  function hold(frame: Uint8Array, dueMs: number): void {
    let at = waiting.length
    while (at > 0 && (waiting[at - 1] as Waiting).dueMs > dueMs) at -= 1
    if (at === waiting.length) waiting.push({ dueMs, frame })
    else waiting.splice(at, 0, { dueMs, frame })
    if (at > 0 && timer !== undefined) return
    clearTimeout(timer)
    timer = setTimeout(deliverDue, Math.max(0, dueMs - performance.now()))
  }

  readFrames(from, bytes => {
    const now = performance.now()
    for (const { first, count, dueMs } of schedule.send(readTrain(bytes), now)) {
      const frame = sliceTrain(bytes, first, count)
      if (dueMs <= now && waiting.length === 0) deliver(frame)
      else hold(Uint8Array.from(frame), dueMs)
    }
  })
}

/**
 * Read a device without a thread for each read: libuv's pipe handle reads whatever can be polled, which Node's public
 * API reserves for sockets and pipes. Nine times as fast as `fs.read`; when Node no longer has `process.binding`,
 * use that.
 */
function readFrames(device: number, take: (bytes: Uint8Array) => void): void {
  const { binding } = process as unknown as {
    binding(name: 'pipe_wrap'): { Pipe: new (type: 0) => { open(device: number): void } }
  }
  const { Pipe } = binding('pipe_wrap')
  const handle = new Pipe(0)
  handle.open(device)
  const onread = {
    buffer: new Uint8Array(MAX_FRAME_BYTES),
    callback(byteCount: number, buffer: Uint8Array) {
      take(buffer.subarray(0, byteCount))
      return true
    },
  }
  const options = { handle, onread }
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts)
  // The devices are gone: so is the lab.
  socket.on('error', () => process.exit(0))
  socket.resume()
}

/** Timers wake up to 1 ms late; what is due so soon is not worth another wake-up. */
const EARLY_MS = 0.3
/** 64 KiB of payload and all headers. */
const MAX_FRAME_BYTES = 66_000

const [deviceA = '', deviceB = '', seed = '1'] = process.argv.slice(2)
const [a, b] = [deviceA, deviceB].map(path => openSync(path, constants.O_RDWR | constants.O_NONBLOCK)) as [
  number,
  number,
]
const random = createSeededRandom(Number(seed))
const [aToB, bToA] = [createLinkSchedule({}, random), createLinkSchedule({}, random)]
carry(a, b, aToB)
carry(b, a, bToA)
process.on('message', (order: LinkOrder) => {
  if (order.aToB !== undefined) aToB.conditions = order.aToB
  if (order.bToA !== undefined) bToA.conditions = order.bToA
  process.send?.({ aToB: aToB.counts, bToA: bToA.counts } satisfies LinkReport)
})
process.on('disconnect', () => process.exit(0))
