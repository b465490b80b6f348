import type { DiskFile, Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Host, TerminalSize } from '../../sdk/app.ts'
import { castHeader, createCastLines } from '../../sdk/for-apps/asciicast.ts'
import type { TerminalLimits } from './limits.ts'
import { type RecordingInfo, sessionIdShape } from './messages.ts'
import type { SessionTap } from './session.ts'

/** What is recorded, for who looks through recordings later. */
export interface RecordingFacts {
  readonly session: string
  readonly size: TerminalSize
  readonly title: string
  readonly command?: string
}

/** A session that is being written down. */
export interface Recording extends SessionTap, AsyncDisposable {
  /** It could not go on: what follows would not be written down. */
  onFailed: ((why: string) => void) | undefined
}

/** What terminals of this endpoint showed, in files that its owner alone may read. */
export interface Recordings {
  /** Begin one. @throws MeshError what `Host.disk` throws: a session that is to be recorded must not run without */
  begin(folder: string, facts: RecordingFacts): Promise<Recording>
  list(folder: string): Promise<RecordingInfo[]>
  /** The bytes of one, piece by piece. @throws MeshError `not-found` */
  read(folder: string, session: string): AsyncGenerator<Uint8Array>
  /** @throws MeshError `not-found` */
  erase(folder: string, session: string): Promise<void>
}

/** Recordings in folders of this computer, one below each for the mesh. */
export function createRecordings(host: Host, limits: TerminalLimits): Recordings {
  const open = new Set<string>()

  /** @param folder  absolute, or below the home folder */
  async function openPlace(folder: string): Promise<Folder> {
    const isAbsolute = /^(?:\/|[A-Za-z]:[\\/])/.test(folder)
    await using place = await host.disk.openFolder(isAbsolute ? folder : host.disk.home)
    const below = isAbsolute ? host.mesh : `${folder}/${host.mesh}`
    await place.makeFolder(below, 0o700)
    return await host.disk.openFolder(`${place.path}/${below}`)
  }

  async function findFile(place: Folder, session: string): Promise<string> {
    const found = (await place.list('')).find(({ name }) => name.endsWith(`-${session}${SUFFIX}`))
    if (found?.kind === 'file') return found.name
    throw new MeshError(
      'not-found',
      `Cannot find recording ${session}: \`ztm terminal recordings\` lists them`,
    )
  }

  /** The oldest go when there are too many, or too much. */
  async function makeRoom(place: Folder): Promise<void> {
    const files = (await place.list('')).filter(({ name, kind }) => kind === 'file' && NAME.test(name))
    const names = files.map(({ name }) => name).sort()
    const sizes = await Promise.all(names.map(async name => (await place.stat(name)).sizeBytes))
    let total = sizes.reduce((sum, size) => sum + size, 0)
    let count = names.length
    for (const [index, name] of names.entries()) {
      if (count < limits.maxRecordings && total <= limits.maxRecordedBytes) return
      if (open.has(name)) continue
      await place.remove(name)
      host.log.info('terminal.recording-erased', { file: name, reason: 'room' })
      total -= sizes[index] ?? 0
      count -= 1
    }
  }

  return {
    async begin(folder, facts) {
      const place = await openPlace(folder)
      try {
        await makeRoom(place)
        const now = host.clock.now()
        const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
        const name = `${stamp}-${facts.session}${SUFFIX}`
        const file = await place.openFile(name, 'create', 0o600)
        open.add(name)
        const { title, command } = facts
        const header = castHeader(facts.size, now, { title, ...(command && { command }) })
        return new OpenRecording(host, limits, file, header, async () => {
          open.delete(name)
          await place[Symbol.asyncDispose]()
        })
      } catch (error) {
        await place[Symbol.asyncDispose]()
        throw error
      }
    },
    async list(folder) {
      await using place = await openPlace(folder)
      const files = (await place.list('')).filter(({ name, kind }) => kind === 'file' && NAME.test(name))
      const names = files.map(({ name }) => name).sort()
      const infos = await Promise.all(names.slice(-MAX_LISTED).map(name => describe(place, name)))
      return infos.flat().reverse()
    },
    async *read(folder, session) {
      await using place = await openPlace(folder)
      await using file = await place.openFile(await findFile(place, session), 'read')
      for (let at = 0; ; ) {
        const bytes = new Uint8Array(CHUNK_BYTES)
        const count = await file.read(bytes, at)
        if (count > 0) yield bytes.subarray(0, count)
        if (count < CHUNK_BYTES) return
        at += count
      }
    },
    async erase(folder, session) {
      await using place = await openPlace(folder)
      const name = await findFile(place, session)
      if (open.has(name)) throw new MeshError('conflict', `Cannot erase recording ${session}: it goes on`)
      await place.remove(name)
    },
  }

  async function describe(place: Folder, name: string): Promise<RecordingInfo[]> {
    const session = sessionIdShape.parse(NAME.exec(name)?.[1])
    await using file = await place.openFile(name, 'read')
    const head = new Uint8Array(MAX_HEADER_BYTES)
    const length = await file.read(head, 0)
    const { sizeBytes } = await file.stat()
    const line = Buffer.from(head.subarray(0, length)).toString('utf8').split('\n')[0] ?? ''
    try {
      const { timestamp, title } = JSON.parse(line) as { timestamp: unknown; title: unknown }
      const startedAtMs = Number(timestamp) * 1_000
      return [
        { session, startedAtMs, title: String(title), sizeBytes, isOpen: open.has(name) } as RecordingInfo,
      ]
    } catch {
      return []
    }
  }
}

class OpenRecording implements Recording {
  onFailed: ((why: string) => void) | undefined
  readonly #host: Host
  readonly #limits: TerminalLimits
  readonly #file: DiskFile
  readonly #onClosed: () => Promise<void>
  readonly #startedAtMs: number
  readonly #lines: ReturnType<typeof createCastLines>
  #elapsedMs = 0
  #waiting = ''
  #writtenBytes = 0
  #work: Promise<void> = Promise.resolve()
  #isWriting = false
  #isOver = false

  constructor(
    host: Host,
    limits: TerminalLimits,
    file: DiskFile,
    header: string,
    onClosed: () => Promise<void>,
  ) {
    this.#host = host
    this.#limits = limits
    this.#file = file
    this.#onClosed = onClosed
    this.#startedAtMs = host.clock.now()
    this.#lines = createCastLines(() => {
      this.#elapsedMs = Math.max(this.#elapsedMs, host.clock.now() - this.#startedAtMs)
      return this.#elapsedMs
    })
    this.#add(header)
  }

  output(bytes: Uint8Array): void {
    this.#add(this.#lines.output(bytes))
  }

  resized(size: TerminalSize): void {
    this.#add(this.#lines.resized(size))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#add(this.#lines.end())
    this.#isOver = true
    await this.#work
    await Promise.allSettled([this.#file[Symbol.asyncDispose](), this.#onClosed()])
  }

  #add(line: string): void {
    if (this.#isOver || line === '') return
    this.#waiting += line
    if (this.#writtenBytes + this.#waiting.length > this.#limits.maxRecordingBytes)
      this.#fail('it is too long')
    else if (this.#waiting.length > MAX_WAITING) this.#fail('the disk is too slow')
    else if (!this.#isWriting) this.#work = this.#write()
  }

  /** Write what has come; what comes meanwhile goes with the next. */
  async #write(): Promise<void> {
    this.#isWriting = true
    try {
      while (this.#waiting !== '') {
        const bytes = Buffer.from(this.#waiting)
        this.#waiting = ''
        await this.#file.write(bytes, this.#writtenBytes)
        this.#writtenBytes += bytes.length
      }
    } catch (thrown) {
      this.#fail(toMeshError(thrown).message)
    } finally {
      this.#isWriting = false
    }
  }

  #fail(why: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting = ''
    this.#host.log.warn('terminal.recording-failed', { reason: why })
    this.onFailed?.(why)
  }
}

const SUFFIX = '.cast'
const NAME = /^\d{8}T\d{6}Z-([0-9a-f]{16})\.cast$/
const CHUNK_BYTES = 65_536
const MAX_HEADER_BYTES = 4_096
const MAX_LISTED = 500
/** Characters that wait for the disk. */
const MAX_WAITING = 16_777_216
