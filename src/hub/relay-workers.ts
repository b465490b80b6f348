import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Log } from '../core/model/log.ts'
import { detachSocket, isMovable } from '../net/raw-socket.ts'
import { resetSocket } from '../net/reset-socket.ts'
import type { Splice } from '../net/splice.ts'
import type { RelayCarrier } from './relay-carrier.ts'
import type { RelayGrants } from './relay-grants.ts'
import type { FromRelayWorker, ToRelayWorker } from './relay-messages.ts'

/** What a hub's worker processes are made of. */
export interface RelayWorkersOptions {
  readonly count: number
  /** Start a process that runs `runRelayWorker`, with a channel that carries handles and bytes. */
  readonly start: () => ChildProcess
  readonly grants: RelayGrants | undefined
  /** Carries what cannot be handed over. */
  readonly local: RelayCarrier
  readonly log: Log
}

/**
 * Make a carrier that hands connections to the least busy of some processes. One that dies takes its own relays with it,
 * and is started again. They are started for the first relay, as many a hub has none, or when they are asked for: by a hub
 * that may have to take over those of another at any moment.
 *
 * @see docs/decisions/0020-relay-workers.md
 */
export function createRelayWorkers(options: RelayWorkersOptions): RelayCarrier {
  const { local } = options
  const workers: RelayWorker[] = []
  let nextRelay = 1
  const prepare = () => {
    while (workers.length < options.count) workers.push(new RelayWorker(options))
  }
  return {
    prepare,
    carry(a, b, payer) {
      prepare()
      const [best] = workers.filter(({ isUp }) => isUp).sort((one, other) => one.compareLoad(other))
      if (best === undefined || !isMovable(a) || !isMovable(b)) return local.carry(a, b, payer)
      return best.carry(nextRelay++, [a, b], payer)
    },
    get throttledMs() {
      return workers.reduce((sum, { throttledMs }) => sum + throttledMs, local.throttledMs)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map(worker => worker[Symbol.asyncDispose]()))
      await local[Symbol.asyncDispose]()
    },
  }
}

/** A relay that another process carries. */
interface RemoteRelay {
  byteCount: number
  readonly onClosed: () => void
}

/** One process, and those that took its place when it had died. */
class RelayWorker implements AsyncDisposable {
  readonly #options: RelayWorkersOptions
  readonly #relays = new Map<number, RemoteRelay>()
  /** Not handed over yet. */
  readonly #waiting = new Set<Socket>()
  #child: ChildProcess | undefined
  #restart: NodeJS.Timeout | undefined
  #isEnding = false
  #startedAtMs = 0
  #quickDeathCount = 0
  /** Bytes of late: halved with each report. */
  #recentBytes = 0
  /** Of processes that ended, and of this one. */
  #throttledMs = { before: 0, now: 0 }

  constructor(options: RelayWorkersOptions) {
    this.#options = options
    this.#start()
  }

  get isUp(): boolean {
    return this.#child?.connected === true
  }

  get throttledMs(): number {
    return this.#throttledMs.before + this.#throttledMs.now
  }

  /** Below zero if this one is less busy. */
  compareLoad(other: RelayWorker): number {
    const difference = this.#recentBytes - other.#recentBytes
    return Math.abs(difference) > BUSY_BYTES ? difference : this.#relays.size - other.#relays.size
  }

  carry(relay: number, sockets: readonly [Socket, Socket], payer: string): Splice {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const remote: RemoteRelay = { byteCount: 0, onClosed: resolve }
    this.#relays.set(relay, remote)
    for (const { socket, unread } of sockets.map(detachSocket)) {
      // One whose handle went to a process that died is closed, and says so when it is reset.
      socket.on('error', () => {})
      this.#waiting.add(socket)
      this.#send({ do: 'half', relay, payer, unread }, socket)
    }
    return { byteCount: () => remote.byteCount, cut: () => this.#send({ do: 'cut', relay }), closed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (child === undefined) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    if (child.connected) child.disconnect()
    const late = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS)
    await ended
    clearTimeout(late)
  }

  #start(): void {
    const child = this.#options.start()
    this.#child = child
    this.#startedAtMs = performance.now()
    child.on('message', message => {
      if (child === this.#child) this.#hear(message as FromRelayWorker)
    })
    // Of one that cannot be started, or whose channel broke: `exit` follows, or has been.
    child.on('error', error => {
      this.#options.log.warn('relay-worker.failed', { error: error.message })
      if (child.pid === undefined) this.#ended(child, {})
      else child.kill('SIGKILL')
    })
    child.once('exit', (code, signal) => this.#ended(child, { code, signal }))
    this.#send({ do: 'begin', leaseBytes: this.#options.grants?.leaseBytes })
  }

  #send(message: ToRelayWorker, socket?: Socket): void {
    const child = this.#child
    if (child?.connected !== true) {
      if (socket !== undefined) resetSocket(socket)
      return
    }
    child.send(message, socket, {}, error => {
      if (socket === undefined || !this.#waiting.delete(socket)) return
      if (error !== null) resetSocket(socket)
    })
  }

  #hear(message: FromRelayWorker): void {
    const { grants } = this.#options
    switch (message.did) {
      case 'close': {
        const remote = this.#relays.get(message.relay)
        this.#relays.delete(message.relay)
        if (remote === undefined) return
        remote.byteCount = Math.max(remote.byteCount, message.byteCount)
        remote.onClosed()
        break
      }
      case 'count':
        this.#count(message.byteCounts)
        this.#throttledMs.now = message.throttledMs
        break
      case 'ask': {
        const { payer, byteCount } = message
        grants?.ask(payer, byteCount, () => this.#send({ do: 'grant', payer, byteCount }))
        break
      }
      case 'give-back':
        grants?.giveBack(message.payer, message.byteCount)
        break
      default:
        message satisfies never
    }
  }

  #count(byteCounts: readonly (readonly [number, number])[]): void {
    this.#recentBytes /= 2
    for (const [relay, byteCount] of byteCounts) {
      const remote = this.#relays.get(relay)
      if (remote === undefined) continue
      this.#recentBytes += byteCount - remote.byteCount
      remote.byteCount = byteCount
    }
  }

  #ended(child: ChildProcess, how: { code?: number | null; signal?: string | null }): void {
    if (child !== this.#child) return
    this.#child = undefined
    this.#throttledMs = { before: this.throttledMs, now: 0 }
    this.#recentBytes = 0
    for (const socket of this.#waiting) resetSocket(socket)
    this.#waiting.clear()
    const lost = [...this.#relays.values()]
    this.#relays.clear()
    for (const { onClosed } of lost) onClosed()
    if (this.#isEnding) return
    const { log } = this.#options
    log.warn('relay-worker.died', { relays: lost.length, code: how.code ?? -1, signal: how.signal ?? '' })
    const isQuick = performance.now() - this.#startedAtMs < QUICK_DEATH_MS
    this.#quickDeathCount = isQuick ? this.#quickDeathCount + 1 : 0
    if (this.#quickDeathCount >= MAX_QUICK_DEATHS) {
      log.error('relay-worker.given-up', { deaths: this.#quickDeathCount })
      return
    }
    this.#restart = setTimeout(() => this.#start(), this.#quickDeathCount * RESTART_MS)
  }
}

/** One that carried so much more than another of late is the busier one; else the one with more relays is. */
const BUSY_BYTES = 1_000_000
/** A worker that is told to end may break its relays in this time. */
const END_TIMEOUT_MS = 2_000
/** One that dies so soon may not be able to run here at all. */
const QUICK_DEATH_MS = 5_000
/** After so many quick deaths one after another it is not started again. */
const MAX_QUICK_DEATHS = 5
/** How long to wait before it is started again, for each quick death. */
const RESTART_MS = 100
