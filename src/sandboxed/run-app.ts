import type { Bridge } from '../core/app/bridge.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Json } from '../core/model/store.ts'
import type { AppCaller, AppDefinition, AppHost, AppIdentity, DialedStream } from '../sdk/define-app.ts'
import { createAppStream } from './app-stream.ts'
import { createSandboxHost, type HostFacts, takeConnection, takePeerStream } from './host.ts'

/** An app that was loaded: what the agent calls of it. */
export interface LoadedApp {
  readonly host: AppHost
  readonly takesStreams: boolean
  onCall(op: string, args: Json): Promise<Json>
  stop(): Promise<void>
}

/**
 * Load an app's module and start it.
 *
 * @param url  of the module whose default export is the app
 * @throws MeshError `bad-input` if it is no app; whatever the module throws
 */
export async function loadApp(bridge: Bridge, url: string, facts: HostFacts): Promise<LoadedApp> {
  const { host, served, listening } = createSandboxHost(bridge, facts)
  Object.defineProperty(globalThis, 'fetch', { value: host.fetch, writable: true, configurable: true })
  const { default: app } = (await import(url)) as { default?: AppDefinition }
  if (typeof app !== 'object' || app === null)
    throw new MeshError('bad-input', 'Cannot start app: its module has no `export default defineApp({ … })`')
  await app.start?.(host)
  return {
    host,
    takesStreams: app.onStream !== undefined,
    async onCall(op, args) {
      if (op === 'stream') return acceptStream(bridge, { app, host, served }, args as unknown as StreamCall)
      if (op === 'connection')
        return acceptConnection(bridge, { host, listening }, args as unknown as ConnectionCall)
      if (op === 'request') return answerRequest(bridge, { app, host }, args as unknown as RequestCall)
      throw new MeshError('unsupported', `Cannot do "${op}": no such operation`)
    },
    stop: async () => {
      await app.stop?.(host)
    },
  }
}

interface StreamCall {
  readonly stream: number
  readonly from: AppIdentity
  /** Of a service that the app hosts by itself. */
  readonly hosting?: number
}

async function acceptStream(
  bridge: Bridge,
  {
    app,
    host,
    served,
  }: { app: AppDefinition; host: AppHost } & Pick<ReturnType<typeof createSandboxHost>, 'served'>,
  { stream: id, from, hosting }: StreamCall,
): Promise<Json> {
  const handle = hosting === undefined ? app.onStream?.bind(app) : served.get(hosting)
  if (handle === undefined) throw new MeshError('unsupported', 'Cannot open stream: the app takes none')
  const stream = takePeerStream(bridge, id, from)
  handleStream(host, stream, () => handle(stream, host))
  return null
}

interface ConnectionCall {
  readonly stream: number
  readonly listening: number
  readonly remote: string
}

async function acceptConnection(
  bridge: Bridge,
  { host, listening }: { host: AppHost } & Pick<ReturnType<typeof createSandboxHost>, 'listening'>,
  { stream: id, listening: number, remote }: ConnectionCall,
): Promise<Json> {
  const handle = listening.get(number)
  if (handle === undefined) throw new MeshError('unsupported', 'Cannot accept: the app does not listen there')
  const connection = takeConnection(bridge, id, remote)
  handleStream(host, connection, () => handle(connection))
  return null
}

/** Let the app have a stream; it is ended when the app is done with it. */
function handleStream(host: AppHost, stream: DialedStream, handle: () => unknown): void {
  Promise.resolve()
    .then(handle)
    .then(
      async () => {
        await stream.end()
        // What it did not want to hear must not keep the other side waiting.
        if (!stream.readable.locked) for await (const _ of stream.readable);
      },
      thrown => {
        report(host, 'A stream failed', thrown)
        stream.close()
      },
    )
    .catch(() => {})
}

interface RequestCall {
  readonly stream: number
  readonly method: string
  readonly url: string
  readonly headers: [string, string][]
  readonly caller: AppCaller
}

async function answerRequest(
  bridge: Bridge,
  { app, host }: { app: AppDefinition; host: AppHost },
  { stream: id, method, url, headers, caller }: RequestCall,
): Promise<Json> {
  const stream = createAppStream(bridge.take(id))
  if (app.onRequest === undefined) throw new MeshError('not-found', 'Cannot ask app: it answers no requests')
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const request = new Request(url, {
    method,
    headers,
    ...(hasBody && { body: stream.readable, duplex: 'half' }),
  } as RequestInit)
  let response: Response
  try {
    response = await app.onRequest(request, host, caller)
    if (!(response instanceof Response)) throw new TypeError('onRequest() gave no Response')
  } catch (thrown) {
    report(host, 'A request failed', thrown)
    throw new MeshError('call-failed', 'Cannot answer: the app failed: see its log')
  }
  sendBody(response, stream).catch(thrown => {
    report(host, 'An answer broke off', thrown)
    stream.close()
  })
  return { status: response.status, headers: [...response.headers] }
}

async function sendBody(response: Response, stream: ReturnType<typeof createAppStream>): Promise<void> {
  if (response.body !== null) for await (const chunk of response.body) await stream.write(chunk)
  await stream.end()
}

function report(host: AppHost, what: string, thrown: unknown): void {
  const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : toMeshError(thrown).message
  host.log.error(what, { error: error.slice(0, 4_096) })
}
