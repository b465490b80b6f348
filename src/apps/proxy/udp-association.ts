import { type Duplex, duplexPair } from 'node:stream'
import { createDatagramDecoder, encodeDatagrams } from '../../core/codec/datagram.ts'
import { encodeSocksReply, readSocksDatagram } from '../../core/codec/socks.ts'
import { type Address, parseAddress } from '../../core/model/address.ts'
import { toMeshError } from '../../core/model/errors.ts'
import { formatIp, parseIp } from '../../core/model/ip-address.ts'
import type { TcpConnection, UdpPort } from '../../sdk/app.ts'
import type { IntakeContext } from './intake-context.ts'
import type { EntryRule } from './messages.ts'
import { carryDatagrams } from './udp-exit.ts'

/**
 * Open a UDP association: a port for the client's datagrams, which leave by the exits that the rules say. It lives as long as
 * the client's connection, and takes datagrams from the client's own address alone.
 *
 * @see RFC 1928, section 7
 */
export async function associate(
  connection: TcpConnection,
  context: IntakeContext,
  client: string | undefined,
): Promise<void> {
  const association = new Association(connection, context, client)
  await association.open()
}

type Way = Pick<EntryRule, 'action' | 'exits'>

class Association {
  readonly #connection: TcpConnection
  readonly #context: IntakeContext
  readonly #client: string | undefined
  readonly #clientIp: string
  /** Streams to exits, by the ends of the rules that lead there. */
  readonly #ways = new Map<string, Promise<Duplex | undefined>>()
  #port: UdpPort | undefined
  #from: Address | undefined
  #isClosed = false

  constructor(connection: TcpConnection, context: IntakeContext, client: string | undefined) {
    this.#connection = connection
    this.#context = context
    this.#client = client
    this.#clientIp = plainIp(parseAddress(connection.remote()).host)
  }

  async open(): Promise<void> {
    const connection = this.#connection
    const { host, listenHost } = this.#context
    connection.once('close', () => void this.#close())
    connection.once('end', () => connection.end())
    try {
      const at = { host: listenHost(), port: 0 }
      this.#port = await host.bindUdp(at, (bytes, from) => this.#receive(bytes, from))
    } catch (thrown) {
      connection.end(encodeSocksReply('general-failure'))
      throw toMeshError(thrown)
    }
    const { address } = this.#port
    // All zeros: there where the client's connection leads.
    const bound = parseIp(address.host) === undefined || address.host === '::' ? '0.0.0.0' : address.host
    connection.write(encodeSocksReply('succeeded', { host: bound, port: address.port }))
    connection.resume()
    if (connection.destroyed) await this.#close()
  }

  #receive(bytes: Uint8Array, from: Address): void {
    // The port is the one that speaks first; anybody else is not heard.
    if (plainIp(from.host) !== this.#clientIp) return
    if (this.#from !== undefined && this.#from.port !== from.port) return
    const datagram = readSocksDatagram(bytes)
    if (datagram === undefined) return
    this.#from = from
    let way: Way
    try {
      way = this.#context.ruleFor({ host: datagram.host, port: datagram.port, client: this.#client })
    } catch {
      return
    }
    const copy = Uint8Array.from(bytes)
    void this.#wayOut(way).then(stream => {
      if (stream === undefined || stream.destroyed || stream.writableLength > MAX_WAITING_BYTES) return
      stream.write(encodeDatagrams([copy]))
    })
  }

  #wayOut(way: Way): Promise<Duplex | undefined> {
    const key = JSON.stringify([way.action, way.exits.map(({ id }) => id)])
    const known = this.#ways.get(key)
    if (known !== undefined) return known
    const opening = this.#openWay(way).then(
      stream => {
        this.#listen(stream, key)
        return stream
      },
      thrown => {
        const error = toMeshError(thrown)
        this.#context.host.log.info('proxy.failed', { code: error.code, reason: error.message })
        // Not asked anew for each datagram.
        this.#context.host.after(RETRY_MS, () => this.#ways.delete(key))
        return undefined
      },
    )
    this.#ways.set(key, opening)
    return opening
  }

  async #openWay(way: Way): Promise<Duplex> {
    const { host, limits, waysOut } = this.#context
    if (way.action === 'exit') {
      return (await waysOut.open(way, { protocol: 'udp', host: '', port: 0 })).stream
    }
    const [near, far] = duplexPair()
    near.on('error', () => {})
    near.once('close', () => far.destroy())
    carryDatagrams(far, { host, limits, sockets: this.#context.sockets, refusal: () => undefined })
    return near
  }

  #listen(stream: Duplex, key: string): void {
    const decoder = createDatagramDecoder()
    stream.on('error', () => {})
    stream.on('data', (chunk: Uint8Array) => {
      try {
        for (const bytes of decoder.push(chunk))
          if (this.#from !== undefined) this.#port?.send(bytes, this.#from)
      } catch {
        stream.destroy()
      }
    })
    stream.once('close', () => this.#ways.delete(key))
    if (this.#isClosed) stream.destroy()
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const way of this.#ways.values()) void way.then(stream => stream?.destroy())
    await this.#port?.[Symbol.asyncDispose]()
  }
}

function plainIp(host: string): string {
  const bytes = parseIp(host)
  return bytes === undefined ? host : formatIp(bytes)
}

/** Datagrams that may wait for a stream, in bytes; more are lost. */
const MAX_WAITING_BYTES = 262_144
/** After a way out could not be opened. */
const RETRY_MS = 1_000
