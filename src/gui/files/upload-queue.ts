import { AGENT_API } from '../../core/api/agent-api.ts'
import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { call } from '../api/call.ts'
import { appPrefix, errorOf } from '../api/files-queries.ts'
import { KEY_HEADER, readKey } from '../api/login.ts'
import { nextPieceBytes } from './transfer-rate.ts'

/** A file that is to go to a folder of an endpoint. */
export interface UploadOrder {
  readonly mesh: string
  /** The folder; it is made if it is missing. */
  readonly at: CopyPlaceName
  /** Below it: `photos/a.jpg`. */
  readonly name: string
  readonly file: File
  readonly mayReplace: boolean
}

/** A file on its way, or that was. */
export interface Upload {
  readonly key: number
  /** What the agent calls it; absent until it has answered. */
  readonly transfer?: string
  readonly mesh: string
  readonly name: string
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
  readonly doneBytes: number
  readonly totalBytes: number
  readonly error?: MeshError
}

interface Job {
  readonly order: UploadOrder
  shown: Upload
  /** All of it came; what is done then may have failed. */
  isThere?: boolean
  /** It was given up: the rest of its group goes on without it. */
  isLeftOut?: boolean
  readonly abort: AbortController
  readonly group: Group
}

/** Files that belong together: when all are there, but for those that were left out, something is done with them. */
interface Group {
  left: number
  /** The last that came. */
  lastThere?: Job
  readonly finish: () => Promise<unknown>
}

/** Takes files to folders of endpoints, a few at a time, for as long as the page is open; what was begun goes on where it was. */
export class UploadQueue {
  readonly #jobs = new Map<number, Job>()
  readonly #listeners = new Set<() => void>()
  /** Keys of those whose turn comes, in order; among them some that were given up. */
  #waiting: number[] = []
  #snapshot: readonly Upload[] = []
  #lastKey = 0
  #running = 0
  #isToldSoon = false

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  readonly snapshot = (): readonly Upload[] => this.#snapshot

  /** @param finish  called when all of them are there; what it throws is shown at the last of them */
  add(orders: readonly UploadOrder[], finish: () => Promise<unknown> = async () => {}): void {
    const group = { left: orders.length, finish } as Group
    for (const order of orders) {
      this.#lastKey += 1
      const { mesh, name, file } = order
      const shown = {
        key: this.#lastKey,
        mesh,
        name,
        doneBytes: 0,
        totalBytes: file.size,
        state: 'waiting',
      } as const
      this.#jobs.set(this.#lastKey, { order, shown, abort: new AbortController(), group })
      this.#waiting.push(this.#lastKey)
    }
    this.#tell()
    this.#pump()
  }

  /** Give one up, and throw away what came of it. */
  cancel(key: number): void {
    const job = this.#jobs.get(key)
    if (job === undefined || job.shown.state === 'done') return
    const wasRunning = job.shown.state === 'running'
    job.abort.abort()
    this.#leaveOut(job)
    if (!wasRunning) void this.#drop(job.order)
  }

  /** Try one again that failed; it goes on where it was. */
  retry(key: number): void {
    const job = this.#jobs.get(key)
    if (job?.shown.state !== 'failed') return
    const { error: _, ...shown } = job.shown
    job.shown = { ...shown, state: 'waiting' }
    this.#waiting.push(key)
    this.#tell()
    this.#pump()
  }

  /** Try all again that failed. */
  retryAll(mesh: string): void {
    for (const [key, { shown }] of this.#jobs)
      if (shown.mesh === mesh && shown.state === 'failed') this.retry(key)
  }

  /** Show those no more that are over. */
  forgetEnded(): void {
    for (const [key, { shown }] of this.#jobs) if (ENDED.has(shown.state)) this.#jobs.delete(key)
    this.#tell()
  }

  get isBusy(): boolean {
    return this.#running > 0 || this.#waiting.some(key => this.#jobs.get(key)?.shown.state === 'waiting')
  }

  #pump(): void {
    while (this.#running < AT_ONCE) {
      const key = this.#waiting.shift()
      if (key === undefined) return
      const job = this.#jobs.get(key)
      if (job?.shown.state !== 'waiting') continue
      this.#running += 1
      this.#show(job, { state: 'running' })
      void this.#run(job).finally(() => {
        this.#running -= 1
        this.#pump()
      })
    }
  }

  async #run(job: Job): Promise<void> {
    try {
      if (!job.isThere) {
        await this.#send(job)
        job.isThere = true
        job.group.left -= 1
        job.group.lastThere = job
      }
      if (job.group.left === 0) await job.group.finish()
      this.#show(job, { state: 'done' })
    } catch (thrown) {
      if (!job.abort.signal.aborted && !(thrown instanceof Stopped)) {
        this.#show(job, { state: 'failed', error: toMeshError(thrown) })
        return
      }
      this.#leaveOut(job)
      await this.#drop(job.order)
    }
  }

  /** One was given up, here or by another program; were the rest waiting for it alone, they need not any more. */
  #leaveOut(job: Job): void {
    const { error: _, ...shown } = job.shown
    job.shown = { ...shown, state: 'cancelled' }
    const { group } = job
    if (!job.isLeftOut && !job.isThere) {
      job.isLeftOut = true
      group.left -= 1
      if (group.left === 0 && group.lastThere?.shown.state === 'done') this.#finishBy(group.lastThere)
    }
    this.#tell()
  }

  /** Do what is done at the end once more by one that is there: what fails is shown with it, and can be tried again. */
  #finishBy(job: Job): void {
    const { key } = job.shown
    job.shown = { ...job.shown, state: 'waiting' }
    this.#jobs.set(key, job)
    this.#waiting.push(key)
    this.#pump()
  }

  async #send(job: Job): Promise<void> {
    const { order, abort } = job
    const { file } = order
    let [pieceBytes, tookMs, failures] = [0, 0, 0]
    let at: number | undefined
    let hasSent = false
    for (;;) {
      try {
        const begun = performance.now()
        if (at === undefined) {
          const told = await post(order, {}, undefined, abort.signal)
          at = told.doneBytes
          this.#show(job, { transfer: told.id, doneBytes: at })
          continue
        }
        const piece = file.slice(at, at + nextPieceBytes(pieceBytes, tookMs))
        const terms = { offset: String(at), ...(job.shown.transfer && { transfer: job.shown.transfer }) }
        const told = await post(order, terms, piece, abort.signal)
        ;[pieceBytes, tookMs, failures] = [piece.size, performance.now() - begun, 0]
        at = told.doneBytes
        hasSent = true
        this.#show(job, { doneBytes: at })
        if (at >= file.size) return
      } catch (thrown) {
        const error = toMeshError(thrown)
        failures += 1
        if (abort.signal.aborted) throw error
        if (error.code === 'timed-out' && (await isStopped(job.shown.transfer))) throw new Stopped()
        // Another page sends the same file: which of them comes first with a piece is all the same.
        const isContended = error.code === 'conflict' && hasSent && (await isReadable(file))
        const mayGoOn = BROKEN.has(error.code)
          ? failures <= MAX_FAILURES
          : isContended && failures <= MAX_CONFLICTS
        if (!mayGoOn) throw error
        await new Promise(resolve => setTimeout(resolve, RETRY_MS))
        if (abort.signal.aborted) throw error
        // How much came, the other side knows.
        at = undefined
      }
    }
  }

  async #drop(order: UploadOrder): Promise<void> {
    await post(order, { drop: 'yes' }, undefined, new AbortController().signal).catch(() => {})
  }

  #show(job: Job, change: Partial<Upload>): void {
    job.shown = { ...job.shown, ...change }
    this.#tell()
  }

  /** A few times a second: of thousands of small files each would else have all of them shown anew. */
  #tell(): void {
    if (this.#isToldSoon) return
    this.#isToldSoon = true
    setTimeout(
      () => {
        this.#isToldSoon = false
        this.#snapshot = [...this.#jobs.values()].map(({ shown }) => shown)
        for (const listener of this.#listeners) listener()
      },
      this.#jobs.size > MANY ? TELL_MANY_MS : TELL_MS,
    )
  }
}

/** A person stopped it, with another program or on another page. */
class Stopped extends Error {}

/** Whether a transfer was stopped; what takes too long to answer was not. */
async function isStopped(transfer: string | undefined): Promise<boolean> {
  if (transfer === undefined) return false
  try {
    const { transfers } = await call(AGENT_API.listTransfers, {})
    return transfers.some(({ id, state }) => id === transfer && state === 'cancelled')
  } catch {
    return false
  }
}

/** Send a piece, or ask how much there is. The browser reads it from the disk as it goes. @throws MeshError */
async function post(
  { mesh, at, name, file, mayReplace }: UploadOrder,
  terms: Readonly<Record<string, string>>,
  piece: Blob | undefined,
  signal: AbortSignal,
): Promise<{ id: string; doneBytes: number }> {
  const query = new URLSearchParams({
    ...(at.endpoint !== undefined && { endpoint: at.endpoint }),
    ...(at.user !== undefined && { user: at.user }),
    path: at.path,
    name,
    size: String(file.size),
    modifiedAtMs: String(file.lastModified),
    ...(mayReplace && { replace: 'yes' }),
    ...terms,
  })
  let answer: Response
  try {
    const headers = { [KEY_HEADER]: readKey(), 'content-type': 'application/octet-stream' }
    const url = `${appPrefix(mesh, 'sync')}/content?${query}`
    answer = await fetch(url, {
      method: 'POST',
      headers,
      signal,
      ...(piece !== undefined && { body: piece }),
    })
  } catch (cause) {
    // A file that was changed or removed meanwhile cannot be read any more, and is no matter of the connection.
    if (piece !== undefined && !(await isReadable(piece)))
      throw new MeshError('conflict', `Cannot read ${file.name}: it was changed or removed`, { cause })
    throw new MeshError('unreachable', 'Cannot reach the agent: it does not run', { cause })
  }
  if (!answer.ok) throw await errorOf(answer)
  return (await answer.json()) as { id: string; doneBytes: number }
}

async function isReadable(piece: Blob): Promise<boolean> {
  return piece
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    )
}

/** The uploads of this page; they go on while its user looks at something else. */
export const UPLOADS = new UploadQueue()

const ENDED: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled'])
const BROKEN: ReadonlySet<string> = new Set([
  'unreachable',
  'link-closed',
  'offline',
  'timed-out',
  'agent-down',
])
const AT_ONCE = 3
const RETRY_MS = 2_000
const MAX_FAILURES = 150
/** Pieces in a row with which another page was faster. */
const MAX_CONFLICTS = 5
const TELL_MS = 100
/** To show very many takes the browser a while, in which nothing is sent. */
const MANY = 50
const TELL_MANY_MS = 1_000
