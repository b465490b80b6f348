// The load generator, a process of its own: `load.ts KIND JSON` does one load and prints its figures as JSON.
// Bytes are counted where they arrive: a bulk is over when the receiver has the last one.
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from './figures.ts'
import type {
  BulkResult,
  ConnectionsResult,
  EchoResult,
  FairResult,
  HoldResult,
  KeystrokesResult,
  LoadOptions,
} from './loads.ts'

const CHUNK = Buffer.alloc(262_144)
/** More than any run moves, bytes. */
const ENDLESS = 2 ** 50
const shared = Buffer.alloc(262_144)

interface Connection {
  readonly socket: net.Socket
  onBytes: (bytes: Buffer) => void
}

function connect({ port, host = '127.0.0.1' }: LoadOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({
      port,
      host,
      noDelay: true,
      onread: {
        buffer: shared,
        callback(byteCount) {
          connection.onBytes(shared.subarray(0, byteCount))
          return true
        },
      },
    })
    const connection: Connection = { socket, onBytes: () => {} }
    socket.once('connect', () => resolve(connection))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`connection to port ${port} was closed`)))
  })
}

/** One byte there and back. */
function echo(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    const lose = () => reject(new Error('connection was closed before the echo'))
    connection.socket.once('close', lose)
    connection.onBytes = () => {
      connection.socket.off('close', lose)
      resolve()
    }
    connection.socket.write('e')
  })
}

function header(kind: 's' | 'g' | 'f', total: number): Buffer {
  const bytes = Buffer.alloc(9)
  bytes.write(kind)
  bytes.writeBigUInt64BE(BigInt(total), 1)
  return bytes
}

/** @returns the bytes that arrived, as the far side counted them */
function sendBulk(connection: Connection, totalBytes: number): Promise<number> {
  const { socket } = connection
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('connection was closed in a transfer')))
    let answer = Buffer.alloc(0)
    connection.onBytes = bytes => {
      answer = Buffer.concat([answer, bytes])
      if (answer.length >= 8) resolve(Number(answer.readBigUInt64BE(0)))
    }
    let left = totalBytes
    const go = () => {
      while (left > 0) {
        const size = Math.min(left, CHUNK.length)
        left -= size
        if (!socket.write(size === CHUNK.length ? CHUNK : CHUNK.subarray(0, size))) {
          socket.once('drain', go)
          return
        }
      }
    }
    socket.write(header('s', totalBytes))
    go()
  })
}

/** @returns the bytes that arrived here */
function receiveBulk(connection: Connection, totalBytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    connection.socket.once('close', () => reject(new Error('connection was closed in a transfer')))
    let counted = 0
    connection.onBytes = bytes => {
      counted += bytes.length
      if (counted >= totalBytes) resolve(counted)
    }
    connection.socket.write(header('g', totalBytes))
  })
}

async function bulk(options: LoadOptions): Promise<BulkResult> {
  const { bytes = 1e9, streamCount = 1, direction = 'send' } = options
  const connections = await Promise.all(Array.from({ length: streamCount }, () => connect(options)))
  const move = direction === 'send' ? sendBulk : receiveBulk
  const cpuBefore = process.cpuUsage()
  const startMs = performance.now()
  const counts = await Promise.all(connections.map(each => move(each, Math.ceil(bytes / streamCount))))
  const seconds = (performance.now() - startMs) / 1_000
  const cpu = process.cpuUsage(cpuBefore)
  for (const { socket } of connections) socket.destroy()
  const cpuSeconds = (cpu.user + cpu.system) / 1e6
  return { seconds, bytes: counts.reduce((sum, count) => sum + count, 0), cpuSeconds }
}

/** New connections: connect, one byte echoed, orderly close; `atOnce` of them at any time. */
async function connections(options: LoadOptions): Promise<ConnectionsResult> {
  const { atOnce = 1, count = 2_000, maxSeconds = 2 } = options
  const firstByteMs: number[] = []
  const wholeMs: number[] = []
  let failureCount = 0
  const startMs = performance.now()
  const isOver = () =>
    wholeMs.length + failureCount >= count || performance.now() - startMs > maxSeconds * 1_000
  async function one(): Promise<void> {
    const beganMs = performance.now()
    const connection = await connect(options)
    await echo(connection)
    const echoedMs = performance.now() - beganMs
    await new Promise(resolve => connection.socket.once('close', resolve).end())
    firstByteMs.push(echoedMs)
    wholeMs.push(performance.now() - beganMs)
  }
  const workers = Array.from({ length: atOnce }, async () => {
    while (!isOver()) {
      await one().catch(() => {
        failureCount += 1
      })
    }
  })
  await Promise.all(workers)
  return {
    perSecond: wholeMs.length / ((performance.now() - startMs) / 1_000),
    wholeP50Ms: percentile(wholeMs, 0.5),
    wholeP99Ms: percentile(wholeMs, 0.99),
    firstByteP50Ms: percentile(firstByteMs, 0.5),
    firstByteP99Ms: percentile(firstByteMs, 0.99),
    failureCount,
  }
}

/** Round trips of one byte on one open connection. */
async function echoes(options: LoadOptions): Promise<EchoResult> {
  const { count = 5_000, maxSeconds = 2 } = options
  const connection = await connect(options)
  for (let warm = 0; warm < 50; warm += 1) await echo(connection)
  const roundTripsMs: number[] = []
  const startMs = performance.now()
  while (roundTripsMs.length < count && performance.now() - startMs < maxSeconds * 1_000) {
    const beganMs = performance.now()
    await echo(connection)
    roundTripsMs.push(performance.now() - beganMs)
  }
  connection.socket.destroy()
  return { p50Ms: percentile(roundTripsMs, 0.5), p99Ms: percentile(roundTripsMs, 0.99) }
}

/** Streams beside each other, all as fast as they can. */
async function fair(options: LoadOptions): Promise<FairResult> {
  const { streamCount = 8, direction = 'receive', maxSeconds = 5 } = options
  const connections = await Promise.all(Array.from({ length: streamCount }, () => connect(options)))
  const run = direction === 'receive' ? countHere : countThere
  const counts = await Promise.all(connections.map(each => run(each, maxSeconds * 1_000)))
  for (const { socket } of connections) socket.destroy()
  return { bytes: counts.map(({ bytes }) => bytes), silencesMs: counts.map(({ silenceMs }) => silenceMs) }
}

interface Counted {
  readonly bytes: number
  readonly silenceMs: number
}

function countHere(connection: Connection, forMs: number): Promise<Counted> {
  let [bytes, silenceMs, lastMs] = [0, 0, performance.now()]
  const hear = () => {
    const nowMs = performance.now()
    silenceMs = Math.max(silenceMs, nowMs - lastMs)
    lastMs = nowMs
  }
  connection.onBytes = chunk => {
    bytes += chunk.length
    hear()
  }
  connection.socket.write(header('g', ENDLESS))
  return new Promise((resolve, reject) => {
    const lose = () => reject(new Error('connection was closed in a transfer'))
    connection.socket.once('close', lose)
    setTimeout(() => {
      connection.socket.off('close', lose)
      hear()
      resolve({ bytes, silenceMs })
    }, forMs)
  })
}

function countThere(connection: Connection, forMs: number): Promise<Counted> {
  const { socket } = connection
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('connection was closed in a transfer')))
    let answer = Buffer.alloc(0)
    connection.onBytes = chunk => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length < 16) return
      resolve({ bytes: Number(answer.readBigUInt64BE(0)), silenceMs: answer.readDoubleBE(8) })
    }
    socket.write(header('f', forMs))
    pour(socket)
  })
}

/** Write as much as goes, until it is destroyed. */
function pour(socket: net.Socket): void {
  const more = () => {
    while (!socket.destroyed && socket.write(CHUNK));
  }
  socket.on('drain', more)
  more()
}

/** One byte after another on one connection, as somebody types. */
async function keystrokes(options: LoadOptions): Promise<KeystrokesResult> {
  const { maxSeconds = 5 } = options
  const terminal = await connect(options)
  for (let warm = 0; warm < 20; warm += 1) await echo(terminal)
  const roundTripsMs: number[] = []
  const endMs = performance.now() + maxSeconds * 1_000
  while (performance.now() < endMs) {
    const beganMs = performance.now()
    await echo(terminal)
    roundTripsMs.push(performance.now() - beganMs)
    await delay(20)
  }
  terminal.socket.destroy()
  return {
    p50Ms: percentile(roundTripsMs, 0.5),
    p99Ms: percentile(roundTripsMs, 0.99),
    longestMs: Math.max(...roundTripsMs),
    count: roundTripsMs.length,
  }
}

/** Hold `count` connections; prints `held N` when all are open, closes them when stdin ends. */
async function hold(options: LoadOptions): Promise<HoldResult> {
  const { count = 1_000, atOnce = 20 } = options
  const held: Connection[] = []
  let left = count
  let failureCount = 0
  const workers = Array.from({ length: atOnce }, async () => {
    while (left > 0) {
      left -= 1
      try {
        const connection = await connect(options)
        await echo(connection)
        held.push(connection)
      } catch {
        failureCount += 1
      }
    }
  })
  await Promise.all(workers)
  process.stdout.write(`held ${held.length}\n`)
  await new Promise(resolve => process.stdin.once('end', resolve).resume())
  const closed = held.map(({ socket }) => new Promise(resolve => socket.once('close', resolve).end()))
  await Promise.all(closed)
  return { heldCount: held.length, failureCount }
}

const loads = { bulk, connections, echoes, fair, hold, keystrokes }
const [kind = '', json = '{}'] = process.argv.slice(2)
const load = loads[kind as keyof typeof loads]
if (load === undefined) throw new Error(`no load "${kind}": one of ${Object.keys(loads).join(', ')}`)
const result = await load(JSON.parse(json) as LoadOptions)
process.stdout.write(`${JSON.stringify(result)}\n`)
