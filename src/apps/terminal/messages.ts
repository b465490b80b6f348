import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { endpointIdShape, errorShape, msShape, nameShape, userShape } from '../../core/api/shapes.ts'

/** How much a terminal shows. */
export const sizeShape = z.strictObject({
  columns: z.int().min(1).max(10_000),
  rows: z.int().min(1).max(10_000),
})

/** A session's id. */
export const sessionIdShape = z.string().regex(/^[0-9a-f]{16}$/, 'not the id of a session')

// No slash and no dots in front: some programs make a file's name of it.
const PLAIN_VALUE = /^[A-Za-z0-9][A-Za-z0-9_.@+:,-]{0,127}$/

/** Whether a value of TERM, LANG and such is one that programs expect; others are not passed on. */
export function isPlainValue(value: string): boolean {
  return PLAIN_VALUE.test(value)
}

/** The words of an invitation to a session: who has them may look. */
const keyShape = z.string().regex(/^[A-Za-z0-9_-]{22}$/, 'not the key of an invitation')

/** What a client says first on a stream. */
export const requestShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('open'),
    /** The user's login shell if absent. */
    command: z.array(z.string().max(8_192)).min(1).max(256).optional(),
    /** TERM, LANG, LC_… of the client. */
    env: z
      .partialRecord(z.string().regex(/^(?:TERM|COLORTERM|LANG|LC_[A-Z]+)$/), z.string().regex(PLAIN_VALUE))
      .default({}),
    /** Pipes if absent. */
    terminal: sizeShape.optional(),
  }),
  z.strictObject({
    kind: z.literal('attach'),
    session: sessionIdShape,
    /** Bytes of output that came before; the last screens if absent. */
    received: z.number().int().min(0).optional(),
    terminal: sizeShape.optional(),
    /** See, and type nothing. Always so for who was invited to look. */
    isReadOnly: z.boolean().default(false),
    /** Of an invitation that is for whoever has it. */
    key: keyShape.optional(),
  }),
  z.strictObject({ kind: z.literal('list') }),
  z.strictObject({ kind: z.literal('close'), session: sessionIdShape }),
  /** What is kept of its output, once. */
  z.strictObject({ kind: z.literal('show'), session: sessionIdShape }),
  z.strictObject({
    kind: z.literal('share'),
    session: sessionIdShape,
    /** These may take part; whoever has the key that is answered, if absent. */
    users: z.array(userShape).min(1).max(16).optional(),
    mayType: z.boolean().default(false),
    forMs: z.int().min(1_000).max(604_800_000),
  }),
  /** Take all invitations back. */
  z.strictObject({ kind: z.literal('unshare'), session: sessionIdShape }),
  /** What was written down of a session, for the owner of the endpoint. */
  z.strictObject({ kind: z.literal('recording'), session: sessionIdShape }),
  /** A TCP connection from there; its bytes follow the answer. */
  z.strictObject({
    kind: z.literal('forward'),
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535),
  }),
])
/** The longest request: a command may be long. It travels with the dial. */
export const MAX_REQUEST_BYTES = 61_440
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
  /** The account of that computer it runs as; that of the agent if absent. */
  account: z.string().optional(),
  /** Cut to `MAX_SHOWN_COMMAND`; the login shell if absent. */
  command: z.string().optional(),
  hasTerminal: z.boolean(),
  startedAtMs: msShape,
  /** When something was typed last. */
  activeAtMs: msShape,
  isAttached: z.boolean(),
  /** It ended while nobody looked; who attaches hears how. */
  isOver: z.boolean(),
  viewers: z.array(z.object({ user: userShape, endpoint: endpointIdShape, isReadOnly: z.boolean() })),
  outputBytes: z.number(),
})
/** A session, as its user sees it. */
export type SessionInfo = z.output<typeof sessionShape>
/** UTF-16 units of a command in a list. */
export const MAX_SHOWN_COMMAND = 200

/**
 * What the host says first. Frames follow an `open` or `attach` that is good; after `list`, `show` and `recording` the result, as `output`
 * frames and an `end`; after `forward` the bytes of the connection.
 */
export const answerShape = z.union([
  z.strictObject({
    isGood: z.literal(true),
    session: sessionIdShape.optional(),
    /** Where in the output the first frame begins; after an `attach` some may be missing before it. */
    from: z.number().optional(),
    /** Nothing that is typed counts. */
    isReadOnly: z.boolean().optional(),
    /** The session is written down at the endpoint. */
    isRecorded: z.boolean().optional(),
    key: keyShape.optional(),
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

/** An account of a computer, as its system names it. */
export const accountShape = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/, 'not the name of an account')

/** Whom an endpoint lets in, and how far. */
export const terminalConfigShape = z.object({
  isEnabled: z.boolean(),
  /** Users beside the endpoint's own. */
  users: z.array(userShape).max(1_000),
  /** And the members of these groups. */
  groups: z.array(nameShape).max(1_000).default([]),
  /**
   * The account that programs of a user run as, or those of the members of a group (`@ops`). The agent's for who is not here,
   * which is refused to others than the owner where that is root.
   */
  accounts: z.record(z.string().max(64), accountShape),
  /** What runs where no command is given; the account's login shell if absent. */
  shell: z.array(z.string().min(1).max(1_024)).min(1).max(32).optional(),
  /** A session ends when nobody typed for so long; 0 is never. */
  idleMs: z.int().min(0).max(2_592_000_000),
  /** TCP connections may be opened from here. */
  mayForward: z.boolean(),
  /** Where terminals are written down, an absolute folder or one of the home folder; not at all if absent. */
  recordings: z.string().min(1).max(1_024).optional(),
  sessionCount: z.number(),
  /** Why others cannot find it, though it is enabled. */
  error: z.string().optional(),
})
/** Whom an endpoint lets in, and how far. */
export type TerminalConfig = z.output<typeof terminalConfigShape>

/** What to change; what is left out stays. */
export const terminalChangeShape = z.strictObject({
  ...terminalConfigShape
    .omit({ sessionCount: true, error: true, groups: true, accounts: true, shell: true, recordings: true })
    .partial().shape,
  groups: z.array(nameShape).max(1_000).optional(),
  /** Of these users and groups; null takes it away. */
  accounts: z.record(z.string().max(64), accountShape.nullable()).optional(),
  /** Null is not at all. */
  recordings: z.string().min(1).max(1_024).nullable().optional(),
  /** Null is the login shell. */
  shell: terminalConfigShape.shape.shell.unwrap().nullable().optional(),
})
/** What to change; what is left out stays. */
export type TerminalChange = z.output<typeof terminalChangeShape>

/** One session, from its beginning to its end. */
export const historyEntryShape = z.object({
  session: sessionIdShape,
  user: userShape,
  /** The endpoint it was opened from. */
  endpoint: endpointIdShape,
  account: z.string().optional(),
  command: z.string().optional(),
  hasTerminal: z.boolean(),
  startedAtMs: msShape,
  /** Absent while it runs, and where the agent ended with it. */
  durationMs: z.number().optional(),
  end: endShape.optional(),
  outputBytes: z.number().optional(),
})
/** One session, from its beginning to its end. */
export type HistoryEntry = z.output<typeof historyEntryShape>

/** Where recordings go if no folder is named, below the home folder. */
export const DEFAULT_RECORDINGS = 'ztm-recordings'

/** A session that was written down. */
export const recordingShape = z.object({
  session: sessionIdShape,
  startedAtMs: msShape,
  /** Whose it was. */
  title: z.string(),
  sizeBytes: z.number(),
  /** The session goes on. */
  isOpen: z.boolean(),
})
/** A session that was written down. */
export type RecordingInfo = z.output<typeof recordingShape>

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
    body: terminalChangeShape,
    response: terminalConfigShape,
    errors: ['not-found', 'denied', 'offline', 'name-taken'],
  }),
  listHistory: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/history',
    summary: 'List the sessions that an endpoint has had, the last first',
    params,
    response: z.object({ sessions: z.array(historyEntryShape) }),
    errors: ['not-found', 'denied', 'offline'],
  }),
  listRecordings: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/recordings',
    summary: 'List the terminals that an endpoint has written down, the last first',
    params,
    response: z.object({ recordings: z.array(recordingShape) }),
    errors: ['not-found', 'denied', 'offline'],
  }),
  eraseRecording: defineRoute({
    method: 'DELETE',
    path: '/api/endpoints/{endpoint}/recordings/{session}',
    summary: 'Erase a recording',
    params: z.object({ endpoint: z.string().min(1).max(64), session: sessionIdShape }),
    errors: ['not-found', 'denied', 'offline', 'conflict'],
  }),
} as const
