import type { Duplex } from 'node:stream'
import { z } from 'zod'
import type { Handlers } from '../../core/api/route.ts'
import {
  copyRequestShape,
  diskChangeShape,
  listRequestShape,
  openTreeShape,
} from '../../core/files/copy-request.ts'
import { treeHelloShape } from '../../core/files/tree-requests.ts'
import type { AppContents } from '../../core/model/content.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { App, AppCaller, AppInstance, Host, Incoming } from '../../sdk/app.ts'
import { atEndpoint as at } from '../../sdk/for-apps/at-endpoint.ts'
import { createRateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { GrantBook } from './grants.ts'
import { SYNC_LIMITS, type SyncLimits } from './limits.ts'
import { SYNC_API } from './messages.ts'
import { MirrorBook } from './mirror-book.ts'
import { openPlaceContent } from './place-content.ts'
import { serveChange } from './serve-change.ts'
import { serveCopy } from './serve-copy.ts'
import { serveListing } from './serve-listing.ts'
import { serveLocalTree } from './serve-local-tree.ts'
import { takeUpload } from './take-upload.ts'
import { serveTree } from './tree-link.ts'
import { type Computer, openTree } from './tree-site.ts'

/** Copies between folders of endpoints, and mirrors: folders that are kept equal. */
export const syncApp: App = createSyncApp()

/** The sync app with limits of one's own. */
export function createSyncApp(limits: SyncLimits = SYNC_LIMITS): App {
  return {
    name: 'ztm/sync',
    api: SYNC_API,
    async start(host) {
      const sync = new Sync(host, limits)
      await sync.grants.restore()
      await sync.mirrors.restore()
      return {
        // A handler takes what its own route's shapes give; the host calls it with just that.
        handlers: createHandlers(host, sync) as unknown as AppInstance['handlers'],
        receiveLocal: stream => void sync.receiveLocal(stream),
        contents: sync.contents,
        [Symbol.asyncDispose]: () => sync[Symbol.asyncDispose](),
      }
    },
  }
}

function createHandlers(host: Host, { grants, mirrors }: Sync): Handlers<typeof SYNC_API, AppCaller> {
  const api = SYNC_API
  return {
    listGrants: call => at(host, api.listGrants, call, () => grants.describe()),
    putGrant: call => at(host, api.putGrant, call, () => grants.put(call.body)),
    deleteGrant: call => at(host, api.deleteGrant, call, () => grants.delete(call.body.folder)),
    listMirrors: call => at(host, api.listMirrors, call, () => mirrors.list()),
    createMirror: call => at(host, api.createMirror, call, () => mirrors.create(call.body)),
    changeMirror: call =>
      at(host, api.changeMirror, call, () => mirrors.change(call.params.mirror, call.body)),
    deleteMirror: call =>
      at(host, api.deleteMirror, call, () => mirrors.delete(call.params.mirror).then(() => undefined)),
  }
}

const localRequestShape = z.discriminatedUnion('kind', [
  copyRequestShape,
  listRequestShape,
  diskChangeShape,
  openTreeShape,
])

class Sync implements AsyncDisposable {
  readonly grants: GrantBook
  readonly mirrors: MirrorBook
  readonly #host: Host
  readonly #limits: SyncLimits
  readonly #computer: Computer
  readonly #warn: ReturnType<typeof createRateLimitedLog>
  /** Streams of other endpoints, and whose they are. */
  readonly #visitors = new Map<Duplex, string>()
  readonly #locals = new Set<Duplex>()
  readonly #work = new Set<Promise<void>>()

  constructor(host: Host, limits: SyncLimits) {
    this.#host = host
    this.#limits = limits
    this.#computer = { disk: host.disk, clock: host.clock, claims: new Set() }
    this.#warn = createRateLimitedLog(host, 'sync.refused', limits.logIntervalMs)
    this.mirrors = new MirrorBook(host, this.#computer)
    this.grants = new GrantBook(
      host,
      incoming => this.#follow(this.#receive(incoming)),
      () => this.#endVisits(),
    )
  }

  /** Files on disks, one at a time: read from anywhere in them, or put there piece by piece. */
  get contents(): AppContents {
    return {
      open: query => openPlaceContent(this.#host, this.#computer, query),
      take: (query, bytes) => takeUpload(this.#host, this.#computer, query, bytes),
    }
  }

  /** Serve this computer's user. */
  receiveLocal(stream: Duplex): void {
    stream.on('error', () => {})
    this.#locals.add(stream)
    this.#follow(this.#serveLocal(stream).finally(() => this.#locals.delete(stream)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mirrors[Symbol.asyncDispose]()
    await this.grants[Symbol.asyncDispose]()
    for (const stream of [...this.#visitors.keys(), ...this.#locals]) stream.destroy()
    await Promise.all(this.#work)
  }

  #follow(work: Promise<void>): void {
    const followed = work.finally(() => this.#work.delete(followed))
    this.#work.add(followed)
  }

  async #serveLocal(stream: Duplex): Promise<void> {
    const cancelHello = this.#host.after(this.#limits.helloTimeoutMs, () => stream.destroy())
    try {
      const request = await readSmallMessage(stream, localRequestShape)
      cancelHello()
      if (this.#locals.size > this.#limits.maxCopies) {
        throw new MeshError('too-many', 'Cannot copy: too many copies run: wait until one has ended')
      }
      if (request.kind === 'copy') await serveCopy(this.#host, this.#computer, stream, request)
      else if (request.kind === 'open-tree')
        await serveLocalTree(this.#host, this.#computer, stream, request.at)
      else if (request.kind === 'list-files')
        await serveListing(this.#host, this.#computer, stream, request.at)
      else await serveChange(this.#host, this.#computer, stream, request)
    } catch (thrown) {
      cancelHello()
      const event = { event: 'refused', error: toMeshError(thrown).toBody() }
      if (!stream.destroyed) stream.end(`${JSON.stringify(event)}\n`)
    }
  }

  async #receive(incoming: Incoming): Promise<void> {
    const { user, endpoint } = incoming.from
    const { maxTrees, maxTreesPerUser } = this.#limits
    const own = [...this.#visitors.values()].filter(one => one === user).length
    if (this.#visitors.size >= maxTrees || own >= maxTreesPerUser) {
      incoming.refuse(
        new MeshError('too-many', 'Cannot open folder: too many are open there: try again later'),
      )
      return
    }
    const stream = incoming.accept()
    stream.on('error', () => {})
    this.#visitors.set(stream, user)
    const cancelHello = this.#host.after(this.#limits.helloTimeoutMs, () => stream.destroy())
    try {
      const hello = await readSmallMessage(stream, treeHelloShape)
      cancelHello()
      const place = await this.#openFor(incoming, hello)
      this.#host.log.info('sync.opened', { user, peer: endpoint, isReadOnly: place.opened.isReadOnly })
      stream.write(encodeSmallMessage({ opened: place.opened }))
      await serveTree(stream, place)
    } catch (thrown) {
      const error = toMeshError(thrown)
      this.#warn(error.code, { user, peer: endpoint, code: error.code, reason: error.message })
      if (!stream.destroyed) stream.end(encodeSmallMessage({ error: error.toBody() }))
    } finally {
      cancelHello()
      this.#visitors.delete(stream)
    }
  }

  async #openFor(incoming: Incoming, hello: z.output<typeof treeHelloShape>) {
    const { path, mirror, isHolder } = hello
    const terms = { path, mirror, isHolder }
    const { from } = incoming
    const groups = () => incoming.groups
    const writable = this.grants.foldersFor(from.user, groups, true)
    if (writable === undefined) return openTree(this.#computer, terms)
    const readable = this.grants.foldersFor(from.user, groups, false) ?? []
    try {
      return await openTree(this.#computer, { ...terms, within: writable })
    } catch (error) {
      if (toMeshError(error).code !== 'denied') throw error
      return await openTree(this.#computer, { ...terms, within: readable, isReadOnly: true })
    }
  }

  /** Others come again, and are judged by what holds now. */
  #endVisits(): void {
    for (const [stream, user] of this.#visitors) {
      if (user !== this.#host.endpoint.user) stream.destroy()
    }
  }
}
