import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, startAgent } from '../agent/agent.ts'
import type { AppRunner } from '../agent/app-runner.ts'
import { joinMesh } from '../agent/join.ts'
import type { Membership } from '../agent/membership.ts'
import type { PackagesPlace } from '../agent/packages/packages.ts'
import { DEFAULT_REACH, openReach, type Reach } from '../agent/reach.ts'
import type { BillingOptions } from '../controller/billing/billing.ts'
import { type Controller, type ControllerOptions, openController } from '../controller/controller.ts'
import type { ControllerPort } from '../core/api/controller.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { parseHubId } from '../core/model/ids.ts'
import type { Log, LogValue } from '../core/model/log.ts'
import { type Name, parseName, parseUserName } from '../core/model/names.ts'
import { formatPermit, parsePermit } from '../core/model/permit.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Store } from '../core/model/store.ts'
import { type Clock, ms } from '../core/model/time.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { FORBID_DIRECT } from '../core/policy/standing-rules.ts'
import { type Hub, type HubLimits, type HubOptions, startHub } from '../hub/hub.ts'
import type { HubPortLimits } from '../net/hub-port.ts'
import { type Authority, openAuthority } from '../pki/authority.ts'
import { tlsIdentity } from '../pki/check.ts'
import { createKeyPair, type KeyPair } from '../pki/key-pair.ts'
import type { App, Host } from '../sdk/app.ts'
import { openDataFolder } from '../store/data-folder.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'

/** One event that was logged. */
export interface LoggedEvent {
  readonly who: string
  readonly level: string
  readonly event: string
  readonly fields: Record<string, LogValue>
}

/** How a mesh for a test is made. */
export interface LocalMeshOptions {
  /** Life of endpoints' certificates. */
  readonly endpointValidMs?: number
  /** Of the hub and all agents; the computer's if absent. */
  readonly clock?: Clock
  readonly portLimits?: Partial<HubPortLimits>
  readonly hubLimits?: Omit<HubLimits, 'port'>
  readonly relayWorkers?: HubOptions['relayWorkers']
  /** Dials are paid for; made anew for each controller. */
  readonly billing?: () => BillingOptions
  /** The policy lets nobody meet directly. */
  readonly isDirectForbidden?: boolean
  /** Make a liar of the controller that the hub asks. */
  readonly corrupt?: (controller: ControllerPort) => ControllerPort
  /** Kinds of path that agents may use; the relays if absent, so that what a test sees does not depend on a race. */
  readonly paths?: readonly PathKind[]
  /** Fetches key sets of issuers of tokens. */
  readonly fetchJson?: ControllerOptions['fetchJson']
  /** Write what the controller finds when it starts for the first time. */
  readonly furnish?: (store: Store) => Promise<void>
}

/** An agent of the test and what it holds in its one mesh. */
export interface LocalAgent {
  readonly agent: Agent
  readonly membership: Membership
  /** What an app sees here. */
  readonly host: Host
  readonly key: KeyPair
  readonly store: Store
  readonly reach: Reach
  /** Where it keeps apps from elsewhere. */
  readonly packages: PackagesPlace
}

/** An endpoint that runs no agent: a certificate and its key for a test to do with as it likes. */
export interface BareMember {
  readonly identity: EndpointIdentity
  readonly chainPem: string
  readonly privateKeyPem: string
}

/** A hub and agents in this process, over real sockets on loopback. */
export interface LocalMesh extends AsyncDisposable {
  readonly hub: Hub
  readonly controller: Controller
  readonly authority: Authority
  /** `127.0.0.1:port` of the hub. */
  readonly address: string
  /** Text of the root permit. */
  readonly permit: string
  /** The root permit with other addresses of hubs. */
  permitVia(...bootstraps: string[]): string
  /** What the hub itself shows: in the hands of a test it is a malicious one. */
  readonly hubCredential: { readonly chainPem: string; readonly privateKeyPem: string }
  readonly events: LoggedEvent[]
  /** Start an agent and join it; resolves when its link is up. */
  join(
    name: string,
    options?: { permit?: string; clock?: Clock; apps?: readonly App[]; runner?: AppRunner },
  ): Promise<LocalAgent>
  /** Stop an agent and start it again on its store; does not wait for its link. */
  restart(local: LocalAgent): Promise<LocalAgent>
  /** Enrol an endpoint without an agent. @param permit  the root permit if absent */
  member(name?: string, permit?: string): Promise<BareMember>
  /** A one-time permit for a user. */
  invite(user: string, identity?: string): Promise<string>
  /** Resolves when an event of that name is logged, also if it was before. */
  logged(event: string, who?: string): Promise<LoggedEvent>
  stopHub(): Promise<void>
  /** Start the hub again on the same port and state. */
  restartHub(): Promise<void>
}

/** Start a hub. */
export async function createLocalMesh(options: LocalMeshOptions = {}): Promise<LocalMesh> {
  const mesh = new LocalMeshRun(options)
  await mesh.start()
  return mesh
}

interface AgentParts {
  readonly reach: Reach
  readonly store: Store
  readonly key: KeyPair
  readonly clock: Clock
  readonly apps: readonly App[]
  readonly packages: PackagesPlace
}

interface KeptAgent extends LocalAgent, AgentParts {
  readonly name: string
}

class LocalMeshRun implements LocalMesh {
  readonly #options: LocalMeshOptions
  readonly #clock: Clock
  readonly #agents: KeptAgent[] = []
  readonly #waiters = new Set<() => void>()
  readonly events: LoggedEvent[] = []
  #folder = ''
  #store: Store | undefined
  #port = 0
  #memberCount = 0
  #hub: Hub | undefined
  #controller: Controller | undefined
  #authority: Authority | undefined
  permit = ''
  hubCredential = { chainPem: '', privateKeyPem: '' }

  constructor(options: LocalMeshOptions) {
    this.#options = options
    this.#clock = options.clock ?? { now: () => ms(Date.now()) }
  }

  get hub(): Hub {
    return present(this.#hub)
  }

  get controller(): Controller {
    return present(this.#controller)
  }

  get authority(): Authority {
    return present(this.#authority)
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'ztm-mesh-'))
    this.#store = await openSqliteStore(join(this.#folder, 'hub.db'))
    await this.#options.furnish?.(this.#store)
    await this.restartHub()
    const permit = await this.controller.rootPermit()
    this.permit = formatPermit({ ...permit, bootstraps: [this.address] })
  }

  async restartHub(): Promise<void> {
    const clock = this.#clock
    const log = this.#log('hub')
    const store = present(this.#store)
    const authority = await openAuthority({
      folder: await openDataFolder(this.#folder),
      now: clock.now(),
      log,
    })
    const { privateKeyPem, publicKeyPem } = await createKeyPair()
    const identity = { kind: 'hub', mesh: authority.mesh, hub: HUB_ID } as const
    const issued = await authority.issue(
      { identity, publicKeyPem, validMs: 86_400_000, hosts: ['127.0.0.1'] },
      clock.now(),
    )
    const { chainPem } = issued
    const {
      endpointValidMs,
      portLimits,
      hubLimits,
      relayWorkers,
      isDirectForbidden,
      billing,
      fetchJson,
      corrupt = same => same,
    } = this.#options
    const controller = await openController({
      store,
      authority,
      hub: { id: HUB_ID, names: [this.address] },
      signer: () => ({ privateKeyPem, chainPem }),
      clock,
      log,
      rules: isDirectForbidden ? [FORBID_DIRECT] : [],
      ...(billing && { billing: billing() }),
      ...(endpointValidMs !== undefined && { validity: { endpointMs: endpointValidMs } }),
      ...(fetchJson && { fetchJson }),
    })
    this.#hub = await startHub({
      mesh: authority.mesh,
      id: HUB_ID,
      names: [this.address],
      listen: { host: '127.0.0.1', port: this.#port },
      identity: { chainPem, privateKeyPem, rootPem: authority.rootCertificatePem },
      identify: socket => tlsIdentity(socket, { rootPem: authority.rootCertificatePem, now: clock.now() }),
      controller: corrupt(controller),
      version: 'test',
      clock,
      log,
      readLog: async () => [],
      certificateExpiresAtMs: () => issued.expiresAtMs,
      limits: { ...hubLimits, ...(portLimits && { port: portLimits }) },
      relayWorkers,
      isDirectForbidden: isDirectForbidden ?? false,
    })
    this.hubCredential = { chainPem, privateKeyPem }
    this.#port = this.#hub.address.port
    this.#controller = controller
    this.#authority = authority
  }

  permitVia(...bootstraps: string[]): string {
    return formatPermit({ ...parsePermit(this.permit), bootstraps })
  }

  async stopHub(): Promise<void> {
    await this.hub[Symbol.asyncDispose]()
    await this.controller[Symbol.asyncDispose]()
  }

  async join(name: string, options: Parameters<LocalMesh['join']>[1] = {}): Promise<LocalAgent> {
    const started = await this.#startAgent(name, {
      store: await openSqliteStore(':memory:'),
      key: await createKeyPair(),
      clock: options.clock ?? this.#clock,
      apps: options.apps ?? [],
      packages: {
        folder: join(this.#folder, 'packages', name),
        secrets: await openDataFolder(join(this.#folder, 'secrets', name)),
        ...(options.runner && { runner: options.runner }),
      },
      reach: await openReach({ ...DEFAULT_REACH, paths: this.#options.paths ?? RELAYS }, this.#log(name)),
    })
    const { agent, hosts } = started
    const membership = await agent.join(MESH_NAME, parseName(name), options.permit ?? this.permit, false)
    await membership.link.whenOnline(20_000)
    return this.#keep({ ...started, membership, host: present(hosts[0]) })
  }

  async restart(local: LocalAgent): Promise<LocalAgent> {
    const before = present(this.#agents.find(({ agent }) => agent === local.agent))
    await before.agent[Symbol.asyncDispose]()
    this.#agents.splice(this.#agents.indexOf(before), 1)
    const started = await this.#startAgent(before.name, before)
    return this.#keep({
      ...started,
      membership: started.agent.mesh(MESH_NAME),
      host: present(started.hosts[0]),
    })
  }

  async #startAgent(
    name: string,
    parts: AgentParts,
  ): Promise<AgentParts & { name: string; agent: Agent; hosts: Host[] }> {
    const { store, key, clock, apps, reach, packages } = parts
    const hosts: Host[] = []
    const probe: App = {
      name: 'test/probe',
      api: {},
      async start(given) {
        hosts.push(given)
        return { handlers: {}, async [Symbol.asyncDispose]() {} }
      },
    }
    const agent = await startAgent({
      store,
      deviceKey: key,
      apps: [probe, ...apps],
      version: 'test',
      clock,
      random: Math.random,
      log: this.#log(name),
      readLog: async () => [],
      reach,
      packages,
    })
    return { ...parts, name, agent, hosts }
  }

  #keep(local: KeptAgent): LocalAgent {
    this.#agents.push(local)
    return local
  }

  async member(name = `bare-${++this.#memberCount}`, permit = this.permit): Promise<BareMember> {
    const key = await createKeyPair()
    const record = await joinMesh({
      mesh: MESH_NAME,
      endpoint: parseName(name),
      permit,
      isReplacing: false,
      deviceKey: key,
      version: 'test',
      clock: this.#clock,
    })
    const { id: endpoint, user } = record.endpoint
    return {
      identity: { kind: 'endpoint', mesh: record.id, user, endpoint },
      chainPem: record.chain,
      privateKeyPem: key.privateKeyPem,
    }
  }

  async invite(user: string, identity?: string): Promise<string> {
    const root = present(this.#agents[0])
    const { invitation, token } = await root.membership.link.call(CONTROLLER_API.invite, {
      body: { user, ...(identity && { identity }) },
    })
    const permit = { ca: this.authority.rootCertificatePem, agent: {}, bootstraps: [this.address], token }
    return formatPermit({ ...permit, user: parseUserName(user), expiresAtMs: invitation.expiresAtMs })
  }

  async logged(event: string, who?: string): Promise<LoggedEvent> {
    for (;;) {
      const found = this.events.find(seen => seen.event === event && (who === undefined || seen.who === who))
      if (found !== undefined) return found
      await new Promise<void>(resolve => this.#waiters.add(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { agent, store, reach } of this.#agents) {
      await agent[Symbol.asyncDispose]()
      await reach[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    }
    await this.stopHub()
    await this.#store?.[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #log(who: string): Log {
    const note =
      (level: string) =>
      (event: string, fields: Record<string, LogValue> = {}): void => {
        this.events.push({ who, level, event, fields })
        const waiters = [...this.#waiters]
        this.#waiters.clear()
        for (const wake of waiters) wake()
      }
    return { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the mesh of this test is not started')
  return value
}

/** The local name of the mesh in every agent of a test. */
export const MESH_NAME: Name = parseName('test')
const RELAYS: readonly PathKind[] = ['relay', 'relay-h2']
const HUB_ID = parseHubId('11111111-2222-4333-8444-555555555555')
