import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Access } from '../core/api/shapes.ts'
import { parseServiceName, type ServiceName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { DialOptions, Hosting } from '../sdk/app.ts'
import type { LocalAgent } from './local-mesh.ts'

/** A service that sends back what it gets. */
export interface EchoService {
  readonly service: ServiceName
  readonly hosting: Hosting
  /** Streams that are open at the hosting side. */
  readonly open: ReadonlySet<Duplex>
  /** Who dialled, one entry a stream. */
  readonly callers: readonly EndpointIdentity[]
}

/** Host an echo. Nobody but the owner may dial it unless `access` says so. */
export async function hostEcho(
  { host }: LocalAgent,
  name: string,
  access: Partial<Access> = {},
): Promise<EchoService> {
  const service = parseServiceName(name)
  const open = new Set<Duplex>()
  const callers: EndpointIdentity[] = []
  const hosting = await host.serve(service, {
    access: { users: [], entrances: [], ...access },
    onStream(incoming) {
      const stream = incoming.accept()
      callers.push(incoming.from)
      open.add(stream)
      stream.once('close', () => open.delete(stream))
      stream.on('error', () => {})
      stream.pipe(stream)
    },
  })
  return { service, hosting, open, callers }
}

/** Dial, send a text, wait until it is back whole. @returns what came back */
export async function echo(
  { host }: LocalAgent,
  service: ServiceName,
  text: string,
  options: DialOptions = {},
): Promise<string> {
  const dialing = host.dial(service, options)
  dialing.write(Buffer.from(text))
  const { stream } = await dialing.opened
  stream.on('error', () => {})
  const chunks: Buffer[] = []
  stream.end()
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Open a stream and leave it open. */
export async function openStream(
  { host }: LocalAgent,
  service: ServiceName,
  options: DialOptions = {},
): Promise<Duplex> {
  const { stream } = await host.dial(service, options).opened
  stream.on('error', () => {})
  return stream
}

/** Send a text over an open echo stream and wait until as many bytes are back. */
export async function echoOver(stream: Duplex, text: string): Promise<string> {
  stream.write(text)
  const wanted = Buffer.byteLength(text)
  let back = Buffer.alloc(0)
  while (back.length < wanted) {
    const chunk: Buffer | null = stream.read()
    if (chunk !== null) back = Buffer.concat([back, chunk])
    else await once(stream, 'readable')
  }
  return back.toString()
}
