import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { errorShape, msShape, nameShape, userShape } from '../../core/api/shapes.ts'

/** How much a terminal shows. */
export const sizeShape = z.strictObject({
  columns: z.int().min(1).max(10_000),
  rows: z.int().min(1).max(10_000),
})

/** A session's id. */
export const sessionIdShape = z.string().regex(/^[0-9a-f]{16}$/, 'not the id of a session')

/** What a client says first on a stream. */
export const requestShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('open'),
    /** The user's login shell if absent. */
    command: z.array(z.string().max(8_192)).min(1).max(256).optional(),
    /** TERM, LANG, LC_… of the client. */
    env: z.record(z.string().regex(/^(?:TERM|COLORTERM|LANG|LC_[A-Z]+)$/), z.string().max(128)).default({}),
    /** Pipes if absent. */
    terminal: sizeShape.optional(),
  }),
  z.strictObject({
    kind: z.literal('attach'),
    session: sessionIdShape,
    /** Bytes of output that came before; the last screens if absent. */
    received: z.number().int().min(0).optional(),
    terminal: sizeShape.optional(),
  }),
  z.strictObject({ kind: z.literal('list') }),
  z.strictObject({ kind: z.literal('close'), session: sessionIdShape }),
])
/** What a client says first on a stream. */
export type TerminalRequest = z.input<typeof requestShape>

/** What a client says first to its own agent: the endpoint, and the request for it. */
export const localRequestShape = z.strictObject({
  endpoint: z.string().min(1).max(64),
  request: requestShape,
})

/** A session, as its user sees it. */
export const sessionShape = z.object({
  id: sessionIdShape,
  user: userShape,
  command: z.array(z.string()).optional(),
  startedAtMs: msShape,
  isAttached: z.boolean(),
  outputBytes: z.number(),
})
/** A session, as its user sees it. */
export type SessionInfo = z.output<typeof sessionShape>

/** What the host says first; frames follow an `open` or `attach` that is good. */
export const answerShape = z.union([
  z.strictObject({
    isGood: z.literal(true),
    session: sessionIdShape.optional(),
    /** Where in the output the first frame begins; after an `attach` some may be missing before it. */
    from: z.number().optional(),
    sessions: z.array(sessionShape).max(64).optional(),
  }),
  z.strictObject({ isGood: z.literal(false), error: errorShape }),
])
/** What the host says first. */
export type TerminalAnswer = z.output<typeof answerShape>

/** How a program ended. */
export const endShape = z.union([
  z.strictObject({ code: z.int() }),
  z.strictObject({ signal: z.string().max(32) }),
])

/** Whom an endpoint lets in. */
export const terminalConfigShape = z.object({
  /** Users beside the endpoint's own. They get the rights of its agent. */
  users: z.array(userShape).max(1_000),
  /** And the members of these groups. */
  groups: z.array(nameShape).max(1_000).default([]),
  isEnabled: z.boolean(),
  sessionCount: z.number(),
  /** Why others cannot find it, though it is enabled. */
  error: z.string().optional(),
})
/** Whom an endpoint lets in. */
export type TerminalConfig = z.output<typeof terminalConfigShape>

const params = z.object({ endpoint: z.string().min(1).max(64) })

/** The terminal app's API, below `/api/meshes/{mesh}/apps/ztm/terminal`; terminals themselves are streams. */
export const TERMINAL_API = {
  showConfig: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Show whom an endpoint gives terminals',
    params,
    response: terminalConfigShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  changeConfig: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Change whom an endpoint gives terminals',
    params,
    body: z.strictObject({
      users: z.array(userShape).max(1_000).optional(),
      groups: z.array(nameShape).max(1_000).optional(),
      isEnabled: z.boolean().optional(),
    }),
    response: terminalConfigShape,
    errors: ['not-found', 'denied', 'offline', 'name-taken'],
  }),
} as const
