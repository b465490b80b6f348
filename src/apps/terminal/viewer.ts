import type { Duplex } from 'node:stream'
import {
  createTerminalFrameDecoder,
  encodeTerminalFrames,
  MAX_TERMINAL_FRAME_BYTES,
  type TerminalFrame,
  type TerminalFrameKind,
} from '../../core/codec/terminal-frame.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import type { KeptOutput } from './kept-output.ts'

/** Who looks at a session. */
export interface ViewerIdentity {
  readonly user: UserName
  readonly endpoint: EndpointId
  /** Groups by which they were let in. */
  readonly groups: readonly Name[]
  /** What it types does not count. */
  readonly isReadOnly: boolean
}

/** What a viewer tells its session. */
export interface ViewerEvents {
  readonly onFrames: (frames: TerminalFrame[], viewer: Viewer) => void
  /** It takes more output again. */
  readonly onReady: (viewer: Viewer) => void
  /** It said that it will send no more. */
  readonly onInputOver: (viewer: Viewer) => void
  readonly onGone: (viewer: Viewer) => void
}

/** One client that looks at a session. What it does not take waits in the session's kept output, not here. */
export class Viewer {
  readonly identity: ViewerIdentity
  readonly #stream: Duplex
  readonly #events: ViewerEvents
  #sentTo: number
  #isFull = false

  /** @param from  where in the output what it gets begins */
  constructor(stream: Duplex, identity: ViewerIdentity, from: number, events: ViewerEvents) {
    this.#stream = stream
    this.identity = identity
    this.#sentTo = from
    this.#events = events
    const decoder = createTerminalFrameDecoder()
    stream.on('error', () => {})
    stream.on('data', (chunk: Uint8Array) => {
      try {
        events.onFrames(decoder.push(chunk), this)
      } catch {
        this.destroy()
      }
    })
    stream.once('end', () => events.onInputOver(this))
    stream.once('close', () => events.onGone(this))
  }

  /** It has not taken yet what it was given. */
  get isFull(): boolean {
    return this.#isFull
  }

  get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.writableEnded
  }

  /** Where in the output it is. */
  get sentTo(): number {
    return this.#sentTo
  }

  /** Give it what it lacks, as much as it takes. */
  follow(output: KeptOutput): void {
    while (!this.#isFull && !this.isGone && this.#sentTo < output.total) {
      const { from, bytes } = output.since(this.#sentTo, MAX_TERMINAL_FRAME_BYTES)
      this.#sentTo = from + bytes.length
      this.send('output', bytes)
    }
  }

  /** Give it all that is kept, whether it takes it or not: it is the last. */
  drain(output: KeptOutput): void {
    this.#isFull = false
    while (!this.isGone && this.#sentTo < output.total) {
      this.follow(output)
      this.#isFull = false
    }
  }

  /** Send a frame, or several if it does not fit one. @returns whether it takes more */
  send(kind: TerminalFrameKind, bytes: Uint8Array): boolean {
    if (this.isGone) return true
    for (const piece of encodeTerminalFrames(kind, bytes)) this.#write(piece)
    return !this.#isFull
  }

  /** Say something to the person who looks. */
  notify(text: string): void {
    this.send('notice', Buffer.from(text))
  }

  end(): void {
    if (!this.isGone) this.#stream.end()
  }

  /** End it, and break it off if it does not take even that. */
  endWithin(ms: number, after: Host['after']): void {
    this.end()
    const cancel = after(ms, () => this.destroy())
    this.#stream.once('close', cancel)
  }

  destroy(): void {
    this.#stream.destroy()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  #write(bytes: Uint8Array): void {
    if (this.#stream.write(bytes) || this.#isFull) return
    this.#isFull = true
    whenDrained(this.#stream, () => {
      this.#isFull = false
      if (!this.#stream.destroyed) this.#events.onReady(this)
    })
  }
}
