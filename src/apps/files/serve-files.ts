import type { Duplex } from 'node:stream'
import {
  type ChunkRange,
  createFileFrameDecoder,
  encodeFileHead,
  type FileFrame,
  parseWant,
} from '../../core/codec/file-frame.ts'
import { type FileReader, mayRead } from '../../core/files/file-access.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { UserName } from '../../core/model/names.ts'
import type { Host, Incoming } from '../../sdk/app.ts'
import { createRateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import { contentsOf, type Held, type HeldFiles } from './held-files.ts'
import type { FilesLimits } from './limits.ts'
import { type FilesAnswer, type FileVersion, questionShape } from './messages.ts'
import { createChunkReader, type ReadChunk } from './read-chunks.ts'

/** What serving needs. */
export interface FileServerOptions {
  readonly host: Host
  readonly held: HeldFiles
  readonly limits: FilesLimits
  /** Something that was published is not as it was. */
  readonly onChanged: (held: Held, error: MeshError) => void
  /** A copy whose publisher was not asked for long. */
  readonly mayGive: (held: Held) => boolean
}

/** Gives what is held here to those who may have it. */
export interface FileServer {
  receive(incoming: Incoming): void
}

/** Serve streams of files. */
export function createFileServer(options: FileServerOptions): FileServer {
  return new Server(options)
}

class Server implements FileServer {
  readonly #options: FileServerOptions
  readonly #streams = new Map<string, number>()
  readonly #warn: ReturnType<typeof createRateLimitedLog>
  #streamCount = 0

  constructor(options: FileServerOptions) {
    this.#options = options
    this.#warn = createRateLimitedLog(options.host, 'files.refused', options.limits.logIntervalMs)
  }

  receive(incoming: Incoming): void {
    const { maxStreams, maxStreamsPerEndpoint } = this.#options.limits
    const { endpoint } = incoming.from
    const count = this.#streams.get(endpoint) ?? 0
    if (this.#streamCount >= maxStreams || count >= maxStreamsPerEndpoint) {
      incoming.refuse(new MeshError('too-many', 'Cannot give files: too many are being given: try again'))
      return
    }
    this.#streamCount += 1
    this.#streams.set(endpoint, count + 1)
    const stream = incoming.accept()
    stream.on('error', () => {})
    void this.#serve(stream, incoming).finally(() => {
      stream.destroy()
      this.#streamCount -= 1
      const left = (this.#streams.get(endpoint) ?? 1) - 1
      if (left > 0) this.#streams.set(endpoint, left)
      else this.#streams.delete(endpoint)
    })
  }

  async #serve(stream: Duplex, incoming: Incoming): Promise<void> {
    const { host, limits } = this.#options
    let cancelIdle = () => {}
    const touch = () => {
      cancelIdle()
      cancelIdle = host.after(limits.idleMs, () => stream.destroy())
    }
    const visit: Visit = { stream, incoming, touch }
    const decoder = createFileFrameDecoder(MAX_QUESTION_BYTES)
    touch()
    try {
      // Nothing more is read while something is answered.
      for await (const bytes of stream) {
        touch()
        for (const frame of decoder.push(bytes as Uint8Array)) await this.#take(visit, frame)
      }
      if (!stream.destroyed) await new Promise<void>(resolve => stream.end(resolve))
    } catch (thrown) {
      const { code, message } = toMeshError(thrown)
      const { user, endpoint } = incoming.from
      // Whoever asks may break off at any time.
      if (code === 'bad-message') this.#warn(code, { user, peer: endpoint, code, reason: message })
    } finally {
      cancelIdle()
    }
  }

  async #take(visit: Visit, { kind, payload }: FileFrame): Promise<void> {
    if (kind === 'want') {
      const { content, ranges } = parseWant(payload)
      await this.#give(visit, Buffer.from(content).toString('hex'), ranges)
    } else if (kind === 'ask') await this.#answer(visit, payload)
    else throw new MeshError('bad-message', 'Cannot read frame: it is not one for a holder')
  }

  async #answer(visit: Visit, payload: Uint8Array): Promise<void> {
    const question = questionShape.safeParse(tryJson(payload))
    if (!question.success) throw new MeshError('bad-message', 'Cannot read question: it is not of its form')
    const send = (answer: FilesAnswer) => {
      const bytes = Buffer.from(JSON.stringify(answer))
      return write(visit, Buffer.concat([encodeFileHead('answer', bytes.length), bytes]))
    }
    const asked = question.data
    if (asked.kind === 'list') {
      const visible = this.#visible(visit).filter(
        ({ item }) =>
          (asked.owner === undefined || item.owner === asked.owner) &&
          (asked.names === undefined || asked.names.includes(item.name)),
      )
      const items = []
      let length = 0
      for (const { item } of visible.slice(asked.offset, asked.offset + PAGE_ITEMS)) {
        length += JSON.stringify(item).length * 3
        if (items.length > 0 && length > PAGE_BYTES) break
        items.push(item)
      }
      const nextOffset = asked.offset + items.length
      await send({ isGood: true, items, ...(nextOffset < visible.length && { nextOffset }) })
      return
    }
    try {
      if (asked.kind === 'versions') {
        await send({ isGood: true, versions: this.#versions(visit, asked.owner, asked.name) })
        return
      }
      this.#find(visit, asked.content)
      const { bytes } = await this.#options.held.content(asked.content)
      await send({ isGood: true, manifestBytes: bytes.length })
      for (let at = 0; at < bytes.length; at += PART_BYTES) {
        const part = bytes.subarray(at, at + PART_BYTES)
        await write(visit, encodeFileHead('part', part.length), part)
      }
    } catch (thrown) {
      await send({ isGood: false, error: toMeshError(thrown).toBody() })
    }
  }

  async #give(visit: Visit, content: string, ranges: readonly ChunkRange[]): Promise<void> {
    const { host, held: files, limits } = this.#options
    let held: Held
    try {
      held = this.#find(visit, content)
      const { layout } = await files.content(content)
      if (ranges.some(({ first, count }) => first + count > layout.chunkCount))
        throw new MeshError('bad-message', 'Cannot give chunks: there are not so many')
      if (held.item.content !== content) {
        for await (const parts of files.kept.read(layout, ranges))
          await this.#send(visit, this.#find(visit, content), parts)
        return
      }
      await using folder = await host.disk.openFolder(held.folder)
      const { path } = held
      const { readAheadBytes } = limits
      await using reader = createChunkReader({ folder, path, layout, readAheadBytes })
      for await (const parts of reader.read(ranges)) {
        // It may have been withdrawn meanwhile.
        held = this.#find(visit, content)
        await this.#send(visit, held, parts)
      }
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (error.code === 'bad-message' || visit.stream.destroyed) throw error
      for (const { first, count } of ranges) await write(visit, encodeMissing(first, count, error))
    }
  }

  async #send(visit: Visit, held: Held, parts: readonly ReadChunk[]): Promise<void> {
    const together: Uint8Array[] = []
    for (const part of parts) {
      if ('error' in part) {
        together.push(encodeMissing(part.chunk, 1, part.error))
        this.#options.onChanged(held, part.error)
        continue
      }
      const head = Buffer.alloc(CHUNK_HEAD_BYTES)
      head.set(encodeFileHead('chunk', 4 + part.bytes.length))
      head.writeUInt32BE(part.chunk, head.length - 4)
      together.push(head, part.bytes)
    }
    // Many small ones in one piece: each write costs more than their bytes.
    if (parts.length > 1) await write(visit, Buffer.concat(together))
    else await write(visit, ...together)
  }

  #reader({ incoming }: Visit): FileReader {
    return { user: incoming.from.user, groups: incoming.groups }
  }

  #visible(visit: Visit): Held[] {
    return this.#options.held.visibleTo(this.#reader(visit)).filter(this.#options.mayGive)
  }

  /** @throws MeshError `not-found`, whether it is not there or not for this one */
  #versions(visit: Visit, owner: UserName, name: string): FileVersion[] {
    const found = this.#visible(visit).find(({ item }) => item.owner === owner && item.name === name)
    if (found !== undefined) return found.versions ?? []
    throw new MeshError('not-found', 'Cannot list versions: there is no such file here')
  }

  /** @throws MeshError `not-found`, whether it is not there or not for this one */
  #find(visit: Visit, content: string): Held {
    const reader = this.#reader(visit)
    const held = this.#options.held.all.find(
      one =>
        contentsOf(one).includes(content) &&
        one.error === undefined &&
        mayRead(one.item.owner, one.item.access, reader) &&
        this.#options.mayGive(one),
    )
    if (held !== undefined) return held
    throw new MeshError('not-found', 'Cannot give files: there is no such content here')
  }
}

interface Visit {
  readonly stream: Duplex
  readonly incoming: Incoming
  /** Something went on. */
  readonly touch: () => void
}

/** Chunks that cannot be had: 4 bytes of first number, 4 of count, and why. */
function encodeMissing(first: number, count: number, error: MeshError): Buffer {
  const why = Buffer.from(JSON.stringify(error.toBody()))
  const head = encodeFileHead('missing', 8 + why.length)
  const numbers = Buffer.alloc(8)
  numbers.writeUInt32BE(first)
  numbers.writeUInt32BE(count, 4)
  return Buffer.concat([head, numbers, why])
}

/** @throws MeshError `link-closed` */
async function write({ stream, touch }: Visit, ...pieces: Uint8Array[]): Promise<void> {
  let isTaken = true
  for (const piece of pieces) {
    if (stream.destroyed) break
    isTaken = stream.write(piece)
  }
  if (!isTaken && !stream.destroyed) await new Promise<void>(resolve => whenDrained(stream, resolve))
  if (stream.destroyed) throw new MeshError('link-closed', 'Cannot give files: the stream ended')
  touch()
}

function tryJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

/** The longest question, or list of wanted chunks. */
const MAX_QUESTION_BYTES = 65_536
const PAGE_ITEMS = 500
const PAGE_BYTES = 1_000_000
const PART_BYTES = 262_144
const CHUNK_HEAD_BYTES = 9
