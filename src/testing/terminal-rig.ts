import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { TERMINAL_LIMITS } from '../apps/terminal/limits.ts'
import { answerShape, sessionShape, type TerminalRequest } from '../apps/terminal/messages.ts'
import { createTerminalApp } from '../apps/terminal/terminal.ts'
import { terminalServiceOf } from '../apps/terminal/terminal-service.ts'
import {
  createTerminalFrameDecoder,
  encodeTerminalFrames,
  type TerminalFrameKind,
} from '../core/codec/terminal-frame.ts'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import { parseUserName } from '../core/model/names.ts'
import { encodeSmallMessage, readSmallMessage } from '../sdk/for-apps/small-message.ts'
import { createTestMesh, type TestEndpoint } from './test-host.ts'

/** What a guest named bob runs programs as: not as root, where the tests do. */
export const guestAccounts: Record<string, string> = process.geteuid?.() === 0 ? { bob: 'nobody' } : {}

/** Of the terminals in tests. */
export const size = { columns: 100, rows: 40 }

/** What came of a program: its output, its errors, and how it ended. */
export interface TerminalRun {
  readonly stream: Duplex
  readonly session: string
  readonly from: number
  readonly output: () => Buffer
  readonly errors: () => string
  readonly notices: readonly string[]
  readonly ended: Promise<unknown>
  send(kind: TerminalFrameKind, payload?: Uint8Array | string): void
}

/** The terminal app at `far`, and who asks it from `near`. */
export async function openTerminalRig(t: TestContext, limits: Partial<typeof TERMINAL_LIMITS> = {}) {
  const mesh = createTestMesh()
  t.after(() => mesh[Symbol.asyncDispose]())
  const app = createTerminalApp({ ...TERMINAL_LIMITS, ...limits })
  const [near, far] = [mesh.addEndpoint('near'), mesh.addEndpoint('far')]
  const farApp = await far.start(app)
  const ask = async (from: TestEndpoint, request: TerminalRequest) => {
    const dialing = from.host(app).dial(terminalServiceOf(parseUserName('root')))
    dialing.write(encodeSmallMessage(request))
    const { stream } = await dialing.opened
    stream.on('error', () => {})
    const answer = await readSmallMessage(stream, answerShape)
    if (answer.isGood) return { stream, answer }
    throw parseErrorBody(answer.error) ?? new MeshError('bug', 'no reason')
  }
  const run = async (request: TerminalRequest, from = near): Promise<TerminalRun> => {
    const { stream, answer } = await ask(from, request)
    return followFrames(stream, answer.session ?? '', answer.from ?? 0)
  }
  const list = async (from: TestEndpoint) => {
    const { ended, output } = await run({ kind: 'list' }, from)
    await ended
    return z.array(sessionShape).parse(JSON.parse(output().toString()))
  }
  return { mesh, app, near, far, farApp, ask, run, list }
}

/** Read the frames that come on a stream, and write some. */
export function followFrames(stream: Duplex, session: string, from: number): TerminalRun {
  const [output, errors, notices]: [Buffer[], Buffer[], string[]] = [[], [], []]
  const decoder = createTerminalFrameDecoder()
  const { promise: ended, resolve } = Promise.withResolvers<unknown>()
  stream.on('data', (chunk: Uint8Array) => {
    for (const { kind, payload } of decoder.push(chunk)) {
      if (kind === 'output') output.push(Buffer.from(payload))
      else if (kind === 'errors') errors.push(Buffer.from(payload))
      else if (kind === 'notice') notices.push(Buffer.from(payload).toString())
      else resolve(JSON.parse(Buffer.from(payload).toString()))
    }
  })
  stream.once('close', () => resolve('closed'))
  return {
    stream,
    session,
    from,
    output: () => Buffer.concat(output),
    errors: () => Buffer.concat(errors).toString(),
    notices,
    ended,
    send(kind, payload = '') {
      for (const piece of encodeTerminalFrames(kind, Buffer.from(payload))) stream.write(piece)
    },
  }
}
