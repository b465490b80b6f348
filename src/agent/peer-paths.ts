import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock, Ms } from '../core/model/time.ts'
import { isBetterPath, PATH_KINDS, type PathKind } from '../core/path/path-kind.ts'
import type { PeerSession } from './peer-session.ts'

/** What the paths to one peer need. */
export interface PeerPathsOptions {
  readonly endpoint: EndpointId
  /** Kinds that may be used. */
  readonly kinds: ReadonlySet<PathKind>
  /** Open a session that way. `onClosed` of the session must call `closed`. */
  readonly open: (path: PathKind, signal: AbortSignal, avoid?: PeerSession['via']) => Promise<PeerSession>
  /** A better path came up beside another. */
  readonly onBetter: (session: PeerSession) => void
  readonly onChange: () => void
  readonly clock: Clock
  readonly log: Log
}

/** How the last try of a path ended. */
export interface FailedTry {
  readonly path: PathKind
  readonly atMs: Ms
  readonly error: MeshError
}

/** A path that is being tried. */
interface Try {
  readonly sinceMs: Ms
  readonly abort: AbortController
}

/**
 * The ways to one peer. All that may work are tried side by side and the first that opens is used; a better one that
 * opens later takes over new streams, and the worse one is closed once it is empty.
 */
export class PeerPaths {
  readonly #options: PeerPathsOptions
  readonly #open = new Map<PathKind, PeerSession>()
  readonly #tries = new Map<PathKind, Try>()
  readonly #failed = new Map<PathKind, FailedTry>()
  readonly #pinned = new Map<PathKind, Promise<PeerSession>>()
  readonly #abort = new AbortController()
  readonly #replacing = new Map<PeerSession, Promise<void>>()
  #waiting: PromiseWithResolvers<PeerSession> | undefined
  #laterTimer: NodeJS.Timeout | undefined
  #retryAtMs = 0
  #retryCount = 0
  #restartedAtMs = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: PeerPathsOptions) {
    this.#options = options
  }

  /** The best open session. */
  get best(): PeerSession | undefined {
    for (const kind of PATH_KINDS) {
      const session = this.#open.get(kind)
      if (session?.isOpen) return session
    }
    return undefined
  }

  /** Open ones, best first. */
  get sessions(): readonly PeerSession[] {
    return PATH_KINDS.flatMap(kind => this.#open.get(kind) ?? [])
  }

  get tries(): readonly { readonly path: PathKind; readonly sinceMs: Ms }[] {
    return [...this.#tries].map(([path, { sinceMs }]) => ({ path, sinceMs }))
  }

  get failed(): readonly FailedTry[] {
    return [...this.#failed.values()]
  }

  /** Nothing is open or tried. */
  get isIdle(): boolean {
    return this.#open.size === 0 && this.#tries.size === 0
  }

  /** The best session, or the first that opens. @throws MeshError why none does */
  async session(): Promise<PeerSession> {
    const { best } = this
    const isLeft = best?.isSilent === true ? this.#replacing.get(best) : undefined
    if (best !== undefined && isLeft !== undefined) {
      // Whoever comes now has nothing to lose there; but the other hub may be the dead one.
      await Promise.race([isLeft, best.whenHeard()])
      if (this.best !== undefined) return this.best
    } else if (best !== undefined) return best
    if (this.#waiting !== undefined) return this.#waiting.promise
    const waiting = Promise.withResolvers<PeerSession>()
    this.#waiting = waiting
    this.#tryAll()
    return waiting.promise
  }

  /** A session over that kind of path alone. @throws MeshError why there is none */
  async sessionOver(path: PathKind): Promise<PeerSession> {
    const { kinds, open } = this.#options
    const known = this.#open.get(path)
    if (known?.isOpen) return known
    if (!kinds.has(path))
      throw new MeshError(
        'unreachable',
        `Cannot use path ${path}: this agent was started with another --path`,
      )
    const pinned = this.#pinned.get(path)
    if (pinned !== undefined) return pinned
    const opening = open(path, this.#abort.signal).finally(() => this.#pinned.delete(path))
    this.#pinned.set(path, opening)
    try {
      const session = await opening
      this.#keep(session)
      return session
    } catch (thrown) {
      const error = toMeshError(thrown)
      this.#failed.set(path, { path, atMs: this.#options.clock.now(), error })
      throw error
    }
  }

  /** What is being tried may lead nowhere any more: it begins again. A path better than a relay may have become possible. */
  networkChanged(): void {
    const now = this.#options.clock.now()
    // In a network that changes all the time they must have their time, too.
    if (Math.abs(now - this.#restartedAtMs) > RESTART_MS) {
      this.#restartedAtMs = now
      for (const { abort } of this.#tries.values()) abort.abort()
      this.#tries.clear()
    }
    this.#retryCount = 0
    this.#retryAtMs = 0
    if (this.#waiting !== undefined) this.#tryAll()
    else this.improve(true)
  }

  /**
   * The hub of a session is silent, or ends: have another session, by another hub, take its place and its streams. Never throws: where
   * no other hub is, nothing is lost.
   *
   * @param isNeeded  asked when the other one is open
   */
  replace(session: PeerSession, isNeeded: () => boolean): void {
    if (this.#open.get(session.path) !== session || this.#replacing.has(session)) return
    const replacing = this.#openBeside(session, isNeeded).finally(() => this.#replacing.delete(session))
    this.#replacing.set(session, replacing)
  }

  async #openBeside(session: PeerSession, isNeeded: () => boolean): Promise<void> {
    const { open, log, endpoint, onChange } = this.#options
    try {
      const next = await open(session.path, this.#abort.signal, session.via)
      const now = this.#open.get(session.path)
      const isInPlace = now === undefined || now === session
      if (this.#isClosed || !isInPlace || (session.isOpen && !isNeeded())) {
        next.close(new MeshError('link-closed', 'Session ended: the one before it lives'))
        return
      }
      this.#keep(next)
      log.info('session.replaced', { peer: endpoint, path: next.path })
      this.#waiting?.resolve(next)
      this.#waiting = undefined
      onChange()
    } catch (thrown) {
      log.debug('session.not-replaced', { peer: endpoint, reason: toMeshError(thrown).message })
    }
  }

  /** Called now and then: look for something better than a relay. @param isUnused  also beside one without streams */
  improve(isUnused = false): void {
    const { best } = this
    if (best === undefined || !isBetterPath('punched', best.path)) return
    const now = this.#options.clock.now()
    if (now < this.#retryAtMs || (best.streamCount === 0 && !isUnused)) return
    const waitMs = RETRY_MS[Math.min(this.#retryCount, RETRY_MS.length - 1)] ?? 0
    this.#retryCount += 1
    this.#retryAtMs = now + waitMs
    this.#try('direct')
    this.#try('punched')
  }

  /** Close what is no longer used: a worse path beside a better one soon, the last one after a long time. */
  closeUnused(idleMs: number): void {
    const { best } = this
    const now = this.#options.clock.now()
    for (const session of this.#open.values()) {
      const limitMs = session === best ? idleMs : RETIRED_MS
      if (session.streamCount === 0 && now - session.lastUsedMs > limitMs)
        session.close(new MeshError('link-closed', 'Session ended: not used'))
    }
  }

  /** A session that was opened here has ended. */
  closed(session: PeerSession): void {
    if (this.#open.get(session.path) === session) this.#open.delete(session.path)
  }

  close(reason: MeshError): void {
    this.#isClosed = true
    this.#abort.abort()
    clearTimeout(this.#laterTimer)
    for (const { abort } of this.#tries.values()) abort.abort()
    for (const session of this.#open.values()) session.close(reason)
    this.#settle(reason)
  }

  #tryAll(): void {
    clearTimeout(this.#laterTimer)
    for (const kind of ['direct', 'punched', 'relay'] as const) this.#try(kind)
    if (!this.#options.kinds.has('relay')) this.#try('relay-h2')
    else this.#laterTimer = setTimeout(() => this.#try('relay-h2'), SECOND_RELAY_MS)
    this.#giveUpIfDone()
  }

  #try(path: PathKind): void {
    const { kinds, clock, open, onChange } = this.#options
    const isNeeded = kinds.has(path) && !this.#tries.has(path) && !this.#open.get(path)?.isOpen
    const { best } = this
    if (!isNeeded || this.#isClosed || (best !== undefined && !isBetterPath(path, best.path))) return
    const abort = new AbortController()
    const one: Try = { sinceMs: clock.now(), abort }
    this.#tries.set(path, one)
    open(path, abort.signal).then(
      session => {
        if (this.#tries.get(path) === one) this.#tries.delete(path)
        this.#opened(session)
      },
      thrown => {
        if (this.#tries.get(path) === one) this.#tries.delete(path)
        if (!abort.signal.aborted) this.#fail(path, toMeshError(thrown))
        this.#giveUpIfDone()
        onChange()
      },
    )
  }

  #opened(session: PeerSession): void {
    const { log, onBetter, onChange, clock, endpoint } = this.#options
    const before = this.best
    const isWorse = before !== undefined && !isBetterPath(session.path, before.path)
    if (this.#isClosed || isWorse) {
      session.close(new MeshError('link-closed', 'Session ended: a better path opened first'))
      return
    }
    this.#keep(session)
    clearTimeout(this.#laterTimer)
    for (const [path, { abort }] of this.#tries) if (isBetterPath(session.path, path)) abort.abort()
    if (!isBetterPath('punched', session.path)) this.#retryCount = 0
    else this.#retryAtMs = clock.now() + (RETRY_MS[0] ?? 0)
    log.info('session.opened', { peer: endpoint, path: session.path })
    this.#waiting?.resolve(session)
    this.#waiting = undefined
    if (before !== undefined) onBetter(session)
    onChange()
  }

  #keep(session: PeerSession): void {
    // A pinned one may have been opened beside: it is closed as any that is not used.
    const before = this.#open.get(session.path)
    if (before !== undefined && before !== session)
      before.close(new MeshError('link-closed', 'Session ended: another one took its place'))
    this.#open.set(session.path, session)
    this.#failed.delete(session.path)
  }

  #fail(path: PathKind, error: MeshError): void {
    this.#failed.set(path, { path, atMs: this.#options.clock.now(), error })
    this.#options.log.debug('path.failed', { peer: this.#options.endpoint, path, reason: error.message })
    if (path !== 'relay' && path !== 'relay-h2') return
    if (isFinal(error)) {
      clearTimeout(this.#laterTimer)
      for (const { abort } of this.#tries.values()) abort.abort()
      this.#settle(error)
    } else if (path === 'relay') {
      clearTimeout(this.#laterTimer)
      this.#try('relay-h2')
    }
  }

  #giveUpIfDone(): void {
    if (this.#tries.size > 0 || this.#waiting === undefined) return
    this.#settle(this.#reason())
  }

  #settle(error: MeshError): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.promise.catch(() => {})
    waiting?.reject(error)
  }

  /** What a relay says tells more than what a direct try says: most peers cannot be reached directly. */
  #reason(): MeshError {
    for (const kind of ['relay', 'relay-h2', 'direct', 'punched'] as const) {
      const failed = this.#failed.get(kind)
      if (failed !== undefined) return failed.error
    }
    return new MeshError('unreachable', 'Cannot reach endpoint: no path to it is allowed: see --path')
  }
}

/** No other way would end differently. */
function isFinal(error: MeshError): boolean {
  return FINAL.has(error.code)
}

const FINAL: ReadonlySet<string> = new Set(['denied', 'offline', 'not-found', 'evicted', 'not-trusted'])

/** When the relay over the link is tried beside the ticket relay. */
const SECOND_RELAY_MS = 800
/** How long to wait before something better than a relay is looked for again. */
const RETRY_MS = [10_000, 30_000, 60_000, 300_000] as const
/** Least time between two changes of the network that make what is being tried begin again. */
const RESTART_MS = 5_000
/** A path beside a better one is kept this long after its last stream. */
const RETIRED_MS = 2_000
