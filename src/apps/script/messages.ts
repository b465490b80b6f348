import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { endpointIdShape, errorShape, msShape, nameShape, userShape } from '../../core/api/shapes.ts'

const linesShape = z.array(z.string().min(1).max(256)).max(32).default([])

/** What a script asks for, or may have, beside its own code and an empty folder; written as in `app.json`. */
export const grantsShape = z.strictObject({
  /** `example.com:443`, `*.example.com:80,443`, `10.0.0.0/8:*` */
  network: linesShape,
  /** Files and folders of that computer, whole paths or from `~/`. */
  read: linesShape,
  write: linesShape,
  /** Programs, with the rights of the agent. */
  run: linesShape,
  /** Services of the mesh, as the endpoint's user. */
  dial: linesShape,
})
/** What a script asks for, or may have. */
export type Grants = z.output<typeof grantsShape>

/** Which run. */
export const runIdShape = z.string().regex(/^[0-9a-f]{16}$/, 'not the id of a run')
const fileNameShape = z.string().min(1).max(128)

/** What a client says first on a stream. */
export const requestShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('run'),
    /** For people: the script's file. */
    name: fileNameShape,
    language: z.enum(['mjs', 'mts', 'cjs', 'cts']),
    args: z.array(z.string().max(8_192)).max(256).default([]),
    grants: grantsShape.prefault({}),
    memoryMb: z.int().min(32).max(65_536).default(128),
    timeoutMs: z.int().min(100).max(86_400_000).default(600_000),
    /** Bytes of the script, which follow. */
    sourceBytes: z.int().min(0).max(1_048_576),
  }),
  z.strictObject({ kind: z.literal('list') }),
  z.strictObject({ kind: z.literal('kill'), run: runIdShape }),
])
/** The longest request: arguments may be long. It travels with the dial. */
export const MAX_SCRIPT_REQUEST_BYTES = 61_440
/** The longest script. */
export const MAX_SCRIPT_BYTES = 1_048_576
/** What a client says first on a stream. */
export type ScriptRequest = z.input<typeof requestShape>

/** What the host says first. After a `run` that is good frames follow, as those of terminals; after `list` the result as such. */
export const answerShape = z.union([
  z.strictObject({
    isGood: z.literal(true),
    run: runIdShape.optional(),
    /** What keeps the script in: the kernel, or Node alone. */
    walls: z.enum(['kernel', 'node']).optional(),
  }),
  z.strictObject({ isGood: z.literal(false), error: errorShape }),
])
/** What the host says first. */
export type ScriptAnswer = z.output<typeof answerShape>

/** How a script ended. */
export const scriptEndShape = z.union([
  z.strictObject({ code: z.int() }),
  z.strictObject({ signal: z.string().max(32) }),
  /** For this reason, in words. */
  z.strictObject({ killed: z.string().max(512) }),
])
/** How a script ended. */
export type ScriptEndMessage = z.output<typeof scriptEndShape>

/** A run of a script: who ran what, with which rights, how long, and how it ended. */
export const runShape = z.object({
  run: runIdShape,
  name: fileNameShape,
  /** SHA-256 of the script, in hex. */
  hash: z.string().max(64),
  user: userShape,
  /** The endpoint it was run from. */
  endpoint: endpointIdShape,
  grants: grantsShape,
  walls: z.enum(['kernel', 'node']),
  startedAtMs: msShape,
  /** Absent while it runs, and where the agent ended with it. */
  durationMs: z.number().optional(),
  end: scriptEndShape.optional(),
})
/** A run of a script. */
export type ScriptRun = z.output<typeof runShape>

/** What others than the owner may have. */
export const ruleShape = z.strictObject({
  users: z.array(userShape).max(1_000).default([]),
  /** And the members of these groups. */
  groups: z.array(nameShape).max(1_000).default([]),
  grants: grantsShape.prefault({}),
  memoryMb: z.int().min(32).max(65_536).default(128),
  timeoutMs: z.int().min(1_000).max(86_400_000).default(600_000),
})
/** What others than the owner may have. */
export type ScriptRule = z.output<typeof ruleShape>

/** Who may run scripts at an endpoint, and with what. */
export const scriptConfigShape = z.object({
  isEnabled: z.boolean(),
  /** The owner may have all that is asked for; others what one of these gives. */
  rules: z.array(ruleShape).max(100),
  runCount: z.number(),
  /** Why others cannot find it, though it is enabled. */
  error: z.string().optional(),
})
/** Who may run scripts at an endpoint, and with what. */
export type ScriptConfig = z.output<typeof scriptConfigShape>

const params = z.object({ endpoint: z.string().min(1).max(64) })

/** The script app's API, below `/api/meshes/{mesh}/apps/ztm/script`; runs themselves are streams. */
export const SCRIPT_API = {
  showConfig: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Show who may run scripts at an endpoint',
    params,
    response: scriptConfigShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  changeConfig: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Change who may run scripts at an endpoint',
    params,
    body: z.strictObject({
      isEnabled: z.boolean().optional(),
      rules: z.array(ruleShape).max(100).optional(),
    }),
    response: scriptConfigShape,
    errors: ['not-found', 'denied', 'offline', 'name-taken'],
  }),
  listHistory: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/history',
    summary: 'List the scripts that an endpoint has run, the last first',
    params,
    response: z.object({ runs: z.array(runShape) }),
    errors: ['not-found', 'denied', 'offline'],
  }),
} as const
