import { randomBytes } from 'node:crypto'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Clock } from '../../core/model/time.ts'
import type { JobInfo } from './messages.ts'
import { createSlots } from './slots.ts'

/** A publication or download: what it is doing, and how to end it. */
export interface FileJob {
  readonly info: JobInfo
  readonly signal: AbortSignal
}

/** Publications and downloads: those that run, wait, and the last that did. */
export class FileJobs {
  readonly #clock: Clock
  readonly #maxJobs: number
  readonly #slots: ReturnType<typeof createSlots>
  readonly #jobs = new Map<string, { info: JobInfo; abort: AbortController; ended: Promise<void> }>()

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
   * @param id    of one that goes on after a restart; a new one if absent
   * @param work  throws when it fails, also when the signal fired
   * @throws MeshError `too-many`
   */
  start(
    about: {
      readonly id?: string
      readonly kind: JobInfo['kind']
      readonly path: string
      readonly file: string
    },
    work: (job: FileJob) => Promise<void>,
  ): JobInfo {
    this.#forgetOld()
    if (this.#jobs.size >= this.#maxJobs)
      throw new MeshError('too-many', `Cannot start: ${this.#maxJobs} publications and downloads run already`)
    const info: JobInfo = {
      ...about,
      id: about.id ?? randomBytes(8).toString('hex'),
      state: 'waiting',
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
    const ended = this.#run(info, abort, work)
    this.#jobs.set(info.id, { info, abort, ended })
    return info
  }

  /** @throws MeshError `not-found` */
  find(id: string): JobInfo {
    return this.#find(id).info
  }

  /** End one; what it does about what it has so far, is done when this resolves. */
  async cancel(id: string): Promise<JobInfo> {
    const { info, abort, ended } = this.#find(id)
    abort.abort(new MeshError('timed-out', 'Cannot go on: cancelled'))
    await ended
    return info
  }

  whenEnded(id: string): Promise<void> {
    return this.#find(id).ended
  }

  /** End all, as if the program had been ended: nothing is cancelled. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { abort } of this.#jobs.values()) abort.abort(STOPPED)
    await Promise.all([...this.#jobs.values()].map(({ ended }) => ended))
  }

  async #run(info: JobInfo, abort: AbortController, work: (job: FileJob) => Promise<void>): Promise<void> {
    const free = await this.#slots.take(1)
    try {
      abort.signal.throwIfAborted()
      info.state = 'running'
      await work({ info, signal: abort.signal })
      info.state = 'done'
    } catch (thrown) {
      info.state = abort.signal.aborted ? 'cancelled' : 'failed'
      if (info.state === 'failed') info.error = toMeshError(thrown).toBody()
    } finally {
      free()
      info.endedAtMs = this.#clock.now()
    }
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

/** Why a job ends when the agent stops: it goes on with the next start. */
export const STOPPED: MeshError = new MeshError('link-closed', 'Cannot go on: the agent stops')
