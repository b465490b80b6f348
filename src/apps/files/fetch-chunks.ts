import { isSameHash } from '../../core/files/chunk-layout.ts'
import { createFetchPlan, type FetchPlan } from '../../core/files/fetch-plan.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { Host } from '../../sdk/app.ts'
import { FilePeer } from './file-peer.ts'
import { hashChunk } from './hash-chunk.ts'
import type { Content } from './held-files.ts'
import type { FilesLimits } from './limits.ts'
import type { HolderInfo, JobInfo } from './messages.ts'

/** What is fetched, and what becomes of it. */
export interface FetchOptions {
  readonly host: Host
  readonly limits: FilesLimits
  readonly content: Content
  /** SHA-256 of the manifest. */
  readonly contentHash: Uint8Array
  readonly chunks: readonly number[]
  /** Who has it now; asked again when nobody is left. */
  readonly findHolders: () => Promise<readonly HolderInfo[]>
  /** A chunk came that is right. */
  readonly write: (chunk: number, bytes: Uint8Array) => Promise<void>
  readonly signal: AbortSignal
  /** Whom it comes from; kept up to date. */
  readonly holders: JobInfo['holders']
}

/**
 * Fetch chunks from all who have them.
 *
 * @throws MeshError what `write` throws; `conflict` if it was changed where it is; `offline` if nobody has it any more;
 *   `timed-out` if the signal fired
 */
export function fetchChunks(options: FetchOptions): Promise<void> {
  return new Fetch(options).run()
}

class Fetch {
  readonly #options: FetchOptions
  readonly #plan: FetchPlan<EndpointId>
  readonly #peers = new Map<EndpointId, FilePeer>()
  readonly #dialing = new Set<EndpointId>()
  readonly #done = Promise.withResolvers<void>()
  #cancelWake = () => {}
  #retriesLeft: number
  #isSearching = false
  #isOver = false
  #lastError: MeshError | undefined

  constructor(options: FetchOptions) {
    this.#options = options
    this.#retriesLeft = options.limits.retryCount
    const { layout } = options.content
    this.#plan = createFetchPlan({ wanted: options.chunks, lengthOf: layout.lengthOf })
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    const onAbort = () => this.#fail(new MeshError('timed-out', 'Cannot fetch: cancelled'))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal.aborted) onAbort()
      else if (!this.#plan.isDone) this.#search()
      else this.#done.resolve()
      await this.#done.promise
    } finally {
      this.#isOver = true
      signal.removeEventListener('abort', onAbort)
      this.#cancelWake()
      for (const peer of this.#peers.values()) peer.close()
    }
  }

  /** Look for holders; if there are none, again later. */
  #search(): void {
    if (this.#isSearching || this.#isOver) return
    this.#isSearching = true
    void this.#options
      .findHolders()
      .then(
        holders => {
          // What they had not got before they may have now.
          for (const endpoint of this.#plan.isStuck ? this.#peers.keys() : []) {
            this.#plan.holderGone(endpoint)
            this.#plan.addHolder(endpoint, this.#options.host.clock.now())
          }
          for (const holder of holders.slice(0, this.#options.limits.maxHolders)) this.#connect(holder)
        },
        (thrown: unknown) => {
          const error = toMeshError(thrown)
          if (error.code === 'conflict') this.#fail(error)
          this.#lastError = error
        },
      )
      .finally(() => {
        this.#isSearching = false
        this.#pump()
      })
  }

  #connect(holder: HolderInfo): void {
    const { endpoint } = holder
    if (this.#peers.has(endpoint) || this.#dialing.has(endpoint)) return
    this.#dialing.add(endpoint)
    const { host, limits, holders } = this.#options
    let shown = holders.find(one => one.endpoint === endpoint)
    if (shown === undefined) {
      shown = { ...holder, bytes: 0 }
      holders.push(shown)
    }
    void FilePeer.open(host, holder, limits.answerTimeoutMs)
      .then(
        peer => {
          if (this.#isOver) {
            peer.close()
            return
          }
          this.#peers.set(endpoint, peer)
          this.#plan.addHolder(endpoint, host.clock.now())
          this.#listen(endpoint, peer, shown)
        },
        (thrown: unknown) => {
          this.#lastError = toMeshError(thrown)
          shown.note = this.#lastError.message
        },
      )
      .finally(() => {
        this.#dialing.delete(endpoint)
        this.#pump()
      })
  }

  #listen(endpoint: EndpointId, peer: FilePeer, shown: JobInfo['holders'][number]): void {
    const { host } = this.#options
    peer.listen({
      onHeard: () => this.#plan.heard(endpoint, host.clock.now()),
      onChunk: (chunk, bytes) => {
        if (this.#isOver || !this.#plan.arrived(endpoint, chunk, host.clock.now())) {
          peer.release(bytes)
          return
        }
        void this.#check(endpoint, chunk, bytes).then(isRight => {
          peer.release(bytes)
          if (isRight) shown.bytes += bytes.length
          else if (!this.#isOver) shown.note = 'gave wrong bytes'
        })
      },
      onMissing: (first, count, error) => {
        this.#lastError = error
        shown.note = error.message
        const end = Math.min(first + count, this.#options.content.layout.chunkCount)
        this.#plan.lacks(
          endpoint,
          Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at),
        )
        this.#pump()
      },
      onClose: error => {
        this.#peers.delete(endpoint)
        this.#plan.holderGone(endpoint)
        if (error !== undefined) shown.note = error.message
        this.#pump()
      },
    })
  }

  async #check(endpoint: EndpointId, chunk: number, bytes: Uint8Array): Promise<boolean> {
    const { content, write } = this.#options
    const { hash, length } = content.layout.place(chunk)
    const isRight = bytes.length === length && isSameHash(await hashChunk(bytes), hash)
    if (this.#isOver) return false
    try {
      if (isRight) await write(chunk, bytes)
    } catch (thrown) {
      this.#fail(toMeshError(thrown))
      return false
    }
    this.#plan.checked(endpoint, chunk, isRight)
    if (isRight) this.#retriesLeft = this.#options.limits.retryCount
    this.#pump()
    return isRight
  }

  #pump(): void {
    if (this.#isOver) return
    if (this.#plan.isDone) {
      this.#done.resolve()
      return
    }
    const { host, contentHash } = this.#options
    const now = host.clock.now()
    for (const step of this.#plan.next(now)) {
      const peer = this.#peers.get(step.holder)
      if (step.do === 'ask') peer?.want(contentHash, step.chunks)
      else {
        const { endpoint } = host
        host.log.warn('files.holder-dropped', { peer: step.holder, why: step.why, endpoint: endpoint.id })
        const shown = this.#options.holders.find(one => one.endpoint === step.holder)
        if (shown !== undefined)
          shown.note = step.why === 'lied' ? 'gave wrong bytes' : 'said nothing for long'
        peer?.close()
      }
    }
    this.#cancelWake()
    if (this.#plan.isStuck && this.#dialing.size === 0 && !this.#isSearching) this.#retry()
    else {
      const wakeAt = this.#plan.wakeAt()
      if (wakeAt !== undefined) this.#cancelWake = host.after(Math.max(1, wakeAt - now), () => this.#pump())
    }
  }

  #retry(): void {
    const { host, limits } = this.#options
    if (this.#retriesLeft <= 0) {
      if (this.#lastError?.code === 'conflict') {
        this.#fail(this.#lastError)
        return
      }
      const why = this.#lastError === undefined ? '' : ` (${this.#lastError.message})`
      this.#fail(
        new MeshError(
          'offline',
          `Cannot fetch: nobody who is online has the rest${why}: fetch again later, what came is kept`,
        ),
      )
      return
    }
    this.#retriesLeft -= 1
    this.#cancelWake = host.after(limits.retryMs, () => this.#search())
  }

  #fail(error: MeshError): void {
    this.#isOver = true
    this.#done.reject(error)
  }
}
