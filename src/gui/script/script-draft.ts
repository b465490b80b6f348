import { z } from 'zod'
import {
  type Grants,
  grantsShape,
  MAX_SCRIPT_BYTES,
  MAX_SCRIPT_REQUEST_BYTES,
  type ScriptRequest,
} from '../../apps/script/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import { formatCommand } from '../parts/command-words.ts'

/** A script and all that it is run with; kept in the browser. */
export const draftShape = z.object({
  /** Of the file it would be; its ending says the language. */
  name: z.string().max(128),
  source: z.string(),
  args: z.array(z.string()),
  /** What it reads from standard input. */
  input: z.string().default(''),
  grants: grantsShape,
  timeoutS: z.number(),
  memoryMb: z.number(),
  /** Ids of the endpoints it is run at. */
  endpoints: z.array(z.string()),
})
/** A script and all that it is run with. */
export type Draft = z.output<typeof draftShape>

/** What the editor has before anything was written. */
export const FIRST_DRAFT: Draft = {
  name: 'hello.ts',
  source: `import os from 'node:os'

const [who = 'world'] = process.argv.slice(2)
console.log('hello', who, 'from', os.arch())
`,
  args: [],
  input: '',
  grants: { network: [], read: [], write: [], run: [], dial: [] },
  timeoutS: 600,
  memoryMb: 128,
  endpoints: [],
}

/** A draft as it was kept; the first one where it is none. */
export function parseDraft(text: string | null): Draft {
  try {
    return draftShape.parse(JSON.parse(text ?? ''))
  } catch {
    return FIRST_DRAFT
  }
}

/** How a script is written; whatever is no JavaScript by its name is TypeScript, which has all of it. */
export function languageOf(name: string): 'mjs' | 'mts' | 'cjs' | 'cts' {
  if (/\.c[jt]s$/.test(name)) return name.endsWith('js') ? 'cjs' : 'cts'
  return /\.m?js$/.test(name) ? 'mjs' : 'mts'
}

/**
 * What is sent to run a draft: the request, and the bytes that follow it.
 *
 * @throws MeshError `too-large`
 */
export function readDraft(draft: Draft): {
  readonly request: ScriptRequest
  readonly source: Uint8Array<ArrayBuffer>
  readonly input: Uint8Array<ArrayBuffer>
} {
  const { args, memoryMb, timeoutS } = draft
  const name = draft.name.trim() || FIRST_DRAFT.name
  const source = new TextEncoder().encode(draft.source)
  if (source.length > MAX_SCRIPT_BYTES)
    throw new MeshError('too-large', `Cannot run script: over ${MAX_SCRIPT_BYTES} bytes`)
  const input = new TextEncoder().encode(draft.input)
  if (input.length > MAX_INPUT_BYTES)
    throw new MeshError('too-large', `Cannot run script: its input is over ${MAX_INPUT_BYTES} bytes`)
  const request: ScriptRequest = {
    kind: 'run',
    name,
    language: languageOf(name),
    args,
    grants: grantsOf(draft),
    memoryMb,
    timeoutMs: Math.round(timeoutS * 1_000),
    sourceBytes: source.length,
  }
  if (new TextEncoder().encode(JSON.stringify(request)).length > MAX_SCRIPT_REQUEST_BYTES)
    throw new MeshError('too-large', 'Cannot run script: its arguments and rights are too long')
  return { request, source, input }
}

/** The command that runs a draft, with its file where one is. */
export function formatRun(draft: Draft, names: readonly string[]): string {
  const { args, input, grants, memoryMb, timeoutS } = draft
  const rights = RIGHTS.flatMap(([kind, word]) => grants[kind].flatMap(line => [`--allow-${word}`, line]))
  const before = input === '' ? '' : `${formatCommand('printf', '%s', input)} | `
  const command = formatCommand(
    ...['ztm', 'script', draft.name.trim() || FIRST_DRAFT.name],
    ...['--ep', ...(names.length > 0 ? names : ['ENDPOINT'])],
    ...rights,
    ...(memoryMb === FIRST_DRAFT.memoryMb ? [] : ['--memory', String(memoryMb)]),
    ...(timeoutS === FIRST_DRAFT.timeoutS ? [] : ['--timeout', `${timeoutS}s`]),
    ...(args.length > 0 ? ['--', ...args] : []),
  )
  return before + command
}

/** `example.com` is any port of it, as on the command line. */
function grantsOf({ grants }: Draft): Grants {
  return { ...grants, network: grants.network.map(line => (/:[\d,*-]+$/.test(line) ? line : `${line}:*`)) }
}

/** What a field is for; more comes from a file, on the command line. */
export const MAX_INPUT_BYTES = 1_048_576

/** What a script can be allowed, and how the command line calls it. */
export const RIGHTS = [
  ['read', 'read'],
  ['write', 'write'],
  ['network', 'net'],
  ['run', 'run'],
  ['dial', 'dial'],
] as const
