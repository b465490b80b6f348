import type { Reach } from '../agent/reach.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import { watchOwnAddresses } from '../net/own-addresses.ts'
import { untilAborted } from './edge-client.ts'
import { type Admission, type InnerMesh, openInnerMesh } from './inner-mesh.ts'
import { toZtmError, type ZtmError } from './ztm-error.ts'

/** What keeps a program in the mesh. */
export interface MeshLifeOptions {
  /** Log in and have a certificate made. @throws ZtmError */
  readonly admit: () => Promise<Admission>
  /**
   * No hub wants this member: whether the login behind it is still good.
   *
   * @throws ZtmError where the controller cannot be asked
   */
  readonly isStillIn: (admission: Admission) => Promise<boolean>
  /** Opened once, for all members that this program is one after another. */
  readonly openReach: () => Promise<Reach>
  readonly clock: Clock
  readonly log: Log
  /** Something happened to the link, to paths, or to services. */
  readonly onChange: (mesh: InnerMesh) => void
  /** Work as this member begins. */
  readonly onMember: (mesh: InnerMesh) => Promise<void>
  /** Logging in failed, beside what any caller is told. */
  readonly onFailure: (error: ZtmError) => void
}

/** A program's membership: begun when it is wanted, begun anew when the login behind it has ended. */
export interface MeshLife extends AsyncDisposable {
  readonly current: InnerMesh | undefined
  /** The membership, begun if there is none. @throws ZtmError */
  ready(signal?: AbortSignal): Promise<InnerMesh>
  /** From now on try until it succeeds, without anybody asking. */
  keepTrying(): void
  /** A stream of this member: it stays at work until that has closed, whatever becomes of the login. */
  hold(mesh: InnerMesh, stream: { once(event: 'close', call: () => void): unknown }): void
}

/** Make the one place that knows as which member this program is at work. */
export function createMeshLife(options: MeshLifeOptions): MeshLife {
  return new MeshLifeRun(options)
}

class MeshLifeRun implements MeshLife {
  readonly #options: MeshLifeOptions
  current: InnerMesh | undefined
  #admission: Admission | undefined
  #opening: Promise<InnerMesh> | undefined
  #reach: Promise<Reach> | undefined
  #isKept = false
  #retryTimer: NodeJS.Timeout | undefined
  #retryMs = FIRST_RETRY_MS
  #isChecking = false
  #checkTimer: NodeJS.Timeout | undefined
  #isOver = false
  #unwatch: (() => void) | undefined
  /** Open streams of each member, those before the current one included. */
  readonly #held = new Map<InnerMesh, number>()
  /** All that were opened and not left. */
  readonly #members = new Set<InnerMesh>()
  readonly #closing = new Set<Promise<void>>()
  #onDrained: () => void = () => {}

  constructor(options: MeshLifeOptions) {
    this.#options = options
  }

  ready(signal?: AbortSignal): Promise<InnerMesh> {
    if (this.current !== undefined) return Promise.resolve(this.current)
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return signal === undefined ? this.#opening : untilAborted(this.#opening, signal)
  }

  keepTrying(): void {
    this.#isKept = true
    if (this.current === undefined && this.#opening === undefined) this.#retrySoon()
  }

  hold(mesh: InnerMesh, stream: { once(event: 'close', call: () => void): unknown }): void {
    this.#held.set(mesh, (this.#held.get(mesh) ?? 0) + 1)
    stream.once('close', () => {
      const count = (this.#held.get(mesh) ?? 1) - 1
      if (count > 0) this.#held.set(mesh, count)
      else this.#held.delete(mesh)
      if (count === 0 && mesh !== this.current && !this.#isOver) this.#leave(mesh)
      if (this.#held.size === 0) this.#onDrained()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#checkTimer)
    this.#unwatch?.()
    await this.#opening?.catch(() => {})
    await this.#drain()
    this.current = undefined
    for (const mesh of [...this.#members]) this.#leave(mesh)
    while (this.#closing.size > 0) await Promise.all(this.#closing)
    const reach = await this.#reach?.catch(() => undefined)
    await reach?.[Symbol.asyncDispose]()
  }

  /** What has ended here may not have been heard of at the other side. */
  async #drain(): Promise<void> {
    if (this.#held.size === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, DRAIN_MS)
      this.#onDrained = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #open(): Promise<InnerMesh> {
    const { admit, openReach, clock, log, onChange, onMember, onFailure } = this.#options
    try {
      const admission = await admit()
      this.#reach ??= openReach()
      const reach = await this.#reach.catch(error => {
        this.#reach = undefined
        throw error
      })
      let mesh: InnerMesh | undefined
      mesh = await openInnerMesh(admission, {
        reach,
        clock,
        log,
        onChange: () => {
          if (mesh === undefined || this.#isOver) return
          onChange(mesh)
          this.#look()
        },
      })
      this.#members.add(mesh)
      if (this.#isOver) {
        this.#leave(mesh)
        throw new MeshError('link-closed', 'Cannot go on: context was closed')
      }
      this.current = mesh
      this.#admission = admission
      this.#retryMs = FIRST_RETRY_MS
      this.#unwatch ??= watchOwnAddresses(change => this.current?.membership.networkChanged(change))
      await onMember(mesh)
      onChange(mesh)
      return mesh
    } catch (thrown) {
      const error = toZtmError(thrown)
      onFailure(error)
      if (this.#isKept) this.#retrySoon()
      throw error
    }
  }

  #retrySoon(): void {
    if (this.#isOver) return
    clearTimeout(this.#retryTimer)
    const waitMs = this.#retryMs * (0.5 + Math.random() / 2)
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
    this.#retryTimer = setTimeout(() => {
      if (!this.#isOver) this.ready().catch(() => {})
    }, waitMs)
  }

  /** Hubs that say no may be right: the login may have ended. */
  #look(): void {
    const mesh = this.current
    if (mesh === undefined || this.#isChecking) return
    const { state } = mesh.membership.link
    if (state.state !== 'waiting' || state.lastError.kind.retry) return
    this.#isChecking = true
    this.#check(mesh)
      .catch(error => this.#options.log.warn('session.not-checked', { reason: toMeshError(error).message }))
      .finally(() => {
        this.#checkTimer = setTimeout(() => {
          this.#isChecking = false
          if (!this.#isOver) this.#look()
        }, CHECK_INTERVAL_MS).unref()
      })
  }

  async #check(mesh: InnerMesh): Promise<void> {
    const admission = this.#admission
    const { record } = mesh.membership
    const isCertificateGood = record.expiresAtMs > this.#options.clock.now()
    if (admission === undefined) return
    if (isCertificateGood && (await this.#options.isStillIn(admission))) return
    if (this.current !== mesh || this.#isOver) return
    this.current = undefined
    if (!this.#held.has(mesh)) this.#leave(mesh)
    // Tries again by itself where something is hosted, else when somebody dials.
    await this.ready()
  }

  #leave(mesh: InnerMesh): void {
    if (!this.#members.delete(mesh)) return
    const closing = Promise.resolve(mesh[Symbol.asyncDispose]()).catch(() => {})
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
  }
}

/** Waits between logins that nobody asked for; doubled up to the longest. */
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 30_000
/** How often the controller is asked whether a login is good that hubs say no to. */
const CHECK_INTERVAL_MS = 3_000
/** How long a context that is closed waits for the other sides of its streams. */
const DRAIN_MS = 500
