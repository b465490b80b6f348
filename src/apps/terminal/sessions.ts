import { randomBytes } from 'node:crypto'
import type { z } from 'zod'
import { MeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import type { Host, RunningProgram } from '../../sdk/app.ts'
import type { History } from './history.ts'
import type { TerminalLimits } from './limits.ts'
import { MAX_SHOWN_COMMAND, type requestShape, type TerminalConfig } from './messages.ts'
import type { Recording, Recordings } from './recordings.ts'
import type { Rights } from './rights.ts'
import { Session } from './session.ts'

/** What sessions go by. */
export interface SessionsOptions {
  readonly host: Host
  readonly limits: TerminalLimits
  readonly history: History
  readonly recordings: Recordings
  readonly config: () => Pick<TerminalConfig, 'shell' | 'idleMs' | 'recordings'>
  /** It ended; nobody finds it any more. */
  readonly onGone: (session: Session) => void
}

/** Who opens a session. */
interface Caller {
  readonly user: UserName
  readonly endpoint: EndpointId
}
type FullRights = Rights & { kind: 'full' }
type OpenRequest = z.output<typeof requestShape> & { kind: 'open' }

/** The programs that run at an endpoint, from their start until their end was told. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #sessions = new Map<string, Session>()
  /** Take away the end of sessions that nobody is attached to, and of idle ones. */
  readonly #ends = new Map<Session, () => void>()
  readonly #idles = new Map<Session, () => void>()
  readonly #closed = new WeakSet<Session>()
  readonly #starting = new Map<UserName, number>()

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  get all(): Session[] {
    return [...this.#sessions.values()]
  }

  find(id: string): Session | undefined {
    return this.#sessions.get(id)
  }

  /** Run a program. @throws MeshError `too-many`, what `Host.runProgram` throws, `Host.disk` where it is to be recorded */
  async start(by: Caller, rights: FullRights, request: OpenRequest): Promise<Session> {
    const { user } = by
    this.#refuseTooMany(user)
    this.#starting.set(user, (this.#starting.get(user) ?? 0) + 1)
    try {
      return await this.#run(by, rights, request)
    } finally {
      const count = (this.#starting.get(user) ?? 1) - 1
      if (count > 0) this.#starting.set(user, count)
      else this.#starting.delete(user)
    }
  }

  async #run({ user, endpoint }: Caller, rights: FullRights, request: OpenRequest): Promise<Session> {
    const { host, limits, history, config } = this.#options
    const { command = config().shell, env, terminal } = request
    const { account, isNeverRoot, groups } = rights
    const id = randomBytes(8).toString('hex')
    const recording = await this.#record(id, user, { ...request, command })
    let program: RunningProgram
    try {
      program = await host.runProgram({
        env: env as Record<string, string>,
        isNeverRoot,
        ...(account !== undefined && { account }),
        ...(command && { command }),
        ...(terminal && { terminal }),
      })
    } catch (error) {
      await recording?.[Symbol.asyncDispose]()
      throw error
    }
    const hasTerminal = terminal !== undefined
    const session = new Session({
      ...{ id, user, peer: endpoint, groups, command, account, hasTerminal, program, host },
      tap: recording,
      keptBytes: limits.keptBytes,
      onEnd: (ended, end) => {
        void recording?.[Symbol.asyncDispose]()
        history.end(ended, end)
        const durationMs = Math.max(0, host.clock.now() - ended.startedAtMs)
        const { outputBytes } = ended
        host.log.info('terminal.ended', { session: id, user, durationMs, outputBytes, ...end })
        this.#settle(ended)
      },
      onViewers: changed => this.#watch(changed),
    })
    if (recording !== undefined) {
      recording.onFailed = why =>
        this.close(session, `This session was ended: it cannot be recorded any more: ${why}`)
    }
    this.#sessions.set(id, session)
    history.begin(session)
    this.#watchIdle(session)
    return session
  }

  /** Begin to write it down, where the owner wants that. */
  async #record(
    id: string,
    user: UserName,
    { command, terminal }: OpenRequest,
  ): Promise<Recording | undefined> {
    const { host, recordings, config } = this.#options
    const folder = config().recordings
    if (folder === undefined || terminal === undefined) return undefined
    return await recordings.begin(folder, {
      session: id,
      size: terminal,
      title: `${user}@${host.endpoint.name}`,
      ...(command && { command: command.join(' ').slice(0, MAX_SHOWN_COMMAND) }),
    })
  }

  /** Who came to one that was over heard of its end: it is not needed any more. */
  told(session: Session): void {
    if (session.end !== undefined) this.#remove(session)
  }

  /** End a session and what runs in it. @param why  for those who look */
  close(session: Session, why?: string): void {
    if (session.end !== undefined) {
      this.#remove(session)
      return
    }
    this.#closed.add(session)
    session.close(why)
    this.#options.host.after(END_GRACE_MS, () => this.#sessions.has(session.id) && session.kill())
  }

  /** The time after which a session is idle was changed. */
  idleChanged(): void {
    for (const session of this.all) this.#watchIdle(session)
  }

  /** The app ends: so do all. */
  closeAll(): void {
    for (const cancel of [...this.#ends.values(), ...this.#idles.values()]) cancel()
    for (const session of this.all) session.close()
  }

  #refuseTooMany(user: UserName): void {
    const { maxSessions, maxSessionsPerUser } = this.#options.limits
    const own = this.all.filter(session => session.options.user === user).length
    const startingCount = [...this.#starting.values()].reduce((sum, count) => sum + count, 0)
    const count = this.#sessions.size + startingCount
    if (count < maxSessions && own + (this.#starting.get(user) ?? 0) < maxSessionsPerUser) return
    throw new MeshError(
      'too-many',
      'Cannot open terminal: too many run there: close some (`ztm terminal get`)',
    )
  }

  /** Its program ended: keep it for who was away, unless it was ended on purpose. */
  #settle(session: Session): void {
    const isMissed = session.options.hasTerminal && !session.isAttached && !this.#closed.has(session)
    if (isMissed) this.#endLater(session, this.#options.limits.endedMs, () => this.#remove(session))
    else this.#remove(session)
  }

  #remove(session: Session): void {
    for (const waits of [this.#ends, this.#idles]) {
      waits.get(session)?.()
      waits.delete(session)
    }
    if (this.#sessions.delete(session.id)) this.#options.onGone(session)
  }

  #endLater(session: Session, ms: number, end: () => void): void {
    this.#ends.get(session)?.()
    this.#ends.set(session, this.#options.host.after(ms, end))
  }

  /** One that nobody is attached to ends one day. */
  #watch(session: Session): void {
    if (session.end !== undefined || !this.#sessions.has(session.id)) return
    this.#ends.get(session)?.()
    this.#ends.delete(session)
    if (session.isAttached) return
    const { host, limits } = this.#options
    host.log.info('terminal.detached', { session: session.id, user: session.options.user })
    this.#endLater(session, limits.detachedMs, () => this.close(session))
  }

  #watchIdle(session: Session): void {
    this.#idles.get(session)?.()
    this.#idles.delete(session)
    const { host, config } = this.#options
    const { idleMs } = config()
    if (idleMs === 0 || !this.#sessions.has(session.id)) return
    // The clock may have been set: never wait longer than the whole time.
    const leftMs = Math.min(idleMs, session.activeAtMs + idleMs - host.clock.now())
    if (leftMs > 0) {
      this.#idles.set(
        session,
        host.after(leftMs, () => this.#watchIdle(session)),
      )
      return
    }
    host.log.info('terminal.idle', { session: session.id, user: session.options.user, idleMs })
    this.close(session, 'This session was ended: nothing was typed for too long')
  }
}

/** What a program that was told to end has for it. */
const END_GRACE_MS = 5_000
