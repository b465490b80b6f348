import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { encodeTerminalFrames } from '../../core/codec/terminal-frame.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { EndpointIdentity } from '../../core/model/spiffe-id.ts'
import { ms } from '../../core/model/time.ts'
import type { Host } from '../../sdk/app.ts'
import { encodeSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import type { Forwards } from './forwards.ts'
import type { TerminalLimits } from './limits.ts'
import {
  DEFAULT_RECORDINGS,
  type requestShape,
  type TerminalAnswer,
  type TerminalConfig,
} from './messages.ts'
import type { Recordings } from './recordings.ts'
import { type Asking, decideRights, type Rights } from './rights.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Shares } from './shares.ts'
import type { ViewerIdentity } from './viewer.ts'

/** What answers to requests are made from. */
export interface ReceptionOptions {
  readonly host: Host
  readonly limits: TerminalLimits
  readonly recordings: Recordings
  readonly config: () => Pick<TerminalConfig, 'users' | 'groups' | 'accounts' | 'mayForward' | 'recordings'>
  readonly sessions: Sessions
  readonly shares: Shares
  readonly forwards: Forwards
}

type Caller = Asking & Pick<EndpointIdentity, 'endpoint'>
type Request = z.output<typeof requestShape>
type RequestOf<K extends Request['kind']> = Extract<Request, { kind: K }>

/** Answers what clients ask: for each only what is theirs, or was shared with them. */
export class Reception {
  readonly #options: ReceptionOptions

  constructor(options: ReceptionOptions) {
    this.#options = options
  }

  /** Whether whose session it is still may have one. What is known of their groups is what was when they came. */
  mayStillRun({ options: { user, groups } }: Session): boolean {
    return this.#rightsOf({ user, groups: () => groups }).kind === 'full'
  }

  /** Whether somebody who looks at a session still may. */
  mayStillLook(session: Session, { user, groups, isReadOnly }: ViewerIdentity): boolean {
    if (this.#isTheirs(session, { user, groups: () => groups })) return true
    return this.#options.shares.covers(session.id, user, !isReadOnly)
  }

  /** Serve one request on its stream. @throws MeshError `denied`, `not-found`, `too-many`, what starting a program throws */
  async serve(stream: Duplex, caller: Caller, request: Request): Promise<void> {
    const { sessions, shares } = this.#options
    switch (request.kind) {
      case 'list':
        return this.#list(stream, caller)
      case 'attach':
        return this.#attach(stream, caller, request)
      case 'open': {
        const rights = this.#needFull(caller)
        const session = await sessions.start(caller, rights, request)
        return this.#give(stream, session, 0, { ...caller, groups: rights.groups, isReadOnly: false })
      }
      case 'close':
        sessions.close(this.#findOwn(request.session, caller))
        return answer(stream)
      case 'show': {
        const { bytes } = this.#findOwn(request.session, caller).kept.since(0)
        return answerWith(stream, bytes)
      }
      case 'share':
        return this.#share(stream, caller, request)
      case 'unshare':
        shares.remove(this.#findOwn(request.session, caller).id)
        return answer(stream)
      case 'recording':
        return this.#sendRecording(stream, caller, request)
      case 'forward':
        return this.#forward(stream, caller, request)
    }
  }

  #list(stream: Duplex, caller: Caller): void {
    const { sessions, shares } = this.#options
    const visible = sessions.all.filter(
      session =>
        this.#isTheirs(session, caller) || shares.find(session.id, caller.user, undefined) !== undefined,
    )
    answerWith(stream, Buffer.from(JSON.stringify(visible.map(session => session.describe()))))
  }

  #attach(stream: Duplex, caller: Caller, request: RequestOf<'attach'>): void {
    const { sessions, shares, limits } = this.#options
    const session = sessions.find(request.session)
    if (session === undefined) throw notFound(request.session)
    const isTheirs = this.#isTheirs(session, caller)
    const share = isTheirs ? undefined : shares.find(session.id, caller.user, request.key)
    if (!isTheirs && share === undefined) throw notFound(request.session)
    if (!session.options.hasTerminal) {
      throw new MeshError('conflict', `Cannot attach to session ${session.id}: it has no terminal to look at`)
    }
    const isReadOnly = request.isReadOnly || (!isTheirs && share?.mayType !== true)
    // Who lost the connection comes back before it is noticed here that the old one is gone.
    if (session.describe().viewers.length >= limits.maxViewers) {
      throw new MeshError('too-many', `Cannot attach to session ${session.id}: too many look at it`)
    }
    if (request.terminal !== undefined && !isReadOnly) session.resize(request.terminal)
    const rights = this.#rightsOf(caller)
    const groups = rights.kind === 'full' ? rights.groups : []
    this.#give(stream, session, session.startFor(request.received), { ...caller, groups, isReadOnly })
  }

  #give(stream: Duplex, session: Session, from: number, identity: ViewerIdentity): void {
    const { id, command, hasTerminal, account } = session.options
    const { user, endpoint: peer, isReadOnly } = identity
    // Its arguments may be secrets.
    const program = command?.[0]?.slice(0, MAX_LOGGED_PROGRAM)
    const who = { session: id, user, peer, isReadOnly, owner: session.options.user }
    this.#options.host.log.info('terminal.attached', { ...who, hasTerminal, program, account })
    const answer: TerminalAnswer = {
      isGood: true,
      session: id,
      from,
      ...(isReadOnly && { isReadOnly }),
      ...(session.options.tap && { isRecorded: true }),
    }
    stream.write(encodeSmallMessage(answer))
    session.attach(stream, from, identity)
    this.#options.sessions.told(session)
  }

  #share(stream: Duplex, caller: Caller, { session: id, users, mayType, forMs }: RequestOf<'share'>): void {
    const { host, shares } = this.#options
    const session = this.#findOwn(id, caller)
    if (mayType && caller.user !== host.endpoint.user) {
      throw new MeshError(
        'denied',
        `Cannot let others type: only ${host.endpoint.user} may, whose endpoint it is`,
      )
    }
    if (mayType && users === undefined) {
      throw new MeshError('bad-input', 'Cannot let others type: name them')
    }
    if (!session.options.hasTerminal || session.end !== undefined) {
      throw new MeshError('conflict', `Cannot share session ${id}: there is no terminal to look at`)
    }
    const key = shares.add({ session: session.id, users, mayType, untilMs: ms(host.clock.now() + forMs) })
    const names = users?.join(' ')
    host.log.info('terminal.shared', { session: session.id, user: caller.user, users: names, mayType, forMs })
    stream.end(encodeSmallMessage({ isGood: true, ...(key && { key }) } satisfies TerminalAnswer))
  }

  async #sendRecording(stream: Duplex, { user }: Caller, { session }: RequestOf<'recording'>): Promise<void> {
    const { host, recordings, config } = this.#options
    if (user !== host.endpoint.user) {
      throw new MeshError('denied', `Cannot send recording: they are for ${host.endpoint.user} alone`)
    }
    const pieces = recordings.read(config().recordings ?? DEFAULT_RECORDINGS, session)
    const first = await pieces.next()
    stream.write(encodeSmallMessage({ isGood: true } satisfies TerminalAnswer))
    if (!first.done) await sendPiece(stream, first.value)
    for await (const piece of pieces) {
      if (stream.destroyed) return
      await sendPiece(stream, piece)
    }
    endResult(stream)
  }

  async #forward(stream: Duplex, caller: Caller, { host, port }: RequestOf<'forward'>): Promise<void> {
    this.#needFull(caller)
    if (!this.#options.config().mayForward) {
      throw new MeshError('denied', 'Cannot connect from there: its owner does not allow forwards')
    }
    const { user, endpoint: peer } = caller
    this.#options.host.log.info('terminal.forwarded', { user, peer, host, port })
    await this.#options.forwards.open(stream, user, { host, port })
  }

  #rightsOf(asking: Asking): Rights {
    return decideRights(this.#options.config(), this.#options.host.endpoint.user, asking)
  }

  #needFull(caller: Caller): Rights & { kind: 'full' } {
    const rights = this.#rightsOf(caller)
    if (rights.kind === 'full') return rights
    throw new MeshError('denied', `Cannot open terminal: ${caller.user} may only look at what was shared`)
  }

  #isTheirs(session: Session, asking: Asking): boolean {
    if (asking.user === this.#options.host.endpoint.user) return true
    return session.options.user === asking.user && this.#rightsOf(asking).kind === 'full'
  }

  #findOwn(id: string, caller: Caller): Session {
    const session = this.#options.sessions.find(id)
    if (session !== undefined && this.#isTheirs(session, caller)) return session
    throw notFound(id)
  }
}

function notFound(id: string): MeshError {
  return new MeshError('not-found', `Cannot find session ${id}: it has ended, or is another user's`)
}

function answer(stream: Duplex): void {
  stream.end(encodeSmallMessage({ isGood: true } satisfies TerminalAnswer))
}

/** A result that may be longer than an answer. */
function answerWith(stream: Duplex, bytes: Uint8Array): void {
  stream.write(encodeSmallMessage({ isGood: true } satisfies TerminalAnswer))
  for (const piece of encodeTerminalFrames('output', bytes)) stream.write(piece)
  endResult(stream)
}

function endResult(stream: Duplex): void {
  const end = Buffer.from(JSON.stringify({ code: 0 }))
  for (const piece of encodeTerminalFrames('end', end)) stream.write(piece)
  stream.end()
}

/** @param piece  at most a frame. Resolves when more is taken, or nothing ever will be. */
async function sendPiece(stream: Duplex, piece: Uint8Array): Promise<void> {
  let isTaken = true
  for (const part of encodeTerminalFrames('output', piece)) isTaken = stream.write(part)
  if (!isTaken && !stream.destroyed) await new Promise<void>(resolve => whenDrained(stream, resolve))
}

const MAX_LOGGED_PROGRAM = 200
