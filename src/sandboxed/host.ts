import type { Bridge } from '../core/app/bridge.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Json } from '../core/model/store.ts'
import type {
  AcceptedStream,
  AppAccess,
  AppFile,
  AppFiles,
  AppFileTerms,
  AppHost,
  AppIdentity,
  AppPeer,
  DialedStream,
  FetchOptions,
  JsonValue,
  PeerStream,
} from '../sdk/define-app.ts'
import { createAppStream } from './app-stream.ts'

/** What the agent says of the app when it starts it. */
export interface HostFacts {
  readonly mesh: string
  readonly app: AppHost['app']
  readonly endpoint: AppHost['endpoint']
}

/** A host as the app sees it, and what the agent tells it. */
export interface SandboxHost {
  readonly host: AppHost
  /** Handlers of hosted services, by the number of the hosting. */
  readonly served: ReadonlyMap<number, (stream: PeerStream) => unknown>
  /** Those of open ports. */
  readonly listening: ReadonlyMap<number, (connection: AcceptedStream) => unknown>
}

/** Make the host: each of its calls is one to the agent, which checks whether it was granted. */
export function createSandboxHost(bridge: Bridge, facts: HostFacts): SandboxHost {
  const served = new Map<number, (stream: PeerStream) => unknown>()
  const listening = new Map<number, (connection: AcceptedStream) => unknown>()
  let lastHosting = 0
  let lastListening = 0
  const call = async <T>(op: string, args: { [key: string]: Json | undefined }) =>
    (await bridge.call(op, args as Json)) as T
  const tellLog = (level: string) => (text: string, fields?: Record<string, string | number | boolean>) =>
    bridge.tell('log', { level, text: String(text).slice(0, 4_096), fields: { ...fields } })
  const host: AppHost = {
    ...facts,
    log: {
      debug: tellLog('debug'),
      info: tellLog('info'),
      warn: tellLog('warn'),
      error: tellLog('error'),
    },
    clock: { now: () => Date.now() },
    storage: {
      get: async <T>(key: string) => ((await call<T | null>('storage.get', { key })) ?? undefined) as T,
      put: async (key, value) => {
        await call('storage.put', { key, value: value as Json })
      },
      delete: async key => {
        await call('storage.delete', { key })
      },
      list: <T = JsonValue>(prefix = '') => call<{ key: string; value: T }[]>('storage.list', { prefix }),
    },
    settings: () => call('settings', {}),
    peers: () => call<AppPeer[]>('peers', {}),
    dial: to => openStream(bridge, 'dial', { to: typeof to === 'string' ? to : to.id }),
    files: createFiles(bridge),
    async listen(name, port, onConnection) {
      const number = ++lastListening
      listening.set(number, onConnection)
      try {
        const at = await call<{ host: string; port: number }>('listen', {
          host: name,
          port,
          listening: number,
        })
        return {
          ...at,
          close: async () => {
            listening.delete(number)
            await call('unlisten', { listening: number })
          },
        }
      } catch (error) {
        listening.delete(number)
        throw error
      }
    },
    connect: (name, port) => openStream(bridge, 'connect', { host: name, port }),
    fetch: (url, init) => fetchOver(bridge, { op: 'fetch', url: String(url) }, init),
    run: (program, args = [], input) =>
      call('run', { program, args: [...args], ...(input !== undefined && { input }) }),
    async serve(service: string, onStream: (stream: PeerStream) => unknown, access: AppAccess = {}) {
      const hosting = ++lastHosting
      served.set(hosting, onStream)
      try {
        await call('serve', { service, hosting, users: [...(access.users ?? [])] })
      } catch (error) {
        served.delete(hosting)
        throw error
      }
      return {
        close: async () => {
          served.delete(hosting)
          await call('unserve', { hosting })
        },
      }
    },
  }
  return { host: Object.freeze(host), served, listening }
}

/** A stream that another endpoint opened. @throws MeshError `bad-message` for a number that is none */
export function takePeerStream(bridge: Bridge, id: number, from: AppIdentity): PeerStream {
  return Object.assign(createAppStream(bridge.take(id)), { from })
}

/** A connection that came to a port of the app. @throws MeshError `bad-message` for a number that is none */
export function takeConnection(bridge: Bridge, id: number, remote: string): AcceptedStream {
  return Object.assign(createAppStream(bridge.take(id)), { remote })
}

function createFiles(bridge: Bridge): AppFiles {
  return Object.freeze({
    async find(query = {}) {
      const { files } = (await bridge.call('files.find', { ...query })) as unknown as { files: AppFile[] }
      return files
    },
    async read(path: string) {
      const stream = bridge.open()
      const opened = createAppStream(stream, true)
      try {
        const { sizeBytes } = (await bridge.call('files.read', { path, stream: stream.id })) as {
          sizeBytes: number
        }
        return Object.assign(opened, { sizeBytes })
      } catch (error) {
        stream.reset('Not opened')
        throw error
      }
    },
    async publish(
      name: string,
      data: string | Uint8Array | AsyncIterable<Uint8Array>,
      { users = [], groups = [], everyone = false, tags = [] }: AppFileTerms = {},
    ) {
      const stream = bridge.open()
      const sink = createAppStream(stream)
      const terms = { users: [...users], groups: [...groups], everyone, tags: [...tags] }
      const published = bridge.call('files.publish', { name, stream: stream.id, ...terms })
      // What is refused is read by nobody: who sends it must not wait for ever.
      published.catch(() => stream.reset('Not taken'))
      try {
        if (typeof data === 'string' || data instanceof Uint8Array) await sink.end(data)
        else {
          for await (const chunk of data) await sink.write(chunk)
          await sink.end()
        }
      } catch (error) {
        stream.reset('Not sent whole')
        // Why it was not taken says more than that it was not.
        await published.catch(reason => {
          if ((reason as MeshError).code !== 'link-closed') throw reason
        })
        throw error
      }
      return (await published) as unknown as AppFile
    },
    async withdraw(name: string) {
      await bridge.call('files.withdraw', { name })
    },
  })
}

async function openStream(bridge: Bridge, op: string, args: { [key: string]: Json }): Promise<DialedStream> {
  const stream = bridge.open()
  const opened = createAppStream(stream, true)
  try {
    await bridge.call(op, { ...args, stream: stream.id })
  } catch (error) {
    stream.reset('Not opened')
    throw error
  }
  return opened
}

/** Fetch by an operation of the agent. @throws MeshError the agent's; TypeError as `fetch` does */
export async function fetchOver(
  bridge: Bridge,
  { op, url }: { readonly op: 'fetch' | 'app.fetch'; readonly url: string },
  init: FetchOptions = {},
): Promise<Response> {
  const stream = bridge.open()
  const body = createAppStream(stream)
  try {
    const headers = Object.entries({ ...init.headers }).map(([name, value]) => [name, String(value)])
    const sent = init.body === undefined ? undefined : init.body
    const asked = bridge.call(op, {
      stream: stream.id,
      url,
      method: init.method ?? 'GET',
      headers: headers as Json,
      hasBody: sent !== undefined,
    })
    asked.catch(() => stream.reset('Not taken'))
    await (sent === undefined ? body.end() : body.end(sent)).catch(() => {})
    const answer = (await asked) as { status: number; headers: [string, string][] }
    const isEmpty = [101, 204, 205, 304].includes(answer.status)
    if (isEmpty) stream.reset('No body')
    return new Response(isEmpty ? null : body.readable, { status: answer.status, headers: answer.headers })
  } catch (error) {
    stream.reset('Not fetched')
    throw error instanceof MeshError ? error : new TypeError('fetch failed', { cause: error })
  }
}
