import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import type { Handlers } from '../../core/api/route.ts'
import { nameShape, userShape } from '../../core/api/shapes.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import type { App, AppCaller, AppInstance, Host, Hosting, Incoming, RunningProgram } from '../../sdk/app.ts'
import { atEndpoint as at } from '../../sdk/for-apps/at-endpoint.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { createRateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { TERMINAL_LIMITS, type TerminalLimits } from './limits.ts'
import { requestShape, TERMINAL_API, type TerminalAnswer, type TerminalConfig } from './messages.ts'
import { passOn, terminalServiceOf } from './pass-on.ts'
import { Session } from './session.ts'

/** Terminals, and commands without one, on another endpoint. They live on while nobody looks. */
export const terminalApp: App = createTerminalApp()

/** The terminal app with limits of one's own. */
export function createTerminalApp(limits: TerminalLimits = TERMINAL_LIMITS): App {
  return {
    name: 'ztm/terminal',
    api: TERMINAL_API,
    async start(host) {
      const terminals = new Terminals(host, limits)
      await terminals.restore()
      return {
        // A handler takes what its own route's shapes give; the host calls it with just that.
        handlers: createHandlers(host, terminals) as unknown as AppInstance['handlers'],
        receiveLocal: stream => void passOn(host, limits, stream),
        [Symbol.asyncDispose]: () => terminals[Symbol.asyncDispose](),
      }
    },
  }
}

function createHandlers(host: Host, terminals: Terminals): Handlers<typeof TERMINAL_API, AppCaller> {
  const api = TERMINAL_API
  return {
    showConfig: call => at(host, api.showConfig, call, () => terminals.describe()),
    changeConfig: call => at(host, api.changeConfig, call, () => terminals.change(call.body)),
  }
}

const recordShape = z.object({
  version: z.literal(1),
  isEnabled: z.boolean(),
  users: z.array(userShape),
  groups: z.array(nameShape).default([]),
})
type TerminalRecord = z.output<typeof recordShape>
type Request = z.output<typeof requestShape>

class Terminals implements AsyncDisposable {
  readonly #host: Host
  readonly #limits: TerminalLimits
  readonly #sessions = new Map<string, Session>()
  /** Take away the end of sessions that nobody is attached to. */
  readonly #ends = new Map<Session, () => void>()
  readonly #exclusive = createExclusive()
  readonly #warn: ReturnType<typeof createRateLimitedLog>
  #record: TerminalRecord = { version: 1, isEnabled: true, users: [], groups: [] }
  #hosting: Hosting | undefined
  #error: MeshError | undefined
  #startingCount = 0

  constructor(host: Host, limits: TerminalLimits) {
    this.#host = host
    this.#limits = limits
    this.#warn = createRateLimitedLog(host, 'terminal.refused', limits.logIntervalMs)
  }

  async restore(): Promise<void> {
    const kept = recordShape.safeParse(await this.#host.storage.get('config'))
    if (kept.success) this.#record = kept.data
    await this.#open().catch(() => {})
  }

  describe(): TerminalConfig {
    const { isEnabled, users, groups } = this.#record
    const error = this.#error ?? this.#hosting?.error
    return {
      isEnabled,
      users: [...users],
      groups: [...groups],
      sessionCount: this.#sessions.size,
      ...(error && { error: error.message }),
    }
  }

  change(change: {
    users?: UserName[] | undefined
    groups?: Name[] | undefined
    isEnabled?: boolean | undefined
  }): Promise<TerminalConfig> {
    return this.#exclusive.run('config', async () => {
      const { users = this.#record.users, groups = this.#record.groups } = change
      const { isEnabled = this.#record.isEnabled } = change
      const record = { version: 1, users, groups, isEnabled } as const
      await this.#host.storage.put('config', record)
      this.#record = record
      await this.#open()
      return this.describe()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusive.whenIdle()
    await this.#hosting?.[Symbol.asyncDispose]()
    for (const cancel of this.#ends.values()) cancel()
    for (const session of this.#sessions.values()) session.close()
  }

  /** Be found, or not, as the record says. @throws MeshError `name-taken`, `bad-name` */
  async #open(): Promise<void> {
    const { isEnabled, users, groups } = this.#record
    this.#error = undefined
    const access = { users: [...users], groups: [...groups], entrances: [] }
    if (!isEnabled) {
      await this.#hosting?.[Symbol.asyncDispose]()
      this.#hosting = undefined
      return
    }
    try {
      if (this.#hosting !== undefined) await this.#hosting.update(access)
      else {
        const onStream = (incoming: Incoming) => void this.#receive(incoming)
        this.#hosting = await this.#host.serve(terminalServiceOf(this.#host.endpoint.user), {
          access,
          onStream,
        })
        this.#hosting.report('up')
      }
    } catch (thrown) {
      this.#error = toMeshError(thrown)
      throw this.#error
    }
  }

  async #receive(incoming: Incoming): Promise<void> {
    const { user, endpoint } = incoming.from
    const stream = incoming.accept()
    stream.on('error', () => {})
    const cancelHello = this.#host.after(this.#limits.helloTimeoutMs, () => stream.destroy())
    try {
      const request = await readSmallMessage(stream, requestShape)
      cancelHello()
      await this.#serve(stream, user, request, endpoint)
    } catch (thrown) {
      cancelHello()
      const error = toMeshError(thrown)
      this.#warn(error.code, { user, peer: endpoint, code: error.code, reason: error.message })
      const answer: TerminalAnswer = { isGood: false, error: error.toBody() }
      if (!stream.destroyed) stream.end(encodeSmallMessage(answer))
    }
  }

  async #serve(stream: Duplex, user: UserName, request: Request, peer: string): Promise<void> {
    switch (request.kind) {
      case 'list': {
        const sessions = this.#visibleTo(user)
          .slice(0, MAX_LISTED)
          .map(session => session.describe())
        stream.end(encodeSmallMessage({ isGood: true, sessions } satisfies TerminalAnswer))
        return
      }
      case 'close':
        this.#close(this.#find(request.session, user))
        stream.end(encodeSmallMessage({ isGood: true } satisfies TerminalAnswer))
        return
      case 'attach': {
        const session = this.#find(request.session, user)
        if (request.terminal !== undefined) session.resize(request.terminal)
        this.#give(stream, session, session.startFor(request.received), peer)
        return
      }
      case 'open':
        this.#give(stream, await this.#start(user, request), 0, peer)
    }
  }

  #give(stream: Duplex, session: Session, from: number, peer: string): void {
    const { id, user, command, hasTerminal } = session.options
    // Its arguments may be secrets.
    const program = command?.[0]?.slice(0, MAX_LOGGED_PROGRAM)
    this.#host.log.info('terminal.attached', { session: id, user, peer, hasTerminal, program })
    stream.write(encodeSmallMessage({ isGood: true, session: id, from } satisfies TerminalAnswer))
    session.attach(stream, from)
  }

  async #start(user: UserName, { command, env, terminal }: Request & { kind: 'open' }): Promise<Session> {
    const own = [...this.#sessions.values()].filter(session => session.options.user === user).length
    const { maxSessions, maxSessionsPerUser } = this.#limits
    const count = this.#sessions.size + this.#startingCount
    if (count >= maxSessions || own + this.#startingCount >= maxSessionsPerUser) {
      throw new MeshError(
        'too-many',
        'Cannot open terminal: too many run there: close some (`ztm terminal get`)',
      )
    }
    this.#startingCount += 1
    let program: RunningProgram
    try {
      program = await this.#host.runProgram({
        env,
        ...(command && { command }),
        ...(terminal && { terminal }),
      })
    } finally {
      this.#startingCount -= 1
    }
    const session = new Session({
      id: randomBytes(8).toString('hex'),
      user,
      command,
      hasTerminal: terminal !== undefined,
      program,
      startedAtMs: this.#host.clock.now(),
      keptBytes: this.#limits.keptBytes,
      onEnd: (ended, end) => {
        this.#ends.get(ended)?.()
        this.#ends.delete(ended)
        this.#sessions.delete(ended.id)
        this.#host.log.info('terminal.ended', { session: ended.id, user, ...end })
      },
      onAttached: changed => this.#watch(changed),
    })
    this.#sessions.set(session.id, session)
    return session
  }

  /** One that nobody is attached to ends one day. */
  #watch(session: Session): void {
    this.#ends.get(session)?.()
    this.#ends.delete(session)
    if (session.isAttached || !this.#sessions.has(session.id)) return
    this.#host.log.info('terminal.detached', { session: session.id, user: session.options.user })
    this.#ends.set(
      session,
      this.#host.after(this.#limits.detachedMs, () => this.#close(session)),
    )
  }

  #close(session: Session): void {
    session.close()
    this.#host.after(END_GRACE_MS, () => this.#sessions.has(session.id) && session.kill())
  }

  #visibleTo(user: UserName): Session[] {
    const all = [...this.#sessions.values()]
    return user === this.#host.endpoint.user ? all : all.filter(session => session.options.user === user)
  }

  #find(id: string, user: UserName): Session {
    const session = this.#visibleTo(user).find(one => one.id === id)
    if (session !== undefined) return session
    throw new MeshError('not-found', `Cannot find session ${id}: it has ended, or is another user's`)
  }
}

/** Sessions in a list; more do not fit its message. */
const MAX_LISTED = 16
const MAX_LOGGED_PROGRAM = 200
/** What a program that was told to end has for it. */
const END_GRACE_MS = 5_000
