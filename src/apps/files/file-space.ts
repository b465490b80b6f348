import { basename, dirname } from 'node:path'
import { parseDiskPath } from '../../core/files/disk-path.ts'
import { type FileAccess, unionOfAccess } from '../../core/files/file-access.ts'
import { parseMeshPath } from '../../core/files/mesh-path.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import type { Json } from '../../core/model/store.ts'
import type { Host } from '../../sdk/app.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import { readKeptRecords } from '../../sdk/for-apps/kept-records.ts'
import { createOwnHosting, type OwnHosting } from '../../sdk/for-apps/own-hosting.ts'
import { downloadFile, makePlace, onDisk } from './download-file.ts'
import { type FileJob, FileJobs, PAUSED, STOPPED } from './file-jobs.ts'
import { filesServiceOf } from './file-peer.ts'
import { type Finder, findFiles } from './find-files.ts'
import { confirmCopy, eraseHeld, tellCopies } from './held-copies.ts'
import { type Content, type Held, HeldFiles } from './held-files.ts'
import type { FilesLimits } from './limits.ts'
import type { FoundItem, HeldInfo, Item, JobInfo } from './messages.ts'
import {
  configShape,
  type DownloadOrder,
  type DownloadRecord,
  downloadShape,
  type Publication,
  toAccess,
} from './orders.ts'
import { openSource, publishFile } from './publish-file.ts'
import { createFileServer } from './serve-files.ts'

/** The files of one mesh at one endpoint: what is published and held, and the jobs that publish and fetch. */
export class FileSpace implements AsyncDisposable {
  readonly finder: Finder
  readonly jobs: FileJobs
  readonly #host: Host
  readonly #held: HeldFiles
  readonly #limits: FilesLimits
  readonly #hosting: OwnHosting
  readonly #exclusive = createExclusive()
  readonly #publishing = new Set<string>()
  #folder: string
  #cancelConfirm = () => {}
  #isOver = false

  constructor(host: Host, limits: FilesLimits) {
    this.#host = host
    this.#limits = limits
    this.#held = new HeldFiles(host, limits.maxItems)
    this.jobs = new FileJobs(host.clock, limits)
    this.finder = { host, held: this.#held, limits }
    this.#folder = onDisk(host.disk.home, DEFAULT_FOLDER)
    const mayGive = (held: Held) => this.#mayGive(held)
    const onChanged = (held: Held, error: MeshError) => this.#onChanged(held, error)
    const server = createFileServer({ host, held: this.#held, limits, onChanged, mayGive })
    this.#hosting = createOwnHosting(host, filesServiceOf, incoming => server.receive(incoming))
  }

  async restore(): Promise<void> {
    await this.#held.load()
    const config = configShape.safeParse(await this.#host.storage.get('config'))
    if (config.success) this.#folder = config.data.folder
    await this.#refresh().catch(() => {})
    this.#confirmLater(START_CONFIRM_MS)
    const records = { prefix: 'download/', shape: downloadShape, event: 'files.unreadable' }
    await readKeptRecords(this.#host, records, download => void this.#startDownload(download))
  }

  get config(): { folder: string; error?: string } {
    const { error } = this.#hosting
    return { folder: this.#folder, ...(error && { error: error.message }) }
  }

  async changeConfig(folder: string): Promise<void> {
    const path = onDisk(this.#host.disk.home, folder)
    await this.#host.storage.put('config', { folder: path })
    this.#folder = path
  }

  list(): HeldInfo[] {
    return this.#held.all.map(held => this.#held.describe(held)).sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  /** Publish something, again if it was before. @throws MeshError `conflict` if the name is taken, `bad-name`, `not-found` */
  async publish(publication: Publication): Promise<JobInfo> {
    const source = onDisk(this.#host.disk.home, publication.source)
    const name = parseDiskPath(publication.name ?? basename(source))
    if (name === '') throw new MeshError('bad-name', `Cannot publish ${quote(source)}: give it a name (--as)`)
    const { user, id } = this.#host.endpoint
    const known = this.#held.find(user, name)
    const elsewhere = await this.#publishedElsewhere(name)
    if (elsewhere !== undefined && elsewhere !== id) {
      throw new MeshError(
        'conflict',
        `Cannot publish ${quote(name)}: you have published it at another endpoint: choose another name (--as), or unpublish it there`,
      )
    }
    // That it can be read is known before the answer.
    await (await openSource(this.#host, source)).folder[Symbol.asyncDispose]()
    const item = { access: known?.item.access ?? NOBODY, tags: known?.item.tags ?? [] }
    const { access = item.access, tags = item.tags } = publication
    const { keepCount } = publication
    return this.#startPublishing(source, name, { access: toAccess(access), tags: [...tags] }, keepCount)
  }

  /** Change who may see something that was published here. @throws MeshError `not-found`, `conflict` if it was published elsewhere */
  async share(
    path: string,
    change: { access?: FileAccess | undefined; tags?: Name[] | undefined },
  ): Promise<HeldInfo> {
    const held = this.#find(path)
    if (held.isCopy) {
      throw new MeshError(
        'conflict',
        `Cannot share ${quote(path)}: it is a copy here: say it at the endpoint that published it, ${held.item.origin}`,
      )
    }
    const { access = held.item.access, tags = held.item.tags } = change
    const item = { ...held.item, access: toAccess(access), tags, serial: held.item.serial + 1 }
    await this.#held.put({ ...held, item })
    await this.#refresh()
    await tellCopies(this.#host, { path, isWithdrawn: false, isErased: false })
    return this.#held.describe(this.#held.find(item.owner, item.name) ?? held)
  }

  /**
   * Give something away no more; if it was published here, copies at the user's other endpoints are told.
   *
   * @param isErased  remove it from disk too, here and there
   * @returns endpoints that were told, and what was removed
   */
  async withdraw(
    path: string,
    isErased: boolean,
  ): Promise<{ path: string; endpoints: string[]; erased: string[] }> {
    const held = this.#find(path)
    await this.#held.kept.alone(async () => {
      await this.#held.remove(held)
      if (held.versions !== undefined) await this.#held.kept.sweep()
    })
    await this.#refresh().catch(() => {})
    const erased = isErased ? await eraseHeld(this.finder, held) : []
    const told = held.isCopy
      ? { endpoints: [], erased: [] }
      : await tellCopies(this.#host, { path, isWithdrawn: true, isErased })
    return { path, endpoints: told.endpoints, erased: [...erased, ...told.erased] }
  }

  /**
   * Ask the publishers of copies whether they may still be given away. Those who do not answer change nothing.
   *
   * @param path         of that copy alone
   * @param isWithdrawn  the user's own endpoint that published it says so itself
   * @param isErased     what may not be given away is removed from disk too
   */
  async confirmCopies(
    path?: string,
    { isWithdrawn = false, isErased = false } = {},
  ): Promise<{ droppedCount: number; erased: string[] }> {
    const { user } = this.#host.endpoint
    const wanted = path === undefined ? undefined : parseMeshPath(path, user)
    const copies = this.#held.all.filter(
      ({ isCopy, item }) =>
        isCopy && (wanted === undefined || (item.owner === wanted.owner && item.name === wanted.path)),
    )
    const erased: string[] = []
    let droppedCount = 0
    for (const held of copies) {
      const isOwn = held.item.owner === user
      if (!(isWithdrawn && isOwn) && (await confirmCopy(this.finder, held))) continue
      droppedCount += 1
      await this.#held.remove(held)
      // Whoever may manage this endpoint alone can have something removed here.
      if (isErased && isOwn) erased.push(...(await eraseHeld(this.finder, held)))
    }
    await this.#refresh().catch(() => {})
    return { droppedCount, erased }
  }

  /** Fetch something. @throws MeshError `bad-name`, `not-found`, `too-many` */
  async download(order: DownloadOrder): Promise<JobInfo> {
    const { endpoint, disk } = this.#host
    const { owner, path } = parseMeshPath(order.path, endpoint.user)
    if (owner === undefined || path === '')
      throw new MeshError('bad-name', 'Cannot fetch: name what is published')
    const file =
      order.file === undefined
        ? await makePlace(this.finder, this.#folder, order.path)
        : onDisk(disk.home, order.file)
    const { mayReplace, isHeld, version } = order
    return this.#startDownload({
      path: order.path,
      file,
      mayReplace,
      ...(isHeld !== undefined && { isHeld }),
      ...(version !== undefined && { version }),
    })
  }

  /** Resolves when a job has ended, or after that time. @throws MeshError `not-found` */
  async whenEnded(job: string, waitMs: number): Promise<void> {
    const ended = this.jobs.whenEnded(job)
    if (waitMs === 0) return
    const late = Promise.withResolvers<void>()
    const cancel = this.#host.after(waitMs, late.resolve)
    await Promise.race([ended, late.promise]).finally(cancel)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#cancelConfirm()
    await this.jobs[Symbol.asyncDispose]()
    await this.#exclusive.whenIdle()
    await this.#hosting[Symbol.asyncDispose]()
    await this.#held[Symbol.asyncDispose]()
  }

  #find(path: string): Held {
    const { owner, path: name } = parseMeshPath(path, this.#host.endpoint.user)
    const held = owner === undefined ? undefined : this.#held.find(owner, name)
    if (held !== undefined) return held
    throw new MeshError('not-found', `Cannot find ${quote(path)} here: see \`ztm file ls\` for who has it`)
  }

  /** The other endpoint of this user's where a name is published, as far as it can be asked. */
  async #publishedElsewhere(name: string): Promise<string | undefined> {
    const known = this.#held.find(this.#host.endpoint.user, name)
    if (known !== undefined) return known.item.origin
    try {
      const { items } = await findFiles(this.finder, { owner: this.#host.endpoint.user, path: name })
      return items.find(item => item.name === name)?.origin
    } catch {
      return undefined
    }
  }

  #startPublishing(
    source: string,
    name: string,
    item: Pick<Item, 'access' | 'tags'>,
    keepCount?: number,
  ): JobInfo {
    const { user } = this.#host.endpoint
    if (this.#publishing.has(name))
      throw new MeshError('conflict', `Cannot publish ${quote(name)}: it is being published`)
    const info = this.jobs.start(
      { kind: 'publish', path: `/users/${user}/${name}`, file: source },
      async job => {
        try {
          await publishFile(this.finder, { source, name, item, keepCount }, job)
          await this.#refresh()
        } finally {
          this.#publishing.delete(name)
        }
      },
    )
    this.#publishing.add(name)
    return info
  }

  #startDownload(record: DownloadRecord): JobInfo {
    const { path, file, mayReplace, isHeld, version, id, aside, isPaused = false } = record
    const keyOf = (job: FileJob) => `download/${job.info.id}`
    const keep = async (job: FileJob, more: object) => {
      await this.#host.storage.put(keyOf(job), { ...record, id: job.info.id, ...more } as Json)
    }
    return this.jobs.start(
      {
        ...{ kind: 'download', path, file, isPaused },
        ...(id !== undefined && { id }),
        ...(aside !== undefined && { aside }),
        onPaused: job => keep(job, { isPaused: true, ...(job.aside !== undefined && { aside: job.aside }) }),
        onOver: async (job, isCancelled) => {
          if (!isCancelled) return keep(job, { isPaused: false })
          await this.#host.storage.delete(keyOf(job))
          if (job.aside === undefined) return
          await using folder = await this.#host.disk.openFolder(dirname(file))
          await folder.remove(job.aside, true)
        },
      },
      async job => {
        await keep(job, { isPaused: false })
        try {
          const { item, part, content } = await downloadFile(
            this.finder,
            { path, file, mayReplace, version },
            job,
          )
          if (version === undefined && part === '' && (isHeld ?? item.owner === this.#host.endpoint.user))
            await this.#hold(item, content, file)
        } finally {
          const { reason } = job.signal
          if (reason !== STOPPED && reason !== PAUSED) await this.#host.storage.delete(keyOf(job))
        }
      },
    )
  }

  /** Give a copy that was fetched to others who may have it. */
  async #hold(found: FoundItem, content: Content, file: string): Promise<void> {
    const { path: _, holders: __, ...item } = found
    const known = this.#held.find(item.owner, item.name)
    if (known !== undefined && !known.isCopy) return
    try {
      const { folder, path } = await openSource(this.#host, file)
      const place = folder.path
      await folder[Symbol.asyncDispose]()
      const confirmedAtMs = this.#host.clock.now()
      await this.#held.put(
        { version: 1, item, folder: place, path, isCopy: true, confirmedAtMs },
        content.bytes,
      )
      await this.#refresh()
    } catch (thrown) {
      // It is here all the same.
      const { code, message } = toMeshError(thrown)
      this.#host.log.warn('files.not-held', { code, reason: message })
    }
  }

  /** Be found by those who may have something, or by nobody if there is nothing. @throws MeshError `name-taken`, `bad-name` */
  #refresh(): Promise<void> {
    return this.#exclusive.run('hosting', async () => {
      const held = this.#held.all
      if (held.length === 0 || this.#isOver) return this.#hosting.open(undefined)
      const { users, groups, everyone } = unionOfAccess(held.map(({ item }) => item))
      await this.#hosting.open({
        users: everyone ? ['*'] : users.slice(0, MAX_ACCESS),
        entrances: [],
        groups: groups.slice(0, MAX_ACCESS),
      })
    })
  }

  #mayGive(held: Held): boolean {
    return !held.isCopy || this.#host.clock.now() - held.confirmedAtMs < this.#limits.leaseMs
  }

  #confirmLater(afterMs: number): void {
    this.#cancelConfirm = this.#host.after(afterMs, () => {
      void this.confirmCopies()
        .catch(() => {})
        .finally(() => this.#isOver || this.#confirmLater(this.#limits.confirmMs))
    })
  }

  /** Something that was asked for is not as it was published: publish it again; a copy is no copy any more. */
  #onChanged(held: Held, error: MeshError): void {
    if (this.#isOver || (error.code !== 'conflict' && error.code !== 'not-found')) return
    const { item } = held
    this.#host.log.info('files.changed', { content: item.content, isCopy: held.isCopy })
    if (held.isCopy) {
      void this.#held
        .remove(held)
        .then(() => this.#refresh())
        .catch(() => {})
      return
    }
    if (this.#publishing.has(item.name)) return
    try {
      const { id } = this.#startPublishing(this.#held.describe(held).source, item.name, item)
      void this.jobs.whenEnded(id).then(() => {
        const failure = this.jobs.find(id).error
        if (failure !== undefined && failure.code !== 'conflict') this.#held.block(held, failure.message)
      })
    } catch {
      // Too many jobs: the next who asks tries again.
    }
  }
}

const DEFAULT_FOLDER = 'ztmCloud'
const NOBODY: Item['access'] = { users: [], groups: [], everyone: false }
/** After a start there may be a link soon. */
const START_CONFIRM_MS = 3_000
const MAX_ACCESS = 1_000
