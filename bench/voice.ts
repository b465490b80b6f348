// A conversation over UDP, as a telephone has it: `node bench/voice.ts echo PORT`, and `node bench/voice.ts call HOST PORT SECONDS`,
// which prints JSON: how many datagrams of 172 bytes, 100 a second, came back, and after how long.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

const DATAGRAM_BYTES = 172
const DATAGRAMS_PER_SECOND = 100
/** What is under way at the end. */
const LAST_WAIT_MS = 2_000

const [role, ...args] = process.argv.slice(2)
if (role === 'echo') await echo(Number(args[0]))
else await call(args[0] ?? '', Number(args[1]), Number(args[2]))

async function echo(port: number): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
  socket.bind(port)
  await once(socket, 'listening')
  console.log('ready')
}

async function call(host: string, port: number, seconds: number): Promise<void> {
  const socket = createSocket('udp4')
  const sentAtMs: number[] = []
  const delaysMs: number[] = []
  socket.on('message', bytes => {
    const sent = sentAtMs[bytes.readUInt32BE(0)]
    if (sent !== undefined) delaysMs.push(performance.now() - sent)
  })
  socket.connect(port, host)
  await once(socket, 'connect')
  for (let i = 0; i < seconds * DATAGRAMS_PER_SECOND; i += 1) {
    const bytes = Buffer.alloc(DATAGRAM_BYTES)
    bytes.writeUInt32BE(i)
    sentAtMs.push(performance.now())
    socket.send(bytes)
    await setTimeout(1_000 / DATAGRAMS_PER_SECOND)
  }
  await setTimeout(LAST_WAIT_MS)
  socket.close()
  console.log(JSON.stringify({ sentCount: sentAtMs.length, delaysMs }))
}
