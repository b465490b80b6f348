import { z } from 'zod'
import type { Handlers } from '../../core/api/route.ts'
import type { Json } from '../../core/model/store.ts'
import type { App, AppCaller, AppInstance, Host } from '../../sdk/app.ts'
import { answerRequests } from '../../sdk/for-apps/answer-requests.ts'
import { atEndpoint as at } from '../../sdk/for-apps/at-endpoint.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { createJournal, type Journal } from '../../sdk/for-apps/journal.ts'
import { createOwnHosting, type OwnHosting } from '../../sdk/for-apps/own-hosting.ts'
import { passOn } from '../../sdk/for-apps/pass-on.ts'
import { SCRIPT_LIMITS, type ScriptLimits } from './limits.ts'
import {
  MAX_SCRIPT_REQUEST_BYTES,
  requestShape,
  ruleShape,
  runShape,
  SCRIPT_API,
  type ScriptConfig,
  type ScriptRule,
  type ScriptRun,
} from './messages.ts'
import { Runs } from './runs.ts'
import { scriptServiceOf } from './script-service.ts'

/** Scripts in JavaScript or TypeScript on other endpoints, each in a process that has what its owner grants. */
export const scriptApp: App = createScriptApp()

/** The script app with limits of one's own. */
export function createScriptApp(limits: ScriptLimits = SCRIPT_LIMITS): App {
  return {
    name: 'ztm/script',
    api: SCRIPT_API,
    async start(host) {
      const scripts = new Scripts(host, limits)
      await scripts.restore()
      return {
        // A handler takes what its own route's shapes give; the host calls it with just that.
        handlers: createHandlers(host, scripts) as unknown as AppInstance['handlers'],
        receiveLocal: stream =>
          void passOn(
            {
              host,
              shape: requestShape,
              maxBytes: MAX_SCRIPT_REQUEST_BYTES,
              serviceOf: scriptServiceOf,
              helloTimeoutMs: limits.helloTimeoutMs,
            },
            stream,
          ),
        [Symbol.asyncDispose]: () => scripts[Symbol.asyncDispose](),
      }
    },
  }
}

function createHandlers(host: Host, scripts: Scripts): Handlers<typeof SCRIPT_API, AppCaller> {
  const api = SCRIPT_API
  return {
    showConfig: call => at(host, api.showConfig, call, () => scripts.describe()),
    changeConfig: call => at(host, api.changeConfig, call, () => scripts.change(call.body)),
    listHistory: call =>
      at(host, api.listHistory, call, async () => ({ runs: (await scripts.journal.list()).slice(0, 200) })),
  }
}

const recordShape = z.object({
  version: z.literal(1),
  isEnabled: z.boolean(),
  rules: z.array(ruleShape),
})
type ScriptRecord = z.output<typeof recordShape>

class Scripts implements AsyncDisposable {
  readonly journal: Journal<ScriptRun>
  readonly #host: Host
  readonly #runs: Runs
  readonly #exclusive = createExclusive()
  readonly #hosting: OwnHosting
  #record: ScriptRecord = { version: 1, isEnabled: true, rules: [] }

  constructor(host: Host, limits: ScriptLimits) {
    const { helloTimeoutMs, logIntervalMs } = limits
    this.#host = host
    const onStream = answerRequests({
      ...{ host, shape: requestShape, maxBytes: MAX_SCRIPT_REQUEST_BYTES, helloTimeoutMs },
      ...{ event: 'script.refused', logIntervalMs },
      serve: (stream, asker, request, heard) => this.#runs.serve(stream, asker, request, heard),
    })
    this.#hosting = createOwnHosting(host, scriptServiceOf, onStream)
    this.journal = createJournal<ScriptRun>({
      host,
      shape: runShape,
      keyOf: ({ startedAtMs, run }) => ({ atMs: startedAtMs, id: run }),
      maxCount: limits.maxHistory,
    })
    this.#runs = new Runs({ host, limits, journal: this.journal, rules: () => this.#record.rules })
  }

  async restore(): Promise<void> {
    const kept = recordShape.safeParse(await this.#host.storage.get('config'))
    if (kept.success) this.#record = kept.data
    await this.#open().catch(() => {})
  }

  describe(): ScriptConfig {
    const { isEnabled, rules } = this.#record
    const { error } = this.#hosting
    return { isEnabled, rules, runCount: this.#runs.count, ...(error && { error: error.message }) }
  }

  change(change: {
    isEnabled?: boolean | undefined
    rules?: ScriptRule[] | undefined
  }): Promise<ScriptConfig> {
    return this.#exclusive.run('config', async () => {
      const { isEnabled = this.#record.isEnabled, rules = this.#record.rules } = change
      const record: ScriptRecord = { version: 1, isEnabled, rules }
      await this.#host.storage.put('config', record as Json)
      this.#record = record
      const owner = this.#host.endpoint.user
      // Whether a rule for groups still fits who runs one is not known any more: better none.
      this.#runs.killAll(
        'its owner changed who may run scripts',
        ({ user }) =>
          !isEnabled || (user !== owner && this.#runs.allowanceOf({ user, groups: () => [] }) === undefined),
      )
      await this.#open()
      return this.describe()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusive.whenIdle()
    await this.#hosting[Symbol.asyncDispose]()
    this.#runs.killAll('the agent ends')
    await this.#runs.whenIdle()
    await this.journal.whenKept()
  }

  /** Be found, or not, as the record says. @throws MeshError `name-taken`, `bad-name` */
  async #open(): Promise<void> {
    const { isEnabled, rules } = this.#record
    const access = {
      users: [...new Set(rules.flatMap(({ users }) => users))],
      groups: [...new Set(rules.flatMap(({ groups }) => groups))],
      entrances: [],
    }
    await this.#hosting.open(isEnabled ? access : undefined)
  }
}
