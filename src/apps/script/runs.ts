import { createHash, randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { encodeTerminalFrames } from '../../core/codec/terminal-frame.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import { ms } from '../../core/model/time.ts'
import type { Host, RunningScript, ScriptEnd } from '../../sdk/app.ts'
import type { Journal } from '../../sdk/for-apps/journal.ts'
import { readExactly } from '../../sdk/for-apps/read-exactly.ts'
import { encodeSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { carryScript } from './carry.ts'
import type { ScriptLimits } from './limits.ts'
import type { requestShape, ScriptAnswer, ScriptRule, ScriptRun } from './messages.ts'
import { type Allowance, type Asking, checkAsked, findAllowance } from './rights.ts'

/** What scripts are run with. */
export interface RunsOptions {
  readonly host: Host
  readonly limits: ScriptLimits
  readonly journal: Journal<ScriptRun>
  readonly rules: () => readonly ScriptRule[]
}

type Caller = Asking & { readonly endpoint: EndpointId }
type Request = z.output<typeof requestShape>
type RunRequest = Extract<Request, { kind: 'run' }>

/** The scripts that run at an endpoint, and those who ask for them. */
export class Runs {
  readonly #options: RunsOptions
  readonly #running = new Map<string, { readonly info: ScriptRun; readonly script: RunningScript }>()
  readonly #starting = new Map<UserName, number>()
  #idle = Promise.withResolvers<void>()

  constructor(options: RunsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#running.size
  }

  /**
   * Serve a request on its stream, to the end of a script that it runs.
   *
   * @param onRead  all of the request was read
   * @throws MeshError `denied`, `not-found`, `too-many`, what `Host.runScript` throws
   */
  async serve(stream: Duplex, caller: Caller, request: Request, onRead: () => void): Promise<void> {
    if (request.kind === 'run') return await this.#run(stream, caller, request, onRead)
    onRead()
    const visible = [...this.#running.values()].filter(
      ({ info }) => caller.user === this.#owner || info.user === caller.user,
    )
    if (request.kind === 'list') {
      stream.write(encodeSmallMessage({ isGood: true } satisfies ScriptAnswer))
      const list = Buffer.from(JSON.stringify(visible.map(({ info }) => info)))
      for (const piece of encodeTerminalFrames('output', list)) stream.write(piece)
      for (const piece of encodeTerminalFrames('end', Buffer.from('{"code":0}'))) stream.write(piece)
      stream.end()
      return
    }
    const found = visible.find(({ info }) => info.run === request.run)
    if (found === undefined) {
      throw new MeshError('not-found', `Cannot kill run ${request.run}: it has ended, or is another user's`)
    }
    found.script.kill(`killed by ${caller.user}`)
    stream.end(encodeSmallMessage({ isGood: true } satisfies ScriptAnswer))
  }

  /** Kill those of users who may run none any more, or all. */
  killAll(why: string, isMeant: (info: ScriptRun) => boolean = () => true): void {
    for (const { info, script } of this.#running.values()) if (isMeant(info)) script.kill(why)
  }

  /** Resolves when none runs, and all is written down. */
  async whenIdle(): Promise<void> {
    if (this.#running.size === 0) return
    this.#idle = Promise.withResolvers()
    await this.#idle.promise
  }

  /** What somebody may have here now; undefined for nothing. */
  allowanceOf(asking: Asking): Allowance | undefined {
    const { limits, rules } = this.#options
    const most = { memoryMb: limits.maxMemoryMb, timeoutMs: limits.maxTimeoutMs }
    return findAllowance(rules(), this.#owner, asking, most)
  }

  get #owner(): UserName {
    return this.#options.host.endpoint.user
  }

  async #run(stream: Duplex, caller: Caller, request: RunRequest, onRead: () => void): Promise<void> {
    const allowance = this.#check(caller, request)
    const { user, endpoint } = caller
    const source = await readExactly(stream, request.sourceBytes)
    onRead()
    this.#refuseTooMany(user)
    this.#starting.set(user, (this.#starting.get(user) ?? 0) + 1)
    let script: RunningScript
    try {
      const { isOwner } = allowance
      const { language, args, grants, memoryMb, timeoutMs } = request
      script = await this.#options.host.runScript({
        ...{ source, language, args, grants, memoryMb, timeoutMs },
        needsKernelWalls: !isOwner,
        isNeverRoot: !isOwner,
      })
    } finally {
      const count = (this.#starting.get(user) ?? 1) - 1
      if (count > 0) this.#starting.set(user, count)
      else this.#starting.delete(user)
    }
    const { name, grants } = request
    const { walls } = script
    const info: ScriptRun = {
      run: randomBytes(8).toString('hex'),
      hash: createHash('sha256').update(source).digest('hex'),
      startedAtMs: this.#options.host.clock.now(),
      ...{ name, user, endpoint, grants, walls },
    }
    this.#running.set(info.run, { info, script })
    this.#began(info)
    const answer: ScriptAnswer = { isGood: true, run: info.run, walls }
    stream.write(encodeSmallMessage(answer))
    const end = await carryScript(stream, script)
    this.#running.delete(info.run)
    this.#ended(info, end)
    if (this.#running.size === 0) this.#idle.resolve()
  }

  /** @throws MeshError `denied` */
  #check(caller: Caller, { grants, memoryMb, timeoutMs }: RunRequest): Allowance {
    const allowance = this.allowanceOf(caller)
    if (allowance === undefined) {
      throw new MeshError(
        'denied',
        `Cannot run script: its owner lets you run none there: ask ${this.#owner}`,
      )
    }
    checkAsked(grants, allowance)
    if (memoryMb > allowance.memoryMb) {
      throw new MeshError('denied', `Cannot run script: ${memoryMb} MiB: ${allowance.memoryMb} at most there`)
    }
    if (timeoutMs > allowance.timeoutMs) {
      const most = allowance.timeoutMs / 1_000
      throw new MeshError('denied', `Cannot run script for ${timeoutMs / 1_000} s: ${most} s at most there`)
    }
    return allowance
  }

  #refuseTooMany(user: UserName): void {
    const { maxRuns, maxRunsPerUser } = this.#options.limits
    const own = [...this.#running.values()].filter(({ info }) => info.user === user).length
    const startingCount = [...this.#starting.values()].reduce((sum, count) => sum + count, 0)
    if (
      this.#running.size + startingCount < maxRuns &&
      own + (this.#starting.get(user) ?? 0) < maxRunsPerUser
    ) {
      return
    }
    throw new MeshError('too-many', 'Cannot run script: too many run there: `ztm script get` lists them')
  }

  #began(info: ScriptRun): void {
    const { host, journal } = this.#options
    journal.keep(info)
    const { run, name, hash, user, endpoint: peer, walls } = info
    const asked = Object.entries(info.grants).flatMap(([kind, lines]) => lines.map(line => `${kind}:${line}`))
    host.log.info('script.started', { run, name, hash, user, peer, walls, grants: asked.join(' ') })
  }

  #ended(info: ScriptRun, end: ScriptEnd): void {
    const { host, journal } = this.#options
    const durationMs = ms(Math.max(0, host.clock.now() - info.startedAtMs))
    journal.keep({ ...info, durationMs, end })
    host.log.info('script.ended', { run: info.run, user: info.user, durationMs, ...end })
  }
}
