import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { ms } from '../core/model/time.ts'
import { parseGatewayConfig } from '../gateway/config-file.ts'
import { type Gateway, startGateway } from '../gateway/gateway.ts'

/** A gateway whose services are servers on loopback. */
export interface GatewayRig extends AsyncDisposable {
  readonly gateway: Gateway
  /** Port of its first listener. */
  readonly port: number
  /** Dials so far, names of services. */
  readonly dials: string[]
  /** Lines of the access log. */
  readonly access: Record<string, unknown>[]
  readonly events: string[]
  /** Secrets that were written. */
  readonly secrets: Map<string, string>
  /** Resolves with the first line of the access log that fits. */
  logged(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>
}

/** What a service does: a server on loopback, or a dial that fails. */
export type RigService = number | MeshError | (() => Promise<Duplex>)

/** Start a gateway. @param config  text of `gateway.yaml`; port 0 is any free one */
export async function startGatewayRig(
  config: string,
  services: Record<string, RigService>,
  options: { watchMs?: number; secrets?: Map<string, string>; clock?: { now(): number } } = {},
): Promise<GatewayRig> {
  const dials: string[] = []
  const access: Record<string, unknown>[] = []
  const events: string[] = []
  const secrets = options.secrets ?? new Map<string, string>()
  const waiting = new Set<() => void>()
  const note = (event: string, fields: object = {}) => {
    events.push(`${event} ${JSON.stringify(fields)}`)
  }
  const log: Log = { debug: note, info: note, warn: note, error: note }
  const gateway = await startGateway({
    config: parseGatewayConfig(config),
    async dial(service) {
      dials.push(service)
      const target = services[service]
      if (target === undefined) throw new MeshError('not-found', `Cannot dial "${service}": nobody hosts it`)
      if (target instanceof MeshError) throw target
      if (typeof target === 'function') return await target()
      const socket = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true })
      await once(socket, 'connect')
      return socket
    },
    clock: { now: () => ms(options.clock?.now() ?? Date.now()) },
    log,
    onAccess(line) {
      access.push(line)
      for (const wake of waiting) wake()
    },
    secrets: {
      readSecret: async name => secrets.get(name),
      writeSecret: async (name, text) => void secrets.set(name, text),
    },
    ...(options.watchMs !== undefined && { watchMs: options.watchMs }),
  })
  return {
    gateway,
    port: gateway.addresses[0]?.port ?? 0,
    dials,
    access,
    events,
    secrets,
    async logged(fits) {
      for (;;) {
        const found = access.find(fits)
        if (found !== undefined) return found
        await new Promise<void>(resolve => waiting.add(resolve))
      }
    },
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  }
}

/** A server on loopback for a test. */
export interface RigServer extends AsyncDisposable {
  readonly port: number
  readonly server: http.Server
}

/** Serve HTTP on a free port of loopback. */
export async function serveOnLoopback(listener: RequestListener): Promise<RigServer> {
  const server = http.createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Send raw bytes, and read until the other side closes, or breaks. */
export async function sendRaw(port: number, text: string | Buffer): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1' })
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise(resolve => socket.once('close', resolve))
  await once(socket, 'connect')
  socket.write(text)
  await closed
  return Buffer.concat(chunks).toString('latin1')
}
