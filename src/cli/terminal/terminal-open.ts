import { constants } from 'node:os'
import { isPlainValue, type TerminalRequest } from '../../apps/terminal/messages.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { readShareLink } from '../../core/model/share-link.ts'
import type { PredictMode } from '../../core/terminal/predicted-echo.ts'
import { type Cli, pathOf } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'
import { remark } from '../output/show.ts'
import { openRecorder } from './recording.ts'
import { createTerminalClient, type StreamEnd, type TerminalClient } from './terminal-client.ts'
import { openForwards } from './terminal-forward.ts'
import { requestTerminal } from './terminal-place.ts'

/** What `terminal open` was told. */
export interface OpenWords {
  /** Undefined: as the console is. */
  readonly tty?: boolean
  /** A file to write down what is shown. */
  readonly record?: string
  /** When keys are shown before their echo. */
  readonly predict?: PredictMode
  /** Ports here that lead to ports there. */
  readonly forward?: readonly string[]
  /** False: open ports, run nothing. */
  readonly command?: boolean
}

type WhichTerminal = Pick<Place, 'mesh' | 'endpoint'>

/** `ztm terminal open EP [-- COMMAND…]`: ends with the program's exit code. */
export async function openTerminal(
  cli: Cli,
  endpoint: string,
  command: readonly string[],
  words: OpenWords,
): Promise<void> {
  const place = await placeOf(cli, endpoint)
  await using _ = await openForwards(cli, place, words.forward ?? [])
  if (words.command === false) return await waitForInterrupt(cli, command, words)
  const console = cli.world.console()
  const hasTerminal = words.tty ?? console.isTerminal
  const env = Object.fromEntries(
    Object.entries(cli.world.env).filter(
      ([name, value]) => PASSED_ON.test(name) && isPlainValue(value ?? ''),
    ),
  ) as Record<string, string>
  const request: TerminalRequest = {
    kind: 'open',
    env,
    ...(command.length > 0 && { command: [...command] }),
    ...(hasTerminal && { terminal: console.size() }),
  }
  await run(cli, place, request, { hasTerminal, ...words })
}

async function waitForInterrupt(cli: Cli, command: readonly string[], { forward }: OpenWords): Promise<void> {
  if (command.length > 0 || !forward?.length) {
    throw new MeshError('bad-usage', 'Cannot open: with -N there is no command, and at least one -L')
  }
  cli.deadlineMs = undefined
  const interrupt = cli.world.catchInterrupt()
  if (interrupt.aborted) return
  await new Promise(resolve => interrupt.addEventListener('abort', resolve, { once: true }))
}

/** What `terminal attach` was told. */
export interface AttachWords extends Pick<OpenWords, 'record' | 'predict'> {
  readonly readOnly?: boolean
}

/** `ztm terminal attach EP SESSION`, or `attach LINK` */
export async function attachTerminal(
  cli: Cli,
  first: string,
  second: string | undefined,
  { record, predict, readOnly: isReadOnly = false }: AttachWords,
): Promise<void> {
  const link = second === undefined ? readShareLink(first) : undefined
  const session = link?.session ?? second
  if (session === undefined) {
    throw new MeshError('bad-usage', 'Cannot attach: which session? `ztm terminal get EP` lists them')
  }
  const place = await placeOf(cli, link?.endpoint ?? first)
  const { isTerminal, size } = cli.world.console()
  const request: TerminalRequest = {
    kind: 'attach',
    session,
    isReadOnly: isReadOnly || link !== undefined,
    ...(link && { key: link.key }),
    ...(isTerminal && { terminal: size() }),
  }
  await run(cli, place, request, { hasTerminal: true, record, predict })
}

/** The endpoint of a terminal is an argument of its own. */
export async function placeOf(cli: Cli, endpoint: string): Promise<WhichTerminal> {
  return { mesh: (await choosePlace(cli)).mesh, endpoint }
}

interface HowToRun {
  readonly hasTerminal: boolean
  readonly record?: string | undefined
  readonly predict?: PredictMode | undefined
}

async function run(
  cli: Cli,
  place: WhichTerminal,
  request: TerminalRequest & { kind: 'open' | 'attach' },
  { hasTerminal, record, predict }: HowToRun,
): Promise<void> {
  const console = cli.world.console()
  const now = { steadyMs: () => performance.now(), calendarMs: cli.world.clock.now() }
  await using recorder =
    record === undefined ? undefined : await openRecorder(pathOf(cli, record), console.size(), now)
  const { stream, answer } = await requestTerminal(cli, place, request)
  const { isReadOnly = false } = answer
  using client = createTerminalClient(console, { hasTerminal, isReadOnly, recorder, predict })
  if (answer.isRecorded) remark(cli, 'ztm: this session is recorded at the endpoint\r')
  let end = await client.carry(stream, answer.from ?? 0)
  const session = answer.session ?? ''
  const again =
    request.kind === 'attach' ? { ...request, terminal: undefined } : { kind: 'attach' as const, session }
  while (end === 'broken') {
    if (!hasTerminal) throw new MeshError('link-closed', 'The connection broke: the command was ended')
    end = await comeBack(cli, place, client, again)
  }
  if (end === 'detached') {
    remark(cli, `\r\nztm: it goes on: come back with \`ztm terminal attach ${place.endpoint} ${session}\`\r`)
  } else cli.exitCode = exitCodeOf(end)
}

/** Attach again, from where the output broke off. @throws MeshError if the session is gone, or too much time */
async function comeBack(
  cli: Cli,
  place: WhichTerminal,
  client: TerminalClient,
  attach: TerminalRequest & { kind: 'attach' },
): Promise<StreamEnd> {
  remark(cli, '\r\nztm: the connection broke, trying to come back …\r')
  const startedMs = performance.now()
  for (;;) {
    try {
      const { stream, answer } = await requestTerminal(cli, place, { ...attach, received: client.position })
      return await client.carry(stream, answer.from ?? client.position)
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (GONE.has(error.code) || performance.now() - startedMs > COME_BACK_MS) throw error
      await new Promise(resolve => setTimeout(resolve, RETRY_MS))
    }
  }
}

/** As a shell gives it: 128 and the number of the signal. */
function exitCodeOf(end: Exclude<StreamEnd, string>): number {
  if ('code' in end) return end.code
  return 128 + (constants.signals[end.signal as NodeJS.Signals] ?? 0)
}

const PASSED_ON = /^(?:TERM|COLORTERM|LANG|LC_[A-Z]+)$/
const GONE: ReadonlySet<string> = new Set([
  'not-found',
  'denied',
  'not-joined',
  'evicted',
  'bad-input',
  'bad-message',
  'conflict',
])
const COME_BACK_MS = 600_000
const RETRY_MS = 1_000
