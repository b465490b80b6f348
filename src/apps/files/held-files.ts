import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type ChunkLayout, layOutChunks } from '../../core/files/chunk-layout.ts'
import { type FileReader, mayRead } from '../../core/files/file-access.ts'
import { MAX_MANIFEST_BYTES, type Manifest, parseManifest } from '../../core/files/manifest.ts'
import { formatMeshPath, pathBelow } from '../../core/files/mesh-path.ts'
import type { Folder } from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { UserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import type { Json } from '../../core/model/store.ts'
import type { Host } from '../../sdk/app.ts'
import { readKeptRecords } from '../../sdk/for-apps/kept-records.ts'
import { nameContent } from './hash-chunk.ts'
import { KeptVersions } from './kept-versions.ts'
import { type HeldInfo, itemShape, MAX_KEPT_VERSIONS, versionShape } from './messages.ts'

const heldRecordShape = z.strictObject({
  version: z.literal(1),
  item: itemShape,
  /** The folder on this computer, absolute, and the path in it; empty for the folder itself. */
  folder: z.string(),
  path: z.string(),
  isCopy: z.boolean(),
  /** When the publisher last said that it may be given away. */
  confirmedAtMs: z.number(),
  /** How many versions before the newest are kept; the versions, the newest first. */
  keepCount: z.int().min(1).max(MAX_KEPT_VERSIONS).optional(),
  versions: z
    .array(versionShape)
    .max(MAX_KEPT_VERSIONS + 1)
    .optional(),
})

/** Something published or held here. */
export type Held = z.output<typeof heldRecordShape> & {
  /** Why it cannot be had now. */
  error?: string | undefined
}

/** A manifest, read, and its chunks numbered. */
export interface Content {
  readonly bytes: Uint8Array
  readonly manifest: Manifest
  readonly layout: ChunkLayout
}

/** What is published or held at this endpoint, as kept in the app's storage, with the manifests in its own folder. */
export class HeldFiles {
  readonly #host: Host
  readonly #maxItems: number
  readonly #held = new Map<string, Held>()
  /** The last few that were used: some are large. */
  readonly #contents = new Map<string, Promise<Content>>()
  #own: Promise<Folder> | undefined
  /** What is kept of versions. */
  readonly kept: KeptVersions = new KeptVersions({
    openFolder: () => this.#folder(),
    layouts: async () => {
      const contents = new Set(
        this.all.flatMap(({ versions = [] }) => versions.map(({ content }) => content)),
      )
      return Promise.all([...contents].map(async content => (await this.#readContent(content)).layout))
    },
  })

  constructor(host: Host, maxItems: number) {
    this.#host = host
    this.#maxItems = maxItems
  }

  async load(): Promise<void> {
    const records = { prefix: 'item/', shape: heldRecordShape, event: 'files.unreadable' }
    await readKeptRecords(this.#host, records, held => void this.#held.set(keyOf(held.item), held))
  }

  get all(): Held[] {
    return [...this.#held.values()]
  }

  find(owner: UserName, name: string): Held | undefined {
    return this.#held.get(keyOf({ owner, name }))
  }

  /** What a reader may see, by name. */
  visibleTo(reader: FileReader): Held[] {
    return this.all
      .filter(({ item, error }) => error === undefined && mayRead(item.owner, item.access, reader))
      .sort((a, b) =>
        formatMeshPath(a.item.owner, a.item.name) < formatMeshPath(b.item.owner, b.item.name) ? -1 : 1,
      )
  }

  /**
   * Keep something.
   *
   * @param manifest  absent if it is kept already
   * @throws MeshError `conflict` if its name is below or above another's, `too-many`, `storage-full`
   */
  async put(held: Held, manifest?: Uint8Array): Promise<void> {
    const { item } = held
    const key = keyOf(item)
    for (const other of this.#held.values()) {
      if (other.item.owner !== item.owner || other.item.name === item.name) continue
      const isNested =
        pathBelow(item.name, other.item.name) !== undefined ||
        pathBelow(other.item.name, item.name) !== undefined
      if (!isNested) continue
      throw new MeshError(
        'conflict',
        `Cannot publish as ${quote(item.name)}: ${quote(other.item.name)} is published: choose a name that is not in it`,
      )
    }
    if (!this.#held.has(key) && this.#held.size >= this.#maxItems)
      throw new MeshError('too-many', `Cannot publish: ${this.#maxItems} are published or held here already`)
    if (manifest !== undefined) await this.keepManifest(item.content, manifest)
    const before = this.#held.get(key)
    const { error: _, ...record } = held
    await this.#host.storage.put(storageKey(key), record as unknown as Json)
    this.#held.set(key, { ...record })
    for (const content of before === undefined ? [] : contentsOf(before)) await this.#forgetContent(content)
  }

  async remove(held: Held): Promise<void> {
    const key = keyOf(held.item)
    await this.#host.storage.delete(storageKey(key))
    this.#held.delete(key)
    for (const content of contentsOf(held)) await this.#forgetContent(content)
  }

  /** Do not offer it until it was published again. */
  block(held: Held, error: string): void {
    const known = this.#held.get(keyOf(held.item))
    if (known !== undefined) known.error = error
  }

  async keepManifest(content: string, manifest: Uint8Array): Promise<void> {
    await (await this.#folder()).writeFile(`${content}.manifest`, manifest)
  }

  /** The manifest of a content that is kept. @throws MeshError `not-found`; `storage-failed` if it is damaged */
  content(content: string): Promise<Content> {
    const known = this.#contents.get(content)
    if (known !== undefined) {
      this.#contents.delete(content)
      this.#contents.set(content, known)
      return known
    }
    const reading = this.#readContent(content)
    this.#contents.set(content, reading)
    reading.then(
      read => this.remember(content, read),
      () => this.#contents.delete(content),
    )
    return reading
  }

  /** The content if it was used lately or is kept here; undefined if it has to be fetched. */
  async known(content: string): Promise<Content | undefined> {
    if (!this.#contents.has(content) && !this.all.some(held => contentsOf(held).includes(content)))
      return undefined
    return this.content(content).catch(() => undefined)
  }

  /** Have a content that was fetched at hand. */
  remember(content: string, read: Content): void {
    this.#contents.delete(content)
    this.#contents.set(content, Promise.resolve(read))
    for (const oldest of [...this.#contents.keys()].slice(0, -MAX_CONTENTS)) this.#contents.delete(oldest)
  }

  describe(held: Held): HeldInfo {
    const { item, folder, path, isCopy, keepCount, error } = held
    return {
      path: formatMeshPath(item.owner, item.name),
      ...item,
      source: path === '' ? folder : `${folder.replace(/\/$/, '')}/${path}`,
      isCopy,
      ...(keepCount !== undefined && { keepCount }),
      ...(error !== undefined && { error }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kept.whenIdle()
    const own = this.#own
    if (own !== undefined) await own.then(folder => folder[Symbol.asyncDispose]()).catch(() => {})
  }

  /** Remove the manifest of something that is no more, unless something else has the same content. */
  async #forgetContent(content: string): Promise<void> {
    if (this.all.some(held => contentsOf(held).includes(content))) return
    this.#contents.delete(content)
    await (await this.#folder()).remove(`${content}.manifest`)
  }

  async #readContent(content: string): Promise<Content> {
    const folder = await this.#folder()
    await using file = await folder.openFile(`${content}.manifest`, 'read')
    const { sizeBytes } = await file.stat()
    if (sizeBytes > MAX_MANIFEST_BYTES) throw damaged(content)
    const bytes = Buffer.allocUnsafeSlow(sizeBytes)
    const length = await file.read(bytes, 0)
    if (length !== sizeBytes || (await nameContent(bytes)) !== content) throw damaged(content)
    return readContent(bytes)
  }

  #folder(): Promise<Folder> {
    this.#own ??= this.#host.disk.openOwnFolder()
    this.#own.catch(() => {
      this.#own = undefined
    })
    return this.#own
  }
}

/** The contents that something held has: of the newest, and of the versions that are kept. */
export function contentsOf({ item, versions = [] }: Held): string[] {
  return [item.content, ...versions.map(({ content }) => content).filter(one => one !== item.content)]
}

/** Read a manifest and number its chunks. @throws MeshError `bad-message` */
export function readContent(bytes: Uint8Array): Content {
  const manifest = parseManifest(bytes)
  return { bytes, manifest, layout: layOutChunks(manifest) }
}

function damaged(content: string): MeshError {
  return new MeshError(
    'storage-failed',
    `Cannot read what ${content} is made of: it is damaged: publish it again`,
  )
}

function keyOf({ owner, name }: { readonly owner: string; readonly name: string }): string {
  return `${owner}\0${name}`
}

/** Names have what keys may not. */
function storageKey(key: string): string {
  return `item/${createHash('sha256').update(key).digest('hex')}`
}

const MAX_CONTENTS = 4
