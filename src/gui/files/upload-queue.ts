import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
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
  order: UploadOrder
  shown: Upload
  /** All of it came; what is done then may have failed. */
  isThere?: boolean
  readonly abort: AbortController
  readonly group: Group
}

/** Files that belong together: when all are there, something is done with them. */
interface Group {
  left: number
  readonly finish: () => Promise<unknown>
}

/** Takes files to folders of endpoints, a few at a time, for as long as the page is open; what was begun goes on where it was. */
export class UploadQueue {
  readonly #jobs = new Map<number, Job>()
  readonly #listeners = new Set<() => void>()
  #snapshot: readonly Upload[] = []
  #lastKey = 0
  #running = 0

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  readonly snapshot = (): readonly Upload[] => this.#snapshot

  /** @param finish  called when all of them are there; what it throws is shown at the last of them */
  add(orders: readonly UploadOrder[], finish: () => Promise<unknown> = async () => {}): void {
    const group = { left: orders.length, finish }
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
    }
    this.#tell()
    this.#pump()
  }

  /** Give one up, and throw away what came of it. */
  cancel(key: number): void {
    const job = this.#jobs.get(key)
    if (job === undefined || job.shown.state === 'done') return
    const wasRunning = job.shown.state === 'running'
    this.#show(job, { state: 'cancelled' })
    job.abort.abort()
    if (!wasRunning) void this.#drop(job.order)
  }

  /** Try one again that failed; it goes on where it was. */
  retry(key: number): void {
    const job = this.#jobs.get(key)
    if (job === undefined || !ENDED.has(job.shown.state) || job.shown.state === 'done') return
    const { error: _, ...shown } = job.shown
    job.shown = { ...shown, state: 'waiting' }
    this.#tell()
    this.#pump()
  }

  /** Show those no more that are over. */
  forgetEnded(): void {
    for (const [key, { shown }] of this.#jobs) if (ENDED.has(shown.state)) this.#jobs.delete(key)
    this.#tell()
  }

  get isBusy(): boolean {
    return this.#snapshot.some(({ state }) => !ENDED.has(state))
  }

  #pump(): void {
    for (const job of this.#jobs.values()) {
      if (this.#running >= AT_ONCE) return
      if (job.shown.state !== 'waiting') continue
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
      }
      if (job.group.left === 0) await job.group.finish()
      this.#show(job, { state: 'done' })
    } catch (thrown) {
      if (job.abort.signal.aborted) {
        await this.#drop(job.order)
        return
      }
      const error = toMeshError(thrown)
      // Somebody stopped it elsewhere.
      const isStopped = error.code === 'timed-out'
      this.#show(job, { state: isStopped ? 'cancelled' : 'failed', error })
      if (isStopped) await this.#drop(job.order)
    }
  }

  async #send(job: Job): Promise<void> {
    const { order, abort } = job
    const { file } = order
    let [pieceBytes, tookMs, failures] = [0, 0, 0]
    let at: number | undefined
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
        this.#show(job, { doneBytes: at })
        if (at >= file.size) return
      } catch (thrown) {
        const error = toMeshError(thrown)
        failures += 1
        if (abort.signal.aborted || !BROKEN.has(error.code) || failures > MAX_FAILURES) throw error
        await new Promise(resolve => setTimeout(resolve, RETRY_MS))
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

  #tell(): void {
    this.#snapshot = [...this.#jobs.values()].map(({ shown }) => shown)
    for (const listener of this.#listeners) listener()
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
const BROKEN: ReadonlySet<string> = new Set(['unreachable', 'link-closed', 'offline'])
const AT_ONCE = 3
const RETRY_MS = 2_000
const MAX_FAILURES = 150
