import { randomBytes } from 'node:crypto'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Clock } from '../../core/model/time.ts'
import type { JobInfo } from './messages.ts'
import { createSlots } from './slots.ts'

/** A publication or download: what it is doing, and how to end it. */
export interface FileJob {
  readonly info: JobInfo
  readonly signal: AbortSignal
  /** Where what came so far is put together, beside the file, once there is something. */
  aside?: string
}

/** What a job is about, before it runs. */
export interface JobStart {
  /** Of one that goes on after a restart; a new one if absent. */
  readonly id?: string
  readonly kind: JobInfo['kind']
  readonly path: string
  readonly file: string
  /** It waits to be resumed. */
  readonly isPaused?: boolean
  /** Of one that is paused: see `FileJob`. */
  readonly aside?: string
  /** It was paused. */
  readonly onPaused?: (job: FileJob) => Promise<void>
  /** One that was paused goes on, or is cancelled: then nothing of it is to stay. */
  readonly onOver?: (job: FileJob, isCancelled: boolean) => Promise<void>
}

interface Entry {
  readonly info: JobInfo
  readonly start: JobStart
  readonly work: (job: FileJob) => Promise<void>
  readonly ended: PromiseWithResolvers<void>
  abort: AbortController
  /** Its last run. */
  running: Promise<void>
  aside: string | undefined
}

/** Publications and downloads: those that run, wait, and the last that did. */
export class FileJobs {
  readonly #clock: Clock
  readonly #maxJobs: number
  readonly #slots: ReturnType<typeof createSlots>
  readonly #jobs = new Map<string, Entry>()

  constructor(clock: Clock, limits: { readonly maxJobs: number; readonly maxRunningJobs: number }) {
    this.#clock = clock
    this.#maxJobs = limits.maxJobs
    this.#slots = createSlots(limits.maxRunningJobs)
  }

  get all(): JobInfo[] {
    return [...this.#jobs.values()].map(({ info }) => info)
  }

  /**
   * Start one, when there is room.
   *
   * @param work  throws when it fails, also when the signal fired; is done again after a pause
   * @throws MeshError `too-many`
   */
  start(start: JobStart, work: (job: FileJob) => Promise<void>): JobInfo {
    this.#forgetOld()
    if (this.#jobs.size >= this.#maxJobs)
      throw new MeshError('too-many', `Cannot start: ${this.#maxJobs} publications and downloads run already`)
    const { kind, path, file, id = randomBytes(8).toString('hex'), isPaused = false, aside } = start
    const info: JobInfo = {
      ...{ id, kind, path, file, state: isPaused ? 'paused' : 'waiting' },
      doneBytes: 0,
      totalBytes: 0,
      keptBytes: 0,
      doneFiles: 0,
      totalFiles: 0,
      startedAtMs: this.#clock.now(),
      holders: [],
      skipped: [],
    }
    const abort = new AbortController()
    const ended = Promise.withResolvers<void>()
    const entry: Entry = { info, start, work, ended, abort, aside, running: Promise.resolve() }
    if (!isPaused) entry.running = this.#run(entry)
    this.#jobs.set(info.id, entry)
    return info
  }

  /** @throws MeshError `not-found` */
  find(id: string): JobInfo {
    return this.#find(id).info
  }

  /** End one; what it does about what it has so far, is done when this resolves. */
  async cancel(id: string): Promise<JobInfo> {
    const entry = this.#find(id)
    const { info, ended } = entry
    if (info.state === 'paused') {
      await entry.start.onOver?.(this.#jobOf(entry), true)
      this.#end(entry, 'cancelled')
    } else {
      const isWaiting = info.state === 'waiting'
      entry.abort.abort(new MeshError('timed-out', 'Cannot go on: cancelled'))
      if (isWaiting) this.#end(entry, 'cancelled')
    }
    await ended.promise
    return info
  }

  /**
   * Let a download wait until it is resumed; what came is kept.
   *
   * @throws MeshError `not-found`; `conflict` for one that is over; `unsupported` for a publication
   */
  async pause(id: string): Promise<JobInfo> {
    const entry = this.#find(id)
    const { info } = entry
    if (info.kind !== 'download')
      throw new MeshError('unsupported', 'Cannot pause a publication: cancel it, and publish again later')
    if (info.endedAtMs !== undefined)
      throw new MeshError('conflict', `Cannot pause the download: it is ${info.state}`)
    if (info.state === 'paused') return info
    const isWaiting = info.state === 'waiting'
    entry.abort.abort(PAUSED)
    if (isWaiting) {
      info.state = 'paused'
      await entry.start.onPaused?.(this.#jobOf(entry))
    } else await entry.running
    return info
  }

  /** Go on with one that was paused. @throws MeshError `not-found`; `conflict` for one that is not paused */
  async resume(id: string): Promise<JobInfo> {
    const entry = this.#find(id)
    const { info } = entry
    if (info.state !== 'paused')
      throw new MeshError('conflict', `Cannot resume the ${info.kind}: it is ${info.state}`)
    info.state = 'waiting'
    entry.abort = new AbortController()
    await entry.start.onOver?.(this.#jobOf(entry), false)
    entry.running = this.#run(entry)
    return info
  }

  whenEnded(id: string): Promise<void> {
    return this.#find(id).ended.promise
  }

  /** End all, as if the program had been ended: nothing is cancelled. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { abort } of this.#jobs.values()) abort.abort(STOPPED)
    await Promise.all([...this.#jobs.values()].map(({ running }) => running))
  }

  async #run(entry: Entry): Promise<void> {
    const { info, abort } = entry
    const free = await this.#slots.take(1)
    const job = this.#jobOf(entry)
    try {
      // While it waited for its turn it was dealt with by who aborted it.
      if (abort.signal.aborted && abort.signal.reason !== STOPPED) return
      abort.signal.throwIfAborted()
      info.state = 'running'
      await entry.work(job)
      this.#end(entry, 'done')
    } catch (thrown) {
      entry.aside = job.aside
      if (abort.signal.reason === PAUSED) {
        info.state = 'paused'
        await entry.start.onPaused?.(job)
      } else {
        if (!abort.signal.aborted) info.error = toMeshError(thrown).toBody()
        this.#end(entry, abort.signal.aborted ? 'cancelled' : 'failed')
      }
    } finally {
      free()
    }
  }

  #end({ info, ended }: Entry, state: JobInfo['state']): void {
    info.state = state
    info.endedAtMs = this.#clock.now()
    ended.resolve()
  }

  #jobOf({ info, abort, aside }: Entry): FileJob {
    return { info, signal: abort.signal, ...(aside !== undefined && { aside }) }
  }

  #find(id: string) {
    const job = this.#jobs.get(id)
    if (job !== undefined) return job
    throw new MeshError('not-found', `Cannot find job ${id}: it is over for long, or never was`)
  }

  #forgetOld(): void {
    for (const [id, { info }] of this.#jobs) {
      if (this.#jobs.size < this.#maxJobs) return
      if (info.endedAtMs !== undefined) this.#jobs.delete(id)
    }
  }
}

/** Why a job does not go on for now: as when the agent stops, what came is kept. */
export const PAUSED: MeshError = new MeshError('link-closed', 'Cannot go on: it is paused')

/** Why a job ends when the agent stops: it goes on with the next start. */
export const STOPPED: MeshError = new MeshError('link-closed', 'Cannot go on: the agent stops')
