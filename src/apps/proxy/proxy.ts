import { z } from 'zod'
import type { Handlers } from '../../core/api/route.ts'
import { type Address, formatAddress } from '../../core/model/address.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { ipRange, parseIp } from '../../core/model/ip-address.ts'
import type { Json } from '../../core/model/store.ts'
import type { App, AppCaller, AppInstance, Host, Listener } from '../../sdk/app.ts'
import { atEndpoint as at } from '../../sdk/for-apps/at-endpoint.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import {
  type ClientRecord,
  type Clients,
  clientRecordShape,
  createClients,
  makeClientRecord,
} from './clients.ts'
import { compileEntryRules } from './entry-rules.ts'
import { type Exit, openExit } from './exit.ts'
import { createWaysOut, type WaysOut } from './exit-dialer.ts'
import { createIntake, type Intake } from './intake.ts'
import { PROXY_LIMITS, type ProxyLimits } from './limits.ts'
import {
  type EntryRule,
  type ExitSetting,
  entryRuleShape,
  exitSettingShape,
  listenShape,
  PROXY_API,
  type ProxyChange,
  type ProxyConfig,
} from './messages.ts'
import { formatPac } from './pac.ts'

/**
 * A proxy whose way out is another endpoint's: clients come in by SOCKS 5 or HTTP at one, and their connections leave at
 * another, chosen by rules. Names are looked up there.
 */
export const proxyApp: App = createProxyApp()

/** The proxy app with limits of one's own. */
export function createProxyApp(limits: ProxyLimits = PROXY_LIMITS): App {
  return {
    name: 'ztm/proxy',
    api: PROXY_API,
    async start(host) {
      const proxy = new ProxyEnds(host, limits)
      await proxy.restore()
      return {
        // A handler takes what its own route's shapes give; the host calls it with just that.
        handlers: createHandlers(host, proxy) as unknown as AppInstance['handlers'],
        [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
      }
    },
  }
}

function createHandlers(host: Host, proxy: ProxyEnds): Handlers<typeof PROXY_API, AppCaller> {
  const api = PROXY_API
  return {
    showConfig: call => at(host, api.showConfig, call, () => proxy.describe()),
    changeConfig: call => at(host, api.changeConfig, call, () => proxy.change(call.body)),
    testTarget: call => at(host, api.testTarget, call, () => proxy.test(call.body)),
  }
}

/** What is kept of a proxy, under `config`. */
const recordShape = z.object({
  version: z.literal(1),
  listen: listenShape.optional(),
  clients: z.array(clientRecordShape),
  rules: z.array(entryRuleShape),
  exit: exitSettingShape.optional(),
})
type ProxyRecord = z.output<typeof recordShape>

class ProxyEnds implements AsyncDisposable {
  readonly #host: Host
  readonly #limits: ProxyLimits
  readonly #exclusive = createExclusive()
  #record: ProxyRecord = { version: 1, clients: [], rules: [] }
  #clients: Clients = createClients([])
  readonly #intake: Intake
  readonly #waysOut: WaysOut
  #listener: Listener | undefined
  #listenError: MeshError | undefined
  #exit: Exit | undefined
  #exitError: MeshError | undefined

  constructor(host: Host, limits: ProxyLimits) {
    this.#host = host
    this.#limits = limits
    const clients = (): Clients => this.#clients
    this.#waysOut = createWaysOut(host)
    this.#intake = createIntake({
      host,
      waysOut: this.#waysOut,
      limits,
      clients: {
        get names() {
          return clients().names
        },
        get isOpenToAll() {
          return clients().isOpenToAll
        },
        check: (name, password) => clients().check(name, password),
      },
      listenHost: () => this.#record.listen?.ip ?? '127.0.0.1',
      pac: () => formatPac(this.#reachedAt()),
    })
  }

  /** Open what is kept. What cannot be opened now is shown, and kept. */
  async restore(): Promise<void> {
    const kept = await this.#host.storage.get('config')
    if (kept === undefined) return
    const record = recordShape.safeParse(kept)
    if (!record.success) {
      this.#host.log.error('record.unreadable', { key: 'config' })
      return
    }
    this.#use(record.data)
    await this.#openListener().catch(() => {})
    await this.#openExit().catch(() => {})
  }

  describe(): ProxyConfig {
    const { listen, clients, rules, exit } = this.#record
    const { connectionCount, totalCount, failedCount, lastError } = this.#intake
    const exitError = this.#exitError ?? this.#exit?.error
    return {
      ...(listen && {
        listen: {
          ip: listen.ip,
          port: this.#listener?.address.port ?? listen.port,
          isOpen: this.#listener !== undefined,
          ...(this.#listenError && { error: this.#listenError.message }),
        },
      }),
      clients: clients.map(({ name }) => name),
      rules: [...rules],
      ...(exit && { exit: { ...exit, ...(exitError && { error: exitError.message }) } }),
      connectionCount,
      exitConnectionCount: this.#exit?.connectionCount ?? 0,
      totalCount,
      failedCount,
      ...(lastError !== undefined && { lastError }),
    }
  }

  /** @throws MeshError `bad-input`, `port-in-use`, `name-taken` …; then nothing changed */
  change(change: ProxyChange): Promise<ProxyConfig> {
    return this.#exclusive.run('config', async () => {
      const before = this.#record
      const next = await merge(before, change)
      refuseOpenProxy(next)
      this.#use(next)
      try {
        if (change.listen !== undefined) await this.#openListener()
        if (change.exit !== undefined) await this.#openExit()
        await this.#host.storage.put('config', JSON.parse(JSON.stringify(this.#record)) as Json)
      } catch (error) {
        this.#use(before)
        if (change.listen !== undefined) await this.#openListener().catch(() => {})
        if (change.exit !== undefined) await this.#openExit().catch(() => {})
        throw error
      }
      return this.describe()
    })
  }

  /** What would become of a connection; it is tried. */
  async test({ host, port, client }: { host: string; port: number; client?: string | undefined }) {
    const found = compileEntryRules(this.#record.rules).find({ host, port, client })
    const action = found?.rule.action ?? ('exit' as const)
    const base = { host, port, action, ...(found && { rule: found.index }) }
    try {
      if (action === 'exit') {
        const passage = { protocol: 'tcp', host, port } as const
        const { stream, exit } = await this.#waysOut.open(found?.rule ?? { exits: [] }, passage)
        stream.destroy()
        const name = await this.#host.findEndpoint(exit.id).catch(() => undefined)
        const ref = { id: exit.id as EntryRule['exits'][number]['id'], user: exit.user }
        return { ...base, exit: { ...ref, ...(name && { name: name.name }) } }
      }
      const outside = await this.#intake.open({ host, port, client })
      if (outside.kind === 'own') outside.connection.destroy()
      return base
    } catch (thrown) {
      return { ...base, error: toMeshError(thrown).message }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusive.whenIdle()
    await this.#listener?.[Symbol.asyncDispose]()
    this.#intake.reset()
    await this.#exit?.[Symbol.asyncDispose]()
  }

  #use(record: ProxyRecord): void {
    this.#record = record
    this.#clients = createClients(record.clients)
    this.#intake.rules = record.rules
    if (record.listen !== undefined) this.#waysOut.prepare(record.rules)
  }

  async #openListener(): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]()
    this.#listener = undefined
    this.#listenError = undefined
    const { listen } = this.#record
    if (listen === undefined) {
      this.#intake.reset()
      return
    }
    try {
      const address = { host: listen.ip, port: listen.port }
      this.#listener = await this.#host.listenTcp(address, connection => this.#intake.receive(connection))
      // The port that was chosen is kept: programs have it in their settings.
      this.#record = { ...this.#record, listen: { ...listen, port: this.#listener.address.port } }
    } catch (thrown) {
      this.#listenError = toMeshError(thrown)
      throw this.#listenError
    }
  }

  async #openExit(): Promise<void> {
    const { exit } = this.#record
    this.#exitError = undefined
    if (exit === undefined || this.#exit === undefined) {
      await this.#exit?.[Symbol.asyncDispose]()
      this.#exit = undefined
    }
    if (exit === undefined) return
    try {
      if (this.#exit === undefined) this.#exit = await openExit(this.#host, exit, this.#limits)
      else await this.#exit.change(exit)
    } catch (thrown) {
      this.#exitError = toMeshError(thrown)
      throw this.#exitError
    }
  }

  #reachedAt(): Address {
    const { ip, port } = this.describe().listen ?? { ip: '127.0.0.1', port: 0 }
    const bytes = parseIp(ip)
    const isAny = bytes === undefined || ipRange(bytes) === 'unspecified'
    return { host: isAny ? this.#host.endpoint.name : ip, port }
  }
}

async function merge(before: ProxyRecord, change: ProxyChange): Promise<ProxyRecord> {
  const { listen, exit, ...rest } = before
  const nextListen = change.listen === undefined ? listen : (change.listen ?? undefined)
  const nextExit =
    change.exit === undefined
      ? exit
      : change.exit === null
        ? undefined
        : { ...(exit ?? NO_ONE_ELSE), ...change.exit }
  const clients: ClientRecord[] | undefined =
    change.clients && (await Promise.all(change.clients.map(one => recordClient(before.clients, one))))
  return {
    ...rest,
    ...(clients && { clients }),
    ...(change.rules && { rules: change.rules }),
    ...(nextListen && { listen: nextListen }),
    ...(nextExit && { exit: nextExit as ExitSetting }),
  }
}

/** What is kept of a client that is new, or has a new password; who has none keeps the old one. */
async function recordClient(
  known: readonly ClientRecord[],
  { name, password }: { readonly name: string; readonly password?: string | undefined },
): Promise<ClientRecord> {
  if (password !== undefined) return makeClientRecord(name, password)
  const record = known.find(one => one.name === name)
  if (record !== undefined) return record
  throw new MeshError(
    'bad-input',
    `Cannot keep client ${JSON.stringify(name)}: it is new: give it a password`,
  )
}

/** A proxy that anybody on the network may use would let them into the mesh. */
function refuseOpenProxy({ listen, clients }: ProxyRecord): void {
  if (listen === undefined || clients.length > 0) return
  const bytes = parseIp(listen.ip)
  if (listen.ip === 'localhost' || (bytes !== undefined && ipRange(bytes) === 'loopback')) return
  throw new MeshError(
    'bad-input',
    `Cannot listen on ${formatAddress({ host: listen.ip, port: listen.port })}: anybody there could use the proxy: give clients names and passwords (--client NAME:PASSWORD), or listen on 127.0.0.1`,
  )
}

const NO_ONE_ELSE: ExitSetting = { users: [], opens: [], rules: [] }
