import type { Duplex } from 'node:stream'
import {
  createTerminalFrameDecoder,
  encodeTerminalHead,
  MAX_TERMINAL_FRAME_BYTES,
  type TerminalFrame,
  type TerminalFrameKind,
} from '../../core/codec/terminal-frame.ts'
import type { UserName } from '../../core/model/names.ts'
import type { Ms } from '../../core/model/time.ts'
import type { ProgramEnd, RunningProgram, TerminalSize } from '../../sdk/app.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import { createKeptOutput } from './kept-output.ts'
import { type SessionInfo, sizeShape } from './messages.ts'

/** What a session is made of. */
export interface SessionOptions {
  readonly id: string
  readonly user: UserName
  readonly command: readonly string[] | undefined
  readonly hasTerminal: boolean
  readonly program: RunningProgram
  readonly startedAtMs: Ms
  readonly keptBytes: number
  /** The program ended, or nobody is there any more for one without a terminal. */
  readonly onEnd: (session: Session, end: ProgramEnd) => void
  /** The client went, or came. */
  readonly onAttached: (session: Session) => void
}

/**
 * A program and the client that looks at it. With a terminal it lives on without one, and what it writes meanwhile is kept as
 * far as it fits; with pipes it ends with its client.
 */
export class Session {
  readonly options: SessionOptions
  readonly #output: ReturnType<typeof createKeptOutput>
  #client: Duplex | undefined
  #openOutputs = 0
  #end: ProgramEnd | undefined

  constructor(options: SessionOptions) {
    this.options = options
    this.#output = createKeptOutput(options.keptBytes)
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
    return this.#client !== undefined
  }

  describe(): SessionInfo {
    const { id, user, command, startedAtMs } = this.options
    const { isAttached } = this
    return {
      id,
      user,
      startedAtMs,
      isAttached,
      outputBytes: this.#output.total,
      ...(command && { command: [...command] }),
    }
  }

  /** Where output for a client begins that has that much; what it needs to know before the first frame. */
  startFor(received: number | undefined): number {
    return this.#output.since(received ?? 0).from
  }

  /** Let a client take part, in place of the one before. @param from  as `startFor` gave it */
  attach(client: Duplex, from: number): void {
    this.#client?.destroy()
    this.#client = client
    const decoder = createTerminalFrameDecoder()
    client.on('data', (chunk: Uint8Array) => {
      try {
        for (const frame of decoder.push(chunk)) this.#take(frame, client)
      } catch {
        client.destroy()
      }
    })
    client.on('error', () => {})
    client.once('end', () => client.destroyed || this.#client !== client || this.#hangUp(client))
    client.once('close', () => this.#hangUp(client))
    const { bytes } = this.#output.since(from)
    if (bytes.length > 0) this.#write('output', bytes)
    this.options.onAttached(this)
    this.#finish()
  }

  resize(size: TerminalSize): void {
    this.options.program.resize(size)
  }

  /** End the program. */
  close(): void {
    this.options.program.signal('SIGHUP')
    this.options.program.signal('SIGTERM')
    this.#client?.destroy()
  }

  /** End it, whether it wants to or not. */
  kill(): void {
    this.options.program.signal('SIGKILL')
  }

  #read(kind: 'output' | 'errors', from: RunningProgram['output']): void {
    this.#openOutputs += 1
    from.on('data', (bytes: Uint8Array) => {
      if (this.options.hasTerminal) this.#output.push(bytes)
      const isTaken = this.#write(kind, bytes)
      // Nobody looks: the program goes on, as in a terminal that is covered.
      if (isTaken !== false) return
      from.pause()
      if (this.#client !== undefined) whenDrained(this.#client, () => from.resume())
    })
    from.once('close', () => {
      this.#openOutputs -= 1
      this.#finish()
    })
  }

  /** @returns undefined if there is no client */
  #write(kind: TerminalFrameKind, bytes: Uint8Array): boolean | undefined {
    const client = this.#client
    if (client === undefined || client.destroyed) return undefined
    let isTaken = true
    for (let at = 0; at === 0 || at < bytes.length; at += MAX_TERMINAL_FRAME_BYTES) {
      const part = bytes.subarray(at, at + MAX_TERMINAL_FRAME_BYTES)
      client.write(encodeTerminalHead(kind, part.length))
      isTaken = part.length === 0 || client.write(part)
    }
    return isTaken
  }

  #take({ kind, payload }: TerminalFrame, client: Duplex): void {
    const { program } = this.options
    switch (kind) {
      case 'input':
        if (program.input.destroyed || program.input.write(Uint8Array.from(payload))) return
        client.pause()
        whenDrained(program.input, () => client.resume())
        return
      case 'input-end':
        program.input.end()
        return
      case 'resize': {
        const size = sizeShape.safeParse(JSON.parse(Buffer.from(payload).toString('utf8')))
        if (size.success) program.resize(size.data)
        return
      }
      case 'signal': {
        const name = SIGNALS.find(one => one === Buffer.from(payload).toString('latin1'))
        if (name !== undefined) program.signal(name)
        return
      }
      default:
        client.destroy()
    }
  }

  #hangUp(client: Duplex): void {
    if (this.#client !== client) return
    this.#client = undefined
    if (this.#end !== undefined) return
    // Who has no terminal cannot come back.
    if (!this.options.hasTerminal) this.options.program.signal('SIGHUP')
    this.options.onAttached(this)
  }

  /** When all was read, tell the client how it ended. */
  #finish(): void {
    const end = this.#end
    if (end === undefined || this.#openOutputs > 0) return
    const client = this.#client
    this.#client = undefined
    if (client !== undefined && !client.destroyed) {
      const bytes = Buffer.from(JSON.stringify(end))
      client.write(encodeTerminalHead('end', bytes.length))
      client.end(bytes)
    }
    this.options.onEnd(this, end)
  }
}

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGKILL'] as const
