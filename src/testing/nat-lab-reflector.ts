import dgram from 'node:dgram'
import { once } from 'node:events'

// A program of the network lab: `serve ADDRESS ADDRESS` on a public computer answers where a datagram came from, on
// request from another of its four sockets. `probe HOST:PORT,…` finds out with it what kind of NAT is in between.

/** What `probe` prints as JSON: RFC 4787's words, or `blocked` if nothing came back at all. */
export type NatMeasurement =
  | {
      readonly mapping: 'EIM' | 'ADM' | 'EDM'
      readonly filtering: 'EIF' | 'ADF' | 'APDF'
      /** Whether a datagram to one's own public address comes back. */
      readonly isHairpinned: boolean
    }
  | 'blocked'

interface Question {
  readonly id: number
  /** Which socket answers; that which was asked if absent. */
  readonly via?: number
}

/** Two sockets on each address; prints where they are, in the order of their numbers. */
async function serve(addresses: readonly string[]): Promise<void> {
  const sockets: dgram.Socket[] = []
  for (const address of [...addresses, ...addresses]) {
    const socket = dgram.createSocket('udp4').bind(0, address)
    await once(socket, 'listening')
    socket.on('message', (text, from) => {
      const { id, via } = JSON.parse(text.toString()) as Question
      const answer = JSON.stringify({ id, seen: `${from.address}:${from.port}` })
      ;(sockets[via ?? -1] ?? socket).send(answer, from.port, from.address)
    })
    sockets.push(socket)
  }
  process.stdout.write(
    sockets.map(socket => `${socket.address().address}:${socket.address().port}`).join(','),
  )
}

/** @param servers  address 1, address 2, address 1 with another port, address 2 with another port */
async function probe(servers: readonly string[]): Promise<NatMeasurement> {
  const client = dgram.createSocket('udp4').bind(0)
  await once(client, 'listening')
  const ask = (server: number, via?: number) => askServer(client, servers[server] ?? '', via)
  // Filtering first, while only one server address and port has been sent to.
  const first = await ask(0)
  if (first === undefined) {
    client.close()
    return 'blocked'
  }
  const isFiltering = { byAddress: (await ask(0, 1)) === undefined, byPort: (await ask(0, 2)) === undefined }
  const [samePlace, otherPlace] = [await ask(2), await ask(1)]
  const isHairpinned = await hairpins(first)
  client.close()
  return {
    mapping: otherPlace === first ? 'EIM' : samePlace === first ? 'ADM' : 'EDM',
    filtering: isFiltering.byPort ? 'APDF' : isFiltering.byAddress ? 'ADF' : 'EIF',
    isHairpinned,
  }

  async function hairpins(own: string): Promise<boolean> {
    const other = dgram.createSocket('udp4').bind(0)
    await once(other, 'listening')
    const heard = new Promise<boolean>(resolve => {
      client.on('message', text => text.toString() === 'hairpin' && resolve(true))
    })
    const [address, port] = own.split(':')
    for (let i = 0; i < TRIES; i += 1) other.send('hairpin', Number(port), address)
    const isHeard = await Promise.race([heard, after(ANSWER_MS, false)])
    other.close()
    return isHeard
  }
}

/** @returns the address the server saw, or undefined when no answer came */
async function askServer(client: dgram.Socket, server: string, via?: number): Promise<string | undefined> {
  const [address, port] = server.split(':')
  questionCount += 1
  const id = questionCount
  const answered = Promise.withResolvers<string>()
  const listen = (text: Buffer) => {
    if (!text.toString().startsWith('{')) return
    const answer = JSON.parse(text.toString()) as { id: number; seen: string }
    if (answer.id === id) answered.resolve(answer.seen)
  }
  client.on('message', listen)
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      client.send(JSON.stringify({ id, via }), Number(port), address)
      const seen = await Promise.race([answered.promise, after(ANSWER_MS, undefined)])
      if (seen !== undefined) return seen
    }
    return undefined
  } finally {
    client.off('message', listen)
  }
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise(resolve => setTimeout(resolve, ms, value))
}

/** That nothing comes can only be seen by waiting; no answer is lost in a lab, so this is ample. */
const ANSWER_MS = 150
const TRIES = 2
let questionCount = 0

const [command, ...words] = process.argv.slice(2)
if (command === 'serve') await serve(words)
else if (command === 'probe') process.stdout.write(JSON.stringify(await probe((words[0] ?? '').split(','))))
