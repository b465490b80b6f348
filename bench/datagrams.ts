// Datagrams through a UDP service, a process of its own (see network-udp.ts):
//   datagrams.ts sink PORT                             echoes what begins with 'e', counts the rest; a line on stdin makes it print a Sunk
//   datagrams.ts send HOST PORT PER_SECOND BYTES SECONDS   prints a Sent
//   datagrams.ts flows HOST PORT COUNT                 a socket each, all held; prints a FlowsOpened, and ends with its stdin
// Sender and sink are on one computer, so their clocks are one.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from './figures.ts'

/** What a sink got. */
export interface Sunk {
  readonly count: number
  /** How long they took, and by how much that grew or shrank from each to the next. */
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly jitterP99Ms: number
}

/** What was sent. */
export interface Sent {
  readonly count: number
  readonly seconds: number
}

/** Flows that were opened, each with a datagram there and back. */
export interface FlowsOpened {
  readonly count: number
  /** Those that were answered; a datagram is sent again each second, at most five times. */
  readonly answeredCount: number
  readonly seconds: number
}

/** Flows that are being opened at any time. */
const AT_ONCE = 50
/** First byte of a datagram that is to come back. */
const ECHO = 0x65
const roles = { sink, send, flows }
const [role = '', ...args] = process.argv.slice(2)
await roles[role as keyof typeof roles](args as [string, string, string, string, string])

async function sink([port]: readonly string[]): Promise<void> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 })
  let delaysMs: number[] = []
  socket.on('message', (bytes, from) => {
    if (bytes[0] === ECHO) socket.send(bytes, from.port, from.address)
    else delaysMs.push(Number(process.hrtime.bigint() - bytes.readBigUInt64BE(1)) / 1e6)
  })
  socket.bind(Number(port))
  await once(socket, 'listening')
  console.log('ready')
  for await (const _ of createInterface({ input: process.stdin })) {
    const jitters = delaysMs.slice(1).map((delayMs, i) => Math.abs(delayMs - (delaysMs[i] ?? 0)))
    const sunk: Sunk = {
      count: delaysMs.length,
      delayP50Ms: percentile(delaysMs, 0.5),
      delayP99Ms: percentile(delaysMs, 0.99),
      jitterP99Ms: percentile(jitters, 0.99),
    }
    console.log(JSON.stringify(sunk))
    delaysMs = []
  }
  socket.close()
}

async function send([host = '', port, perSecond, bytes, forSeconds]: readonly string[]): Promise<void> {
  const socket = createSocket({ type: 'udp4', sendBufferSize: 4_194_304 })
  socket.connect(Number(port), host)
  await once(socket, 'connect')
  // The flow is dialled before what is counted begins.
  socket.send(Buffer.of(ECHO))
  await once(socket, 'message')
  const startMs = performance.now()
  const total = Number(perSecond) * Number(forSeconds)
  let count = 0
  while (count < total) {
    const due = Math.min(total, ((performance.now() - startMs) / 1_000) * Number(perSecond))
    for (; count < due; count += 1) {
      const datagram = Buffer.alloc(Number(bytes))
      datagram.writeBigUInt64BE(process.hrtime.bigint(), 1)
      socket.send(datagram)
    }
    await delay(1)
  }
  const sent: Sent = { count, seconds: (performance.now() - startMs) / 1_000 }
  console.log(JSON.stringify(sent))
  socket.close()
}

async function flows([host = '', port, wanted]: readonly string[]): Promise<void> {
  const count = Number(wanted)
  const sockets: Socket[] = []
  let answeredCount = 0
  let left = count
  const startMs = performance.now()
  const open = async () => {
    while (left > 0) {
      left -= 1
      const socket = createSocket('udp4').unref()
      sockets.push(socket)
      socket.connect(Number(port), host)
      await once(socket, 'connect')
      if (await isAnswered(socket)) answeredCount += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, open))
  const seconds = (performance.now() - startMs) / 1_000
  const opened: FlowsOpened = { count, answeredCount, seconds }
  console.log(JSON.stringify(opened))
  await new Promise(resolve => process.stdin.once('end', resolve).resume())
  for (const socket of sockets) socket.close()
}

async function isAnswered(socket: Socket): Promise<boolean> {
  const answered = new Promise<true>(resolve => socket.once('message', () => resolve(true)))
  for (let left = 5; left > 0; left -= 1) {
    socket.send(Buffer.of(ECHO, 0x31))
    if (await Promise.race([answered, delay(1_000, false)])) return true
  }
  return false
}
