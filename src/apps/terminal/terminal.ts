import { z } from 'zod'
import type { Handlers } from '../../core/api/route.ts'
import { userShape } from '../../core/api/shapes.ts'
import type { Json } from '../../core/model/store.ts'
import type { App, AppCaller, AppInstance, Host } from '../../sdk/app.ts'
import { answerRequests } from '../../sdk/for-apps/answer-requests.ts'
import { atEndpoint as at } from '../../sdk/for-apps/at-endpoint.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { createOwnHosting, type OwnHosting } from '../../sdk/for-apps/own-hosting.ts'
import { passOn } from '../../sdk/for-apps/pass-on.ts'
import { createForwards, type Forwards } from './forwards.ts'
import { createHistory, type History } from './history.ts'
import { TERMINAL_LIMITS, type TerminalLimits } from './limits.ts'
import {
  DEFAULT_RECORDINGS,
  MAX_REQUEST_BYTES,
  requestShape,
  TERMINAL_API,
  type TerminalChange,
  type TerminalConfig,
  terminalConfigShape,
} from './messages.ts'
import { Reception } from './reception.ts'
import { createRecordings, type Recordings } from './recordings.ts'
import { Sessions } from './sessions.ts'
import { createShares, type Shares } from './shares.ts'
import { terminalServiceOf } from './terminal-service.ts'

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
        receiveLocal: stream =>
          void passOn(
            {
              host,
              shape: requestShape,
              maxBytes: MAX_REQUEST_BYTES,
              serviceOf: terminalServiceOf,
              helloTimeoutMs: limits.helloTimeoutMs,
              isHalfOpen: ({ kind }) => kind === 'forward',
            },
            stream,
          ),
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
    listHistory: call =>
      at(host, api.listHistory, call, async () => ({ sessions: await terminals.history.list() })),
    listRecordings: call =>
      at(host, api.listRecordings, call, async () => ({
        recordings: await terminals.recordings.list(terminals.recordingsFolder),
      })),
    eraseRecording: call =>
      at(host, api.eraseRecording, call, async () => {
        await terminals.recordings.erase(terminals.recordingsFolder, call.params.session)
        return undefined
      }),
  }
}

const recordShape = z.object({
  version: z.literal(1),
  isEnabled: z.boolean(),
  users: z.array(userShape),
  groups: terminalConfigShape.shape.groups,
  accounts: terminalConfigShape.shape.accounts.default({}),
  shell: terminalConfigShape.shape.shell,
  idleMs: z.number().default(0),
  mayForward: z.boolean().default(true),
  recordings: terminalConfigShape.shape.recordings,
})
type TerminalRecord = z.output<typeof recordShape>

/** What is null is taken away, what is left out stays. */
function merge(before: TerminalRecord, { accounts, ...change }: TerminalChange): TerminalRecord {
  const all = Object.entries({ ...before.accounts, ...accounts }).filter(([, account]) => account !== null)
  const members = Object.entries({ ...before, ...definedOf(change), accounts: Object.fromEntries(all) })
  return recordShape.parse(Object.fromEntries(members.filter(([, value]) => value !== null)))
}

function definedOf(change: object): object {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

class Terminals implements AsyncDisposable {
  readonly history: History
  readonly recordings: Recordings
  readonly #host: Host
  readonly #sessions: Sessions
  readonly #shares: Shares
  readonly #forwards: Forwards
  readonly #reception: Reception
  readonly #exclusive = createExclusive()
  readonly #hosting: OwnHosting
  #record: TerminalRecord = recordShape.parse({ version: 1, isEnabled: true, users: [] })

  constructor(host: Host, limits: TerminalLimits) {
    const { helloTimeoutMs, logIntervalMs } = limits
    this.#host = host
    const onStream = answerRequests({
      ...{ host, shape: requestShape, maxBytes: MAX_REQUEST_BYTES, helloTimeoutMs },
      ...{ event: 'terminal.refused', logIntervalMs },
      serve: (stream, asker, request, heard) => {
        heard()
        return this.#reception.serve(stream, asker, request)
      },
    })
    this.#hosting = createOwnHosting(host, terminalServiceOf, onStream)
    this.history = createHistory(host, limits.maxHistory)
    this.recordings = createRecordings(host, limits)
    const config = () => this.#record
    this.#forwards = createForwards(host, limits)
    this.#shares = createShares(host, {
      maxCount: limits.maxShares,
      onChange: () => void this.#exclusive.run('config', () => this.#open()).catch(() => {}),
    })
    this.#sessions = new Sessions({
      host,
      limits,
      history: this.history,
      recordings: this.recordings,
      config,
      onGone: ({ id }) => this.#shares.remove(id),
    })
    this.#reception = new Reception({
      host,
      limits,
      config,
      sessions: this.#sessions,
      shares: this.#shares,
      forwards: this.#forwards,
      recordings: this.recordings,
    })
  }

  /** Where recordings are, or would be. */
  get recordingsFolder(): string {
    return this.#record.recordings ?? DEFAULT_RECORDINGS
  }

  async restore(): Promise<void> {
    const kept = recordShape.safeParse(await this.#host.storage.get('config'))
    if (kept.success) this.#record = kept.data
    await this.#open().catch(() => {})
  }

  describe(): TerminalConfig {
    const { version: _, ...config } = this.#record
    const { error } = this.#hosting
    return { ...config, sessionCount: this.#sessions.all.length, ...(error && { error: error.message }) }
  }

  change(change: TerminalChange): Promise<TerminalConfig> {
    return this.#exclusive.run('config', async () => {
      const record = merge(this.#record, change)
      await this.#host.storage.put('config', record as Json)
      this.#record = record
      this.#endNoLongerAllowed()
      this.#sessions.idleChanged()
      await this.#open()
      return this.describe()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusive.whenIdle()
    await this.#hosting[Symbol.asyncDispose]()
    this.#forwards.reset()
    this.#sessions.closeAll()
    await this.history.whenKept()
  }

  /** What others do here ends when they may not any more. */
  #endNoLongerAllowed(): void {
    const { isEnabled, mayForward } = this.#record
    for (const session of this.#sessions.all) {
      if (!isEnabled || !this.#reception.mayStillRun(session)) this.#sessions.close(session)
    }
    if (!isEnabled || !mayForward) this.#forwards.reset()
  }

  /** Be found, or not, as the record and the invitations say. @throws MeshError `name-taken`, `bad-name` */
  async #open(): Promise<void> {
    const { isEnabled, users, groups } = this.#record
    if (!isEnabled) return this.#hosting.open(undefined)
    const all = [...new Set([...users, ...this.#shares.users])]
    await this.#hosting.open({ users: all, groups, entrances: [] })
    for (const session of this.#sessions.all) {
      session.keepViewers(identity => this.#reception.mayStillLook(session, identity))
    }
  }
}
