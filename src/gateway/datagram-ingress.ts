import type { Duplex } from 'node:stream'
import { createDatagramDecoder, createDatagramQueue, encodeDatagrams } from '../core/codec/datagram.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { ServiceName } from '../core/model/names.ts'
import { bindUdp, type HostUdpPort } from '../net/host-sockets.ts'
import type { DialService } from '../net/service-streams.ts'

/** A UDP port whose datagrams go to a service, a stream for each client. */
export interface DatagramIngress extends AsyncDisposable {
  readonly address: Address
  readonly flowCount: number
}

/** How it is opened. */
export interface DatagramIngressOptions {
  readonly dial: DialService
  readonly service: ServiceName
  readonly log: Log
  readonly onEnded: (bytesIn: number, bytesOut: number) => void
}

/** Open a port. @throws MeshError `port-in-use`, `not-permitted`, `bad-input` */
export async function openDatagramIngress(
  at: Address,
  options: DatagramIngressOptions,
): Promise<DatagramIngress> {
  const flows = new Map<string, Flow>()
  const port: HostUdpPort = await bindUdp(at, (bytes, from) => {
    const key = formatAddress(from)
    const flow = flows.get(key) ?? new Flow(from, port, options, () => flows.delete(key))
    // Put at the end: the first is the one that was silent longest, and goes when there are too many.
    flows.delete(key)
    const [silent] = flows.values()
    if (flows.size >= MAX_INGRESS_FLOWS) silent?.end()
    flows.set(key, flow)
    flow.send(bytes)
  })
  return {
    address: port.address,
    get flowCount() {
      return flows.size
    },
    async [Symbol.asyncDispose]() {
      for (const flow of flows.values()) flow.end()
      await port[Symbol.asyncDispose]()
    },
  }
}

class Flow {
  readonly #client: Address
  readonly #port: HostUdpPort
  readonly #options: DatagramIngressOptions
  readonly #onEnd: () => void
  readonly #queue = createDatagramQueue({ maxBytes: 262_144, maxCount: 256 })
  readonly #giveUp = new AbortController()
  readonly #idle: NodeJS.Timeout
  #stream: Duplex | undefined
  #isEnded = false
  #bytesIn = 0
  #bytesOut = 0

  constructor(client: Address, port: HostUdpPort, options: DatagramIngressOptions, onEnd: () => void) {
    this.#client = client
    this.#port = port
    this.#options = options
    this.#onEnd = onEnd
    this.#idle = setTimeout(() => this.end(), INGRESS_FLOW_IDLE_MS)
    options.dial(options.service, { signal: this.#giveUp.signal }).then(
      stream => this.#open(stream),
      thrown => {
        const { code, message } = toMeshError(thrown)
        if (!this.#isEnded)
          options.log.warn('ingress.failed', { service: options.service, kind: 'udp', code, reason: message })
        this.end()
      },
    )
  }

  send(bytes: Uint8Array): void {
    this.#idle.refresh()
    this.#bytesIn += bytes.length
    this.#queue.push(bytes)
    this.#drain()
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#idle)
    this.#giveUp.abort()
    this.#stream?.destroy()
    this.#onEnd()
    this.#options.onEnded(this.#bytesIn, this.#bytesOut)
  }

  #open(stream: Duplex): void {
    if (this.#isEnded) {
      stream.destroy()
      return
    }
    this.#stream = stream
    const decoder = createDatagramDecoder()
    stream.on('data', (chunk: Buffer) => {
      this.#idle.refresh()
      try {
        for (const payload of decoder.push(chunk)) {
          this.#bytesOut += payload.length
          this.#port.send(payload, this.#client)
        }
      } catch {
        this.end()
      }
    })
    stream.on('drain', () => this.#drain())
    stream.on('error', () => this.end())
    stream.on('close', () => this.end())
    stream.on('end', () => this.end())
    this.#drain()
  }

  #drain(): void {
    const stream = this.#stream
    while (stream !== undefined && !stream.destroyed && !stream.writableNeedDrain && this.#queue.count > 0)
      stream.write(encodeDatagrams(this.#queue.take(65_536)))
  }
}

/** Clients of one UDP port at once; over it the one that was silent longest is forgotten. */
export const MAX_INGRESS_FLOWS = 5_000
/** A client that neither sends nor is sent anything is forgotten after this. */
const INGRESS_FLOW_IDLE_MS = 60_000
