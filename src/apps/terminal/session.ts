import type { Duplex } from 'node:stream'
import type { TerminalFrame } from '../../core/codec/terminal-frame.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import type { Ms } from '../../core/model/time.ts'
import type { Host, ProgramEnd, RunningProgram, TerminalSize } from '../../sdk/app.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import { createKeptOutput, type KeptOutput } from './kept-output.ts'
import { MAX_SHOWN_COMMAND, type SessionInfo, sizeShape } from './messages.ts'
import { Viewer, type ViewerIdentity } from './viewer.ts'

/** What a session is made of. */
export interface SessionOptions {
  readonly id: string
  /** Whose it is, and from where it was opened. */
  readonly user: UserName
  readonly peer: EndpointId
  /** Groups by which that user was let in. */
  readonly groups: readonly Name[]
  readonly command: readonly string[] | undefined
  /** The account of this computer it runs as; that of the agent if absent. */
  readonly account: string | undefined
  readonly hasTerminal: boolean
  /** Is told of what it shows. */
  readonly tap?: SessionTap | undefined
  readonly program: RunningProgram
  readonly host: Pick<Host, 'clock' | 'after'>
  readonly keptBytes: number
  /** Its program ended, and all was read. */
  readonly onEnd: (session: Session, end: ProgramEnd) => void
  /** Somebody came to look, or went. */
  readonly onViewers: (session: Session) => void
}

/** What is told of what a terminal shows, and how large it is. */
export interface SessionTap {
  output(bytes: Uint8Array): void
  resized(size: TerminalSize): void
}

/**
 * A program and those who look at it. With a terminal it lives on without any, several may look, and what it writes is kept as
 * far as it fits; with pipes there is one, who gets every byte, and it ends with that one.
 *
 * The program is slowed down only while all who look have enough: whoever falls further behind the others than what is kept
 * has to come again.
 */
export class Session {
  readonly options: SessionOptions
  readonly startedAtMs: Ms
  readonly #kept: KeptOutput
  readonly #viewers = new Set<Viewer>()
  #pipedBytes = 0
  #activeAtMs: Ms
  #openOutputs = 0
  #end: ProgramEnd | undefined
  #isOver = false

  constructor(options: SessionOptions) {
    this.options = options
    this.#kept = createKeptOutput(options.keptBytes)
    this.startedAtMs = options.host.clock.now()
    this.#activeAtMs = this.startedAtMs
    const { program } = options
    this.#read('output', program.output)
    if (program.errors !== undefined) this.#read('errors', program.errors)
    program.ended.then(end => {
      this.#end = end
      this.#finish()
    })
  }

  get id(): string {
    return this.options.id
  }

  get isAttached(): boolean {
    return this.#viewers.size > 0
  }

  /** How it ended, once all was read. */
  get end(): ProgramEnd | undefined {
    return this.#isOver ? this.#end : undefined
  }

  /** When somebody typed last, or came; with pipes, when bytes passed. */
  get activeAtMs(): Ms {
    return this.#activeAtMs
  }

  get outputBytes(): number {
    return this.options.hasTerminal ? this.#kept.total : this.#pipedBytes
  }

  describe(): SessionInfo {
    const { id, user: owner, command, account, hasTerminal } = this.options
    return {
      id,
      user: owner,
      hasTerminal,
      startedAtMs: this.startedAtMs,
      activeAtMs: this.#activeAtMs,
      isAttached: this.isAttached,
      isOver: this.#isOver,
      viewers: [...this.#viewers].map(({ identity: { user, endpoint, isReadOnly } }) => ({
        user,
        endpoint,
        isReadOnly,
      })),
      outputBytes: this.outputBytes,
      ...(account !== undefined && { account }),
      ...(command && { command: command.join(' ').slice(0, MAX_SHOWN_COMMAND) }),
    }
  }

  /** What is kept of its output. */
  get kept(): KeptOutput {
    return this.#kept
  }

  /** Where output for a client begins that has that much; what it needs to know before the first frame. */
  startFor(received: number | undefined): number {
    return this.#kept.since(received ?? 0, 0).from
  }

  /** Let a client take part. @param from  as `startFor` gave it */
  attach(client: Duplex, from: number, identity: ViewerIdentity): Viewer {
    const viewer = new Viewer(client, identity, from, {
      onFrames: (frames, by) => this.#takeFrames(frames, by),
      onReady: by => this.#feed(by),
      // A client that says no more is one that went.
      onInputOver: by => by.isGone || by.destroy(),
      onGone: by => this.#forget(by),
    })
    this.#viewers.add(viewer)
    if (!identity.isReadOnly) this.#touch()
    this.options.onViewers(this)
    this.#feed(viewer)
    if (this.#isOver) this.#tellEnd()
    return viewer
  }

  /** Cut off those who look and are none of these any more. */
  keepViewers(isStillAllowed: (identity: ViewerIdentity) => boolean): void {
    for (const viewer of this.#viewers) if (!isStillAllowed(viewer.identity)) viewer.destroy()
  }

  resize(size: TerminalSize): void {
    this.options.program.resize(size)
    this.options.tap?.resized(size)
  }

  /** End the program. @param why  for those who look */
  close(why?: string): void {
    this.options.program.signal('SIGHUP')
    this.options.program.signal('SIGTERM')
    for (const viewer of this.#viewers) {
      if (why === undefined) viewer.destroy()
      else viewer.notify(why)
    }
  }

  /** End it, whether it wants to or not. */
  kill(): void {
    this.options.program.signal('SIGKILL')
  }

  #touch(): void {
    this.#activeAtMs = this.options.host.clock.now()
  }

  #read(kind: 'output' | 'errors', from: RunningProgram['output']): void {
    this.#openOutputs += 1
    from.on('data', (bytes: Uint8Array) =>
      this.options.hasTerminal ? this.#show(bytes) : this.#pass(kind, bytes),
    )
    from.once('close', () => {
      this.#openOutputs -= 1
      this.#finish()
    })
  }

  /** What a terminal shows is for all. */
  #show(bytes: Uint8Array): void {
    this.#kept.push(bytes)
    this.options.tap?.output(bytes)
    for (const viewer of this.#viewers) viewer.follow(this.#kept)
    for (const viewer of this.#viewers) this.#checkPace(viewer)
    if (this.#mustWait()) this.options.program.output.pause()
  }

  /**
   * All who take part have enough. Without any the program goes on, as in a terminal that is covered; who only looks must not
   * be able to stop it.
   */
  #mustWait(): boolean {
    const takePart = [...this.#viewers].filter(({ identity }) => !identity.isReadOnly)
    return takePart.length > 0 && takePart.every(({ isFull }) => isFull)
  }

  /** What a pipe carries is for one, who slows it down. */
  #pass(kind: 'output' | 'errors', bytes: Uint8Array): void {
    this.#pipedBytes += bytes.length
    this.#touch()
    for (const viewer of this.#viewers) if (!viewer.send(kind, bytes)) this.#setFlowing(false)
  }

  #setFlowing(isFlowing: boolean): void {
    const { output, errors } = this.options.program
    for (const stream of [output, errors]) {
      if (isFlowing) stream?.resume()
      else stream?.pause()
    }
  }

  #feed(viewer: Viewer): void {
    viewer.follow(this.#kept)
    if (!this.#mustWait()) this.#setFlowing(true)
  }

  #checkPace(viewer: Viewer): void {
    if (viewer.sentTo >= this.#kept.start || viewer.isGone) return
    viewer.notify('This view fell behind and was ended: attach again to go on')
    viewer.endWithin(DROP_GRACE_MS, this.options.host.after)
    this.#forget(viewer)
  }

  #takeFrames(frames: TerminalFrame[], viewer: Viewer): void {
    // A client may send no more than a look, whatever it was told.
    if (viewer.identity.isReadOnly) return
    this.#touch()
    // Of sizes that came at once the last is the one.
    const lastSize = frames.findLastIndex(({ kind }) => kind === 'resize')
    for (const [index, frame] of frames.entries()) {
      if (frame.kind !== 'resize' || index === lastSize) this.#take(frame, viewer)
    }
  }

  #take({ kind, payload }: TerminalFrame, viewer: Viewer): void {
    const { program } = this.options
    switch (kind) {
      case 'input':
        if (program.input.destroyed || program.input.write(Uint8Array.from(payload))) return
        viewer.pause()
        whenDrained(program.input, () => viewer.resume())
        return
      case 'input-end':
        program.input.end()
        return
      case 'resize': {
        const size = sizeShape.safeParse(JSON.parse(Buffer.from(payload).toString('utf8')))
        if (size.success) this.resize(size.data)
        return
      }
      case 'signal': {
        const name = SIGNALS.find(one => one === Buffer.from(payload).toString('latin1'))
        if (name !== undefined) program.signal(name)
        return
      }
      default:
        viewer.destroy()
    }
  }

  #forget(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return
    if (this.#end !== undefined) return
    // Who has no terminal cannot come back.
    if (!this.options.hasTerminal) this.options.program.signal('SIGHUP')
    // It may have been the one that all waited for.
    if (!this.#mustWait()) this.#setFlowing(true)
    this.options.onViewers(this)
  }

  /** When all was read, tell those who look how it ended. */
  #finish(): void {
    const end = this.#end
    if (end === undefined || this.#openOutputs > 0) return
    this.#isOver = true
    this.#tellEnd()
    this.options.onEnd(this, end)
  }

  #tellEnd(): void {
    const bytes = Buffer.from(JSON.stringify(this.#end))
    for (const viewer of [...this.#viewers]) {
      viewer.drain(this.#kept)
      viewer.send('end', bytes)
      viewer.end()
    }
  }
}

/** What a view that fell behind has to take the message. */
const DROP_GRACE_MS = 10_000
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGKILL'] as const
