import { randomBytes } from 'node:crypto'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Host } from '../../sdk/app.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { findOwned } from '../../sdk/for-apps/find-owned.ts'
import { readKeptRecords } from '../../sdk/for-apps/kept-records.ts'
import { removeAgreed } from './agreed-file.ts'
import { createIgnoreRules } from './ignore-rules.ts'
import { type MirrorDirection, type MirrorInfo, type MirrorRecord, mirrorRecordShape } from './messages.ts'
import { type MirrorProgress, newProgress } from './mirror-progress.ts'
import { runMirror } from './mirror-run.ts'
import type { Computer } from './tree-site.ts'

interface Kept {
  record: MirrorRecord
  readonly progress: MirrorProgress
  abort: AbortController
  run: Promise<void>
}

/** The mirrors that this endpoint keeps: they run from the start of the agent on. */
export class MirrorBook implements AsyncDisposable {
  readonly #host: Host
  readonly #computer: Computer
  readonly #mirrors = new Map<string, Kept>()
  readonly #exclusive = createExclusive()

  constructor(host: Host, computer: Computer) {
    this.#host = host
    this.#computer = computer
  }

  async restore(): Promise<void> {
    const records = { prefix: 'mirror/', shape: mirrorRecordShape, event: 'sync.record-unreadable' }
    await readKeptRecords(this.#host, records, mirror => void this.#add(mirror))
  }

  list(): { mirrors: MirrorInfo[] } {
    return { mirrors: [...this.#mirrors.values()].map(describe) }
  }

  /** @throws MeshError `conflict`, `too-many`, `not-found` */
  create(
    terms: Omit<MirrorRecord, 'version' | 'id' | 'isPaused' | 'isMarked' | 'peer'>,
  ): Promise<MirrorInfo> {
    return this.#exclusive.run('mirrors', async () => {
      const { name, folder, to, ignores } = terms
      createIgnoreRules(ignores)
      if (this.#mirrors.has(name)) {
        throw new MeshError(
          'conflict',
          `Cannot mirror: there is a mirror ${quote(name)} already: choose another --name`,
        )
      }
      if (this.#mirrors.size >= MAX_MIRRORS) {
        throw new MeshError('too-many', `Cannot mirror: this endpoint keeps ${MAX_MIRRORS} mirrors already`)
      }
      await using opened = await this.#host.disk.openFolder(folder)
      await this.#refuseOverlap(opened.path, to)
      const { endpoint, user } = to
      const peer = endpoint === undefined ? undefined : (await findOwned(this.#host, { endpoint, user })).id
      const record: MirrorRecord = {
        ...terms,
        folder: opened.path,
        version: 1,
        id: randomBytes(8).toString('hex'),
        isPaused: false,
        isMarked: false,
        ...(peer !== undefined && { peer }),
      }
      await this.#host.storage.put(keyOf(name), toJson(record))
      return describe(this.#add(record))
    })
  }

  /** @throws MeshError `not-found` */
  change(
    name: string,
    change: {
      isPaused?: boolean | undefined
      bytesPerSecond?: number | null | undefined
      direction?: MirrorDirection | undefined
    },
  ): Promise<MirrorInfo> {
    return this.#exclusive.run('mirrors', async () => {
      const kept = this.#find(name)
      const { bytesPerSecond: before, ...rest } = kept.record
      const { isPaused = rest.isPaused, bytesPerSecond = before ?? null, direction = rest.direction } = change
      const record = { ...rest, isPaused, direction, ...(bytesPerSecond !== null && { bytesPerSecond }) }
      await this.#end(kept)
      // It may have been marked meanwhile.
      kept.record = { ...record, isMarked: kept.record.isMarked }
      await this.#host.storage.put(keyOf(name), toJson(kept.record))
      this.#start(kept)
      return describe(kept)
    })
  }

  /** @throws MeshError `not-found` */
  delete(name: string): Promise<void> {
    return this.#exclusive.run('mirrors', async () => {
      const kept = this.#find(name)
      await this.#host.storage.delete(keyOf(name))
      this.#mirrors.delete(name)
      await this.#end(kept)
      try {
        await using folder = await this.#host.disk.openFolder(kept.record.folder)
        await removeAgreed(folder, kept.record.id)
      } catch (error) {
        this.#host.log.warn('mirror.leftover', { mirror: name, reason: toMeshError(error).message })
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusive.whenIdle()
    await Promise.all([...this.#mirrors.values()].map(kept => this.#end(kept)))
  }

  #find(name: string): Kept {
    const kept = this.#mirrors.get(name)
    if (kept !== undefined) return kept
    throw new MeshError('not-found', `Cannot find mirror ${quote(name)}: see \`ztm file mirror\``)
  }

  #add(record: MirrorRecord): Kept {
    const kept: Kept = {
      record,
      progress: newProgress(),
      abort: new AbortController(),
      run: Promise.resolve(),
    }
    this.#mirrors.set(record.name, kept)
    this.#start(kept)
    return kept
  }

  #start(kept: Kept): void {
    kept.abort = new AbortController()
    if (kept.record.isPaused) {
      kept.progress.state = 'paused'
      kept.progress.error = undefined
      return
    }
    kept.progress.state = 'starting'
    const book = this
    kept.run = runMirror({
      host: this.#host,
      computer: this.#computer,
      get record() {
        return kept.record
      },
      progress: kept.progress,
      signal: kept.abort.signal,
      async onMarked() {
        kept.record = { ...kept.record, isMarked: true }
        await book.#host.storage.put(keyOf(kept.record.name), toJson(kept.record))
      },
    })
  }

  async #end(kept: Kept): Promise<void> {
    kept.abort.abort(new MeshError('link-closed', 'The mirror was stopped'))
    await kept.run
  }

  /** A mirror into itself would grow for ever. */
  async #refuseOverlap(folder: string, to: MirrorRecord['to']): Promise<void> {
    const { id, name } = this.#host.endpoint
    if (to.endpoint !== undefined && to.endpoint !== id && to.endpoint !== name) return
    const other = await this.#host.disk.openFolder(to.path).catch(() => undefined)
    const path = other?.path ?? to.path
    await other?.[Symbol.asyncDispose]()
    const isWithin = (inner: string, outer: string) => `${inner}/`.startsWith(`${outer}/`)
    if (!isWithin(path, folder) && !isWithin(folder, path)) return
    throw new MeshError(
      'conflict',
      `Cannot mirror ${quote(folder)}: the other side is in it, or the other way round`,
    )
  }
}

function describe({ record, progress }: Kept): MirrorInfo {
  const { name, folder, to, ignores, bytesPerSecond, direction } = record
  const { state, leftCount, apartCount, sentBytes, inSyncAtMs, error, problems, conflicts } = progress
  return {
    name,
    folder,
    to,
    ignores,
    direction,
    state,
    leftCount,
    apartCount,
    sentBytes,
    problems,
    conflicts,
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    ...(inSyncAtMs !== undefined && { inSyncAtMs }),
    ...(error !== undefined && { error }),
  }
}

function keyOf(name: string): string {
  return `mirror/${name}`
}

/** Without members that are undefined. */
function toJson(record: MirrorRecord) {
  return JSON.parse(JSON.stringify(record))
}

/** Mirrors that one endpoint keeps in a mesh. */
export const MAX_MIRRORS = 50
