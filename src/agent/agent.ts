import { rm } from 'node:fs/promises'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { LogLines } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import { type Log, type LogLevel, withFields } from '../core/model/log.ts'
import type { Name } from '../core/model/names.ts'
import type { Json, Store } from '../core/model/store.ts'
import type { Clock, Ms } from '../core/model/time.ts'
import type { NetworkChange } from '../net/own-addresses.ts'
import type { KeyPair } from '../pki/key-pair.ts'
import type { App } from '../sdk/app.ts'
import type { ComputerDisk } from './disk/app-disk.ts'
import { joinMesh } from './join.ts'
import { type Membership, startMembership } from './membership.ts'
import type { MeshChange } from './membership-options.ts'
import { type MeshRecord, meshRecordShape } from './mesh-record.ts'
import { installedPrefixes } from './packages/installed-records.ts'
import { type PackagesPlace, packageFolder } from './packages/packages.ts'
import type { Reach } from './reach.ts'
import type { ScriptRunner } from './sandbox/run-script.ts'

/** Lines of this agent's log, oldest first. */
export type ReadLog = (query: {
  level: LogLevel
  limit: number
  sinceMs?: number | undefined
  app?: string | undefined
  mesh?: string | undefined
}) => Promise<LogLines>

/** What an agent is made of. */
export interface AgentOptions {
  readonly store: Store
  readonly deviceKey: KeyPair
  /** Started in every mesh. */
  readonly apps: readonly App[]
  readonly version: string
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly readLog: ReadLog
  readonly reach: Reach
  /** Apps from elsewhere; none can be installed without it. */
  readonly packages?: PackagesPlace
  /** Runs scripts; without it none can be. */
  readonly scripts?: ScriptRunner
  /** The files that apps may work with; all of this computer if absent. */
  readonly disk?: ComputerDisk
}

/** What changed that a person watching would want to see, and in which mesh. */
export type AgentChange = MeshChange & { readonly mesh: Name }

/** The endpoint daemon: any number of meshes, each by itself. */
export interface Agent extends AsyncDisposable {
  readonly options: AgentOptions
  readonly startedAtMs: Ms
  readonly meshes: ReadonlyMap<Name, Membership>
  /** @throws MeshError `not-joined` */
  mesh(name: Name): Membership
  /** @throws MeshError `conflict` if that name is in use; all of `joinMesh` */
  join(name: Name, endpoint: Name, permit: string, isReplacing: boolean): Promise<Membership>
  leave(name: Name): Promise<void>
  setEnabled(name: Name, isEnabled: boolean): Promise<Membership>
  /** This computer has other addresses now, or was asleep. */
  networkChanged(change: NetworkChange): void
  /** Hear of changes; while somebody does, so do changes of endpoints reach this agent. @returns a function that ends it */
  onChange(listener: (change: AgentChange) => void): () => void
}

/**
 * Start an agent on its store: every mesh it had joined comes up again.
 *
 * @throws MeshError `storage-failed`
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const agent = new AgentProcess(options)
  await agent.load()
  return agent
}

class AgentProcess implements Agent {
  readonly options: AgentOptions
  readonly startedAtMs: Ms
  readonly meshes = new Map<Name, Membership>()
  readonly #listeners = new Set<(change: AgentChange) => void>()
  /** Joins and leaves run one after another: two of one name must not cross. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(options: AgentOptions) {
    this.options = options
    this.startedAtMs = options.clock.now()
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.options.store.list('mesh/')) {
      const record = meshRecordShape.safeParse(value)
      if (record.success) await this.#start(record.data)
      else this.options.log.error('mesh.unreadable', { key })
    }
  }

  mesh(name: Name): Membership {
    const membership = this.meshes.get(name)
    if (membership !== undefined) return membership
    const known = [...this.meshes.keys()].join(', ')
    const help = known === '' ? 'join one: `ztm join MESH --as NAME --permit FILE`' : `joined are: ${known}`
    throw new MeshError('not-joined', `Cannot use mesh "${name}": not joined: ${help}`)
  }

  join(name: Name, endpoint: Name, permit: string, isReplacing: boolean): Promise<Membership> {
    return this.#inTurn(async () => {
      const { deviceKey, version, clock, log } = this.options
      const before = this.meshes.get(name)
      const check = (id: MeshId) => this.#checkNew(name, id)
      const record = await joinMesh({
        mesh: name,
        endpoint,
        permit,
        isReplacing,
        check,
        deviceKey,
        version,
        clock,
      })
      await this.#save(record)
      await before?.[Symbol.asyncDispose]()
      log.info('mesh.joined', { mesh: name, endpoint: record.endpoint.name, user: record.endpoint.user })
      return this.#start(record)
    })
  }

  leave(name: Name): Promise<void> {
    return this.#inTurn(async () => {
      const membership = this.mesh(name)
      await leaveQuietly(membership, this.options.log)
      await membership[Symbol.asyncDispose]()
      this.meshes.delete(name)
      const { store } = this.options
      const prefixes = [`app/${name}/`, `usage/${name}/`, ...installedPrefixes(name)]
      const kept = (await Promise.all(prefixes.map(prefix => store.list(prefix)))).flat()
      const { packages } = this.options
      if (packages !== undefined)
        await rm(packageFolder(packages, membership.record.id), { recursive: true, force: true })
      await packages?.runner?.forget?.(name)
      await store.delete(`mesh/${name}`)
      // By its whole key: what begins alike is another mesh's.
      for (const key of [...kept.map(row => row.key), `evictions/${name}`]) await store.delete(key)
      this.options.log.info('mesh.left', { mesh: name })
      this.#changed({ topic: 'meshes', mesh: name })
    })
  }

  setEnabled(name: Name, isEnabled: boolean): Promise<Membership> {
    return this.#inTurn(async () => {
      const before = this.mesh(name)
      if (before.record.isEnabled === isEnabled) return before
      const record = { ...before.record, isEnabled }
      await this.#save(record)
      await before[Symbol.asyncDispose]()
      return this.#start(record)
    })
  }

  networkChanged(change: NetworkChange): void {
    this.options.log.info('network.changed', { gone: [...change.gone] })
    for (const membership of this.meshes.values()) membership.networkChanged(change)
  }

  onChange(listener: (change: AgentChange) => void): () => void {
    this.#listeners.add(listener)
    for (const membership of this.meshes.values()) membership.watch.look()
    return () => this.#listeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.catch(() => {})
    await Promise.all([...this.meshes.values()].map(mesh => mesh[Symbol.asyncDispose]()))
    this.meshes.clear()
  }

  /** @throws MeshError `conflict` if that name, or that mesh, is in use */
  #checkNew(name: Name, id: MeshId): void {
    const before = this.meshes.get(name)
    if (before !== undefined && before.record.id !== id) {
      throw new MeshError(
        'conflict',
        `Cannot join: another mesh is joined as "${name}": choose another name for this one`,
      )
    }
    const twin = [...this.meshes.values()].find(({ record }) => record.id === id && record.name !== name)
    if (twin !== undefined) {
      throw new MeshError('conflict', `Cannot join: this mesh is joined already, as "${twin.record.name}"`)
    }
  }

  async #save(record: MeshRecord): Promise<void> {
    await this.options.store.put(`mesh/${record.name}`, record as unknown as Json)
  }

  async #start(record: MeshRecord): Promise<Membership> {
    const { deviceKey, apps, store, version, clock, random, log, readLog, reach, disk, packages, scripts } =
      this.options
    const membership = await startMembership({
      record,
      deviceKey,
      apps,
      store,
      version,
      clock,
      random,
      log: withFields(log, { mesh: record.name }),
      readLog: query => readLog({ ...query, mesh: record.name }),
      isWatched: () => this.#listeners.size > 0,
      onChange: change => this.#changed({ ...change, mesh: record.name }),
      reach,
      ...(disk && { disk }),
      ...(packages && { packages }),
      scripts,
    })
    this.meshes.set(record.name, membership)
    this.#changed({ topic: 'meshes', mesh: record.name })
    return membership
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(action, action)
    this.#queue = turn.catch(() => {})
    return turn
  }

  #changed(change: AgentChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}

/** Tell the mesh that this endpoint goes; a mesh that cannot be reached does not keep anybody from leaving. */
async function leaveQuietly(membership: Membership, log: Log): Promise<void> {
  if (membership.link.session === undefined) return
  try {
    await membership.link.call(CONTROLLER_API.removeEndpoint, {
      params: { endpoint: membership.self.endpoint },
    })
  } catch (error) {
    log.warn('endpoint.not-removed', { mesh: membership.record.name, reason: toMeshError(error).message })
  }
}
