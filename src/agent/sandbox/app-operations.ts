import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { Bridge } from '../../core/app/bridge.ts'
import { parseServicePattern } from '../../core/app/capabilities.ts'
import { compileNetworkGrant } from '../../core/app/network-grant.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { parseServiceName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import type { Json } from '../../core/model/store.ts'
import { createGuardedFetch } from '../../net/app-fetch.ts'
import type { Host, Hosting, Incoming } from '../../sdk/app.ts'
import { createFilesDoers, FILES_SHAPES } from './app-files.ts'
import { createListenDoers, LISTEN_SHAPES } from './app-listening.ts'
import { duplexOver, joinStreams } from './bridge-duplex.ts'
import { counterpartOf } from './counterpart.ts'
import type { OperationsOptions } from './operations-options.ts'
import { runForApp } from './run-for-app.ts'

/** What the process of an app may call for. Each is checked here, by what was granted, whatever the process believes. */
export interface Operations extends AsyncDisposable {
  /** @throws MeshError `denied` for what was not granted, `bad-input`, `unsupported` for no such operation */
  call(op: string, args: Json): Promise<Json>
}

const stream = z.int()
const key = z.string().min(1).max(256)
const SHAPES = {
  'storage.get': z.strictObject({ key }),
  'storage.put': z.strictObject({ key, value: z.json() }),
  'storage.delete': z.strictObject({ key }),
  'storage.list': z.strictObject({ prefix: z.string().max(256) }),
  settings: z.strictObject({}),
  peers: z.strictObject({}),
  dial: z.strictObject({ to: z.string().min(1).max(256), stream }),
  connect: z.strictObject({ host: z.string().min(1).max(256), port: z.int().min(1).max(65_535), stream }),
  fetch: z.strictObject({
    stream,
    url: z.string().max(8_192),
    method: z.string().regex(/^[A-Z]{1,16}$/),
    headers: z.array(z.tuple([z.string().max(256), z.string().max(16_384)])).max(100),
    hasBody: z.boolean(),
  }),
  serve: z.strictObject({
    service: z.string().max(256),
    hosting: z.int(),
    users: z.array(z.string().max(64)).max(1_000),
  }),
  unserve: z.strictObject({ hosting: z.int() }),
  ...LISTEN_SHAPES,
  ...FILES_SHAPES,
  run: z.strictObject({
    program: z.string().max(4_096),
    args: z.array(z.string().max(8_192)).max(256),
    input: z.string().max(262_144).optional(),
  }),
} as const
type Shapes = typeof SHAPES
type Op = keyof Shapes
type Doers = { readonly [K in Op]: (args: z.output<Shapes[K]>) => Promise<Json> }

/** Make the operations for one process; disposing ends the services that it hosts. */
export function createOperations(options: OperationsOptions): Operations {
  const network = compileNetworkGrant(options.app.grants.network)
  const web = createGuardedFetch(network)
  const hostings = new Map<number, Hosting>()
  const ending = new AbortController()
  const listening = createListenDoers(options)
  const doers: Doers = {
    ...storageDoers(options),
    settings: options.settings,
    ...meshDoers(options, hostings),
    ...listening.doers,
    ...createFilesDoers(options, ending.signal),
    async connect({ host, port, stream: id }) {
      const name = host.replace(/^\[(.*)\]$/, '$1')
      const mayUse = (ip: string) => network.mayUse(name, port, ip)
      const isLiteral = /^[\d.]+$|:/.test(name)
      if (!network.mayAsk(name, port) || (isLiteral && !mayUse(name)))
        throw new MeshError('denied', `Cannot connect to ${quote(name)} port ${port}: not granted`)
      const near = options.bridge().take(id)
      const how = { timeoutMs: CONNECT_TIMEOUT_MS, mayUse, signal: ending.signal }
      joinStreams(duplexOver(near), await options.host.connectTcp({ kind: 'address', host: name, port }, how))
      return null
    },
    async fetch({ stream: id, url, method, headers, hasBody }) {
      const near = duplexOver(options.bridge().take(id))
      if (!hasBody) near.resume()
      const { signal } = ending
      const answer = await web.fetch({ url, method, headers, body: hasBody ? near : undefined, signal })
      sendAnswer(answer.body, near)
      return { status: answer.status, headers: answer.headers as unknown as Json }
    },
    run: args => runForApp(options.host, options.app.grants.run, args),
  }
  return {
    async call(op, args) {
      const shape = Object.hasOwn(SHAPES, op) ? SHAPES[op as Op] : undefined
      if (shape === undefined)
        throw new MeshError('unsupported', `Cannot do ${quote(op)}: this agent has no such operation`)
      const parsed = shape.safeParse(args)
      if (!parsed.success) throw new MeshError('bad-input', `Cannot do "${op}": its arguments are wrong`)
      return (doers[op as Op] as (args: unknown) => Promise<Json>)(parsed.data)
    },
    async [Symbol.asyncDispose]() {
      ending.abort(new MeshError('link-closed', 'The app has ended'))
      await Promise.all([
        web[Symbol.asyncDispose](),
        listening[Symbol.asyncDispose](),
        ...[...hostings.values()].map(one => one[Symbol.asyncDispose]()),
      ])
    },
  }
}

function storageDoers({ app, storage }: OperationsOptions): Pick<Doers, Op & `storage.${string}`> {
  const granted = () => {
    if (!app.grants.storage) throw new MeshError('denied', 'Cannot use storage: not granted')
    return storage
  }
  return {
    'storage.get': async args => (await granted().get(args.key)) ?? null,
    async 'storage.put'(args) {
      await granted().put(args.key, args.value as Json)
      return null
    },
    async 'storage.delete'(args) {
      await granted().delete(args.key)
      return null
    },
    'storage.list': async ({ prefix }) => [...(await granted().list(prefix))],
  }
}

function meshDoers(
  { app, host, bridge }: OperationsOptions,
  hostings: Map<number, Hosting>,
): Pick<Doers, 'peers' | 'dial' | 'serve' | 'unserve'> {
  const [mayDial, mayServe] = [app.grants.dial, app.grants.serve].map(lines => {
    const fits = lines.map(parseServicePattern)
    return (service: string) => fits.some(one => one(service))
  }) as [(service: string) => boolean, (service: string) => boolean]
  return {
    async peers() {
      // Somebody may host by a name that stands for another: only whose name it is counts.
      const own = (await host.services()).filter(({ name, owner }) => name === counterpartOf(app, owner))
      return own.flatMap(({ owner, hostings: at }) =>
        at
          .filter(({ isOnline, user }) => isOnline && (user ?? owner) === owner)
          .map(({ endpoint: id, name }) => ({ id, name, user: owner, isSelf: id === host.endpoint.id })),
      )
    },
    async dial({ to, stream: id }) {
      const isService = /^(?:tcp|udp)\//.test(to)
      if (isService && !mayDial(to)) throw new MeshError('denied', `Cannot dial ${quote(to)}: not granted`)
      const dialing = isService ? host.dial(parseServiceName(to)) : await dialPeer(app, host, to)
      try {
        const { stream: far } = await dialing.opened
        joinStreams(duplexOver(bridge().take(id)), far)
      } catch (error) {
        dialing.cancel()
        throw error
      }
      return null
    },
    async serve({ service: text, hosting, users }) {
      const service = parseServiceName(text)
      if (!mayServe(service)) throw new MeshError('denied', `Cannot host ${quote(text)}: not granted`)
      if (hostings.has(hosting) || hostings.size >= MAX_HOSTINGS)
        throw new MeshError('too-many', `Cannot host ${quote(text)}: ${MAX_HOSTINGS} services at most`)
      hostings.set(
        hosting,
        await host.serve(service, {
          access: { users: users as [], entrances: [] },
          onStream: incoming => offerStream(bridge(), incoming, hosting),
        }),
      )
      return null
    },
    async unserve({ hosting }) {
      const one = hostings.get(hosting)
      hostings.delete(hosting)
      await one?.[Symbol.asyncDispose]()
      return null
    },
  }
}

async function dialPeer(app: OperationsOptions['app'], host: Host, to: string) {
  const isHere = to === host.endpoint.id || to === host.endpoint.name
  const { id, user } = isHere ? host.endpoint : await host.findEndpoint(to)
  return host.dial(counterpartOf(app, user), { exits: [id], owner: user })
}

/** Offer a stream that came to the app, which takes it or not. @param hosting  of a service that the app hosts by itself */
export function offerStream(bridge: Bridge, incoming: Incoming, hosting?: number): void {
  const { from, groups } = incoming
  try {
    const near = bridge.open()
    incoming.signal.addEventListener('abort', () => near.reset('Given up'), { once: true })
    bridge
      .call('stream', {
        stream: near.id,
        from: { endpoint: from.endpoint, user: from.user, groups: [...groups] },
        ...(hosting !== undefined && { hosting }),
      })
      .then(
        () => joinStreams(duplexOver(near), incoming.accept()),
        thrown => {
          near.reset('Not taken')
          incoming.refuse(toMeshError(thrown))
        },
      )
  } catch (thrown) {
    incoming.refuse(toMeshError(thrown))
  }
}

function sendAnswer(body: Readable, near: ReturnType<typeof duplexOver>): void {
  body.on('error', () => near.destroy())
  near.once('close', () => body.destroy())
  body.pipe(near)
}

const CONNECT_TIMEOUT_MS = 10_000
/** Services that one app may host beside its own. */
const MAX_HOSTINGS = 32
