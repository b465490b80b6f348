import { readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { basename } from 'node:path'
import type { Duplex } from 'node:stream'
import {
  type Grants,
  MAX_SCRIPT_BYTES,
  type ScriptEndMessage,
  type ScriptRequest,
  scriptEndShape,
} from '../../apps/script/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { encodeTerminalFrames } from '../../core/codec/terminal-frame.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { formatSpan } from '../../core/model/time.ts'
import { fromNodeError } from '../../net/node-error.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, pathOf } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { printData, remark } from '../output/show.ts'
import { formatTable } from '../output/table.ts'
import { textWidth, visible } from '../output/text-width.ts'
import { carryFrames } from '../terminal/terminal-client.ts'
import { createPrefixedLines } from './prefixed-lines.ts'
import { requestScript } from './script-place.ts'
import { spreadInput } from './spread-input.ts'

/** What `ztm script FILE` was told. */
export interface RunWords {
  readonly on?: readonly string[]
  readonly label?: string
  readonly allowNet?: readonly string[]
  readonly allowRead?: readonly string[]
  readonly allowWrite?: readonly string[]
  readonly allowRun?: readonly string[]
  readonly allowDial?: readonly string[]
  readonly memory: number
}

/** What came of a script at one endpoint. */
interface Result {
  readonly endpoint: string
  readonly end?: ScriptEndMessage
  readonly error?: { readonly code: string; readonly message: string }
  readonly durationMs: number
  /** With `-o json` alone. */
  readonly output?: string
  readonly errors?: string
}

/** `ztm script FILE|- [--ep A B | --label L] [-- ARGS…]`: ends with the script's exit code; of several with 1 if any failed. */
export async function runScript(
  cli: Cli,
  file: string,
  args: readonly string[],
  words: RunWords,
): Promise<void> {
  const source = await readSource(cli, file)
  const { mesh, endpoints } = await chooseEndpoints(cli, words)
  const { timeout } = cli.options
  cli.deadlineMs = undefined
  const request: ScriptRequest = {
    kind: 'run',
    name: file === '-' ? 'stdin' : basename(file).slice(0, 128),
    language: languageOf(file),
    args: [...args],
    grants: grantsOf(words),
    memoryMb: words.memory,
    sourceBytes: source.length,
    ...(timeout !== undefined && { timeoutMs: Math.max(100, timeout) }),
  }
  const results = await runEverywhere(cli, { mesh, endpoints, request, source, hasInput: file !== '-' })
  if (isData(cli)) await printData(cli, results)
  else if (endpoints.length > 1) showResults(cli, results)
  const [only] = results
  if (endpoints.length > 1 || only === undefined) cli.exitCode = results.every(isGood) ? 0 : 1
  else if (only.error !== undefined) {
    if (!isData(cli)) throw new MeshError(only.error.code as MeshError['code'], only.error.message)
    cli.exitCode = 1
  } else cli.exitCode = exitCodeOf(cli, only.end)
}

interface Everywhere {
  readonly mesh: string
  readonly endpoints: readonly string[]
  readonly request: ScriptRequest
  readonly source: Uint8Array
  readonly hasInput: boolean
}

async function runEverywhere(
  cli: Cli,
  { mesh, endpoints, request, source, hasInput }: Everywhere,
): Promise<Result[]> {
  const interrupt = cli.world.catchInterrupt()
  const opened = await Promise.all(
    endpoints.map(async endpoint => {
      const startedMs = performance.now()
      try {
        const { stream } = await requestScript(cli, { mesh, endpoint }, request, source)
        return { endpoint, startedMs, stream }
      } catch (thrown) {
        return { endpoint, startedMs, error: toMeshError(thrown).toBody() }
      }
    }),
  )
  const streams = opened.flatMap(({ stream }) => stream ?? [])
  const end = () => {
    for (const stream of streams) tellEnd(stream)
  }
  interrupt.addEventListener('abort', end, { once: true })
  if (interrupt.aborted) end()
  const { input, isTerminal } = cli.world.console()
  // Of a keyboard nothing is read that nobody asked for.
  using _ = hasInput && !isTerminal ? spreadInput(input, streams) : undefined
  if (!hasInput || isTerminal)
    for (const stream of streams)
      for (const piece of encodeTerminalFrames('input-end', new Uint8Array(0))) stream.write(piece)
  const width = Math.max(...endpoints.map(endpoint => textWidth(visible(endpoint))))
  const prefixOf = (endpoint: string) =>
    endpoints.length > 1 ? `${visible(endpoint).padEnd(width)} | ` : undefined
  return await Promise.all(
    opened.map(async ({ endpoint, startedMs, stream, error }) => {
      const durationMs = () => Math.round(performance.now() - startedMs)
      if (stream === undefined) return { endpoint, durationMs: durationMs(), ...(error && { error }) }
      const carried = await carryOne(cli, stream, prefixOf(endpoint))
      return { endpoint, durationMs: durationMs(), ...carried }
    }),
  )
}

function tellEnd(stream: Duplex): void {
  if (stream.destroyed) return
  for (const piece of encodeTerminalFrames('signal', Buffer.from('SIGINT'))) stream.write(piece)
  setTimeout(() => stream.destroy(), END_GRACE_MS).unref()
}

/** Show, or gather, what one script writes, until it ends. */
async function carryOne(
  cli: Cli,
  stream: Duplex,
  prefix: string | undefined,
): Promise<Pick<Result, 'end' | 'error' | 'output' | 'errors'>> {
  const console = cli.world.console()
  const gathered = { output: '', errors: '' }
  const take = (kind: 'output' | 'errors') => {
    const to = console[kind]
    const write = (bytes: Uint8Array) => {
      if (to.destroyed || to.write(bytes)) return
      stream.pause()
      whenDrained(to, () => stream.resume())
    }
    if (isData(cli)) {
      return {
        push(bytes: Uint8Array) {
          if (gathered[kind].length < MAX_GATHERED) gathered[kind] += Buffer.from(bytes).toString('utf8')
        },
        end() {},
      }
    }
    if (prefix !== undefined) return createPrefixedLines(prefix, write)
    return { push: (bytes: Uint8Array) => write(Uint8Array.from(bytes)), end() {} }
  }
  const lines = { output: take('output'), errors: take('errors') }
  try {
    const end = await carryFrames(stream, ({ kind, payload }) => {
      if (kind === 'output' || kind === 'errors') lines[kind].push(payload)
      return kind === 'end'
        ? scriptEndShape.parse(JSON.parse(Buffer.from(payload).toString('utf8')))
        : undefined
    })
    lines.output.end()
    lines.errors.end()
    const said = isData(cli) ? gathered : {}
    if (end !== 'broken') return { end, ...said }
    return { error: { code: 'link-closed', message: 'The connection broke: the script was ended' }, ...said }
  } finally {
    stream.destroy()
  }
}

function isData(cli: Cli): boolean {
  return cli.options.output === 'json' || cli.options.output === 'yaml'
}

/** On standard error: standard output is what the scripts wrote. */
function showResults(cli: Cli, results: readonly Result[]): void {
  const table = formatTable(results, [
    { title: 'ENDPOINT', cell: ({ endpoint }) => endpoint },
    { title: 'RESULT', cell: result => (isGood(result) ? 'done' : 'failed') },
    {
      title: 'EXIT',
      cell: ({ end }) =>
        end === undefined ? undefined : 'code' in end ? end.code : 'signal' in end ? end.signal : 'killed',
    },
    { title: 'TOOK', cell: ({ durationMs }) => formatSpan(durationMs) },
    {
      title: 'WHY',
      cell: ({ end, error }) =>
        error?.message ?? (end !== undefined && 'killed' in end ? end.killed : undefined),
    },
  ])
  remark(cli, table.trimEnd())
}

function isGood({ end }: Result): boolean {
  return end !== undefined && 'code' in end && end.code === 0
}

/** As a shell gives it; 137 for one that was killed, as if by SIGKILL. */
function exitCodeOf(cli: Cli, end: ScriptEndMessage | undefined): number {
  if (end === undefined) return 1
  if ('code' in end) return end.code
  if ('signal' in end) return 128 + (constants.signals[end.signal as NodeJS.Signals] ?? 0)
  remark(cli, `ztm: the script was killed: ${visible(end.killed)}`)
  return 137
}

/** @throws MeshError `not-found`, `too-large` */
async function readSource(cli: Cli, file: string): Promise<Uint8Array> {
  if (file === '-') return Buffer.from(await cli.world.readStdin(MAX_SCRIPT_BYTES))
  const bytes = await readFile(pathOf(cli, file)).catch(thrown => {
    throw fromNodeError(thrown, `Cannot read script ${quote(file)}`)
  })
  if (bytes.length <= MAX_SCRIPT_BYTES) return bytes
  throw new MeshError('too-large', `Cannot run script ${quote(file)}: over ${MAX_SCRIPT_BYTES} bytes`)
}

/** Whatever is no JavaScript by its name is TypeScript, which has all of it. */
function languageOf(file: string): 'mjs' | 'mts' | 'cjs' | 'cts' {
  if (/\.c[jt]s$/.test(file)) return file.endsWith('js') ? 'cjs' : 'cts'
  return /\.m?js$/.test(file) ? 'mjs' : 'mts'
}

function grantsOf({ allowNet, allowRead, allowWrite, allowRun, allowDial }: RunWords): Grants {
  return {
    network: (allowNet ?? []).map(line => (/:[\d,*-]+$/.test(line) ? line : `${line}:*`)),
    read: [...(allowRead ?? [])],
    write: [...(allowWrite ?? [])],
    run: [...(allowRun ?? [])],
    dial: [...(allowDial ?? [])],
  }
}

/** @throws MeshError `bad-usage`, `not-found` for a label that no endpoint has */
async function chooseEndpoints(
  cli: Cli,
  { on, label }: RunWords,
): Promise<{ mesh: string; endpoints: string[] }> {
  const { mesh, endpoint } = await choosePlace(cli)
  if (on !== undefined && label !== undefined) {
    throw new MeshError('bad-usage', 'Cannot choose endpoints: give --ep or --label')
  }
  if (label === undefined) return { mesh: mesh.name, endpoints: [...new Set(on ?? [endpoint])] }
  const { endpoints } = await callAgent(cli, AGENT_API.listEndpoints, { params: { mesh: mesh.name } })
  // What is sent to them must not be for whoever a hub says has the label.
  const found = endpoints
    .filter(each => each.user === mesh.endpoint.user && each.labels.some(one => one === label))
    .map(({ name, id }) => {
      const isOnlyOne = endpoints.filter(each => each.name === name).length === 1
      return isOnlyOne ? name : id
    })
  if (found.length > 0) return { mesh: mesh.name, endpoints: found }
  throw new MeshError(
    'not-found',
    `Cannot find endpoints of yours with label ${quote(label)}: see \`ztm get ep\``,
  )
}

/** Of output of one endpoint in JSON, UTF-16 units. */
const MAX_GATHERED = 1_048_576
/** What scripts have to end after Ctrl-C. */
const END_GRACE_MS = 5_000
