import { constants } from 'node:os'
import type { TerminalRequest } from '../../apps/terminal/messages.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { type Cli, pathOf } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'
import { remark } from '../output/show.ts'
import { openRecorder } from './recording.ts'
import { createTerminalClient, type StreamEnd, type TerminalClient } from './terminal-client.ts'
import { requestTerminal } from './terminal-place.ts'

/** What `terminal open` was told. */
export interface OpenWords {
  /** Undefined: as the console is. */
  readonly tty?: boolean
  /** A file to write down what is shown. */
  readonly record?: string
}

/** `ztm terminal open EP [-- COMMAND…]`: ends with the program's exit code. */
export async function openTerminal(
  cli: Cli,
  endpoint: string,
  command: readonly string[],
  words: OpenWords,
): Promise<void> {
  const place = await placeOf(cli, endpoint)
  const console = cli.world.console()
  const hasTerminal = words.tty ?? console.isTerminal
  const env = Object.fromEntries(
    Object.entries(cli.world.env).filter(
      ([name, value]) => PASSED_ON.test(name) && (value ?? '').length <= 128,
    ),
  ) as Record<string, string>
  const request: TerminalRequest = {
    kind: 'open',
    env,
    ...(command.length > 0 && { command: [...command] }),
    ...(hasTerminal && { terminal: console.size() }),
  }
  await run(cli, place, request, { hasTerminal, record: words.record })
}

/** `ztm terminal attach EP SESSION` */
export async function attachTerminal(
  cli: Cli,
  endpoint: string,
  session: string,
  { record }: Pick<OpenWords, 'record'>,
): Promise<void> {
  const place = await placeOf(cli, endpoint)
  const { isTerminal, size } = cli.world.console()
  const request = { kind: 'attach', session, ...(isTerminal && { terminal: size() }) } as const
  await run(cli, place, request, { hasTerminal: true, record })
}

/** The endpoint of a terminal is an argument of its own. */
export async function placeOf(cli: Cli, endpoint: string): Promise<Pick<Place, 'mesh' | 'endpoint'>> {
  return { mesh: (await choosePlace(cli)).mesh, endpoint }
}

async function run(
  cli: Cli,
  place: Pick<Place, 'mesh' | 'endpoint'>,
  request: TerminalRequest,
  { hasTerminal, record }: { hasTerminal: boolean; record: string | undefined },
): Promise<void> {
  const console = cli.world.console()
  const now = { steadyMs: () => performance.now(), calendarMs: cli.world.clock.now() }
  await using recorder =
    record === undefined ? undefined : await openRecorder(pathOf(cli, record), console.size(), now)
  const { stream, answer } = await requestTerminal(cli, place, request)
  using client = createTerminalClient(console, hasTerminal, recorder)
  let end = await client.carry(stream)
  const session = answer.session ?? ''
  while (end === 'broken') {
    if (!hasTerminal) throw new MeshError('link-closed', 'The connection broke: the command was ended')
    const base = answer.from ?? 0
    const again = await comeBack(cli, place, client, { session, base })
    end = await client.carry(again)
  }
  cli.exitCode = exitCodeOf(end)
}

/** Attach again, from where the output broke off. @throws MeshError if the session is gone, or too much time */
async function comeBack(
  cli: Cli,
  place: Pick<Place, 'mesh' | 'endpoint'>,
  client: TerminalClient,
  { session, base }: { session: string; base: number },
) {
  remark(cli, '\r\nztm: the connection broke, trying to come back …\r')
  const startedMs = performance.now()
  for (;;) {
    try {
      const received = base + client.receivedBytes
      const { stream } = await requestTerminal(cli, place, { kind: 'attach', session, received })
      return stream
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (GONE.has(error.code) || performance.now() - startedMs > COME_BACK_MS) throw error
      await new Promise(resolve => setTimeout(resolve, RETRY_MS))
    }
  }
}

/** As a shell gives it: 128 and the number of the signal. */
function exitCodeOf(end: Exclude<StreamEnd, 'broken'>): number {
  if ('code' in end) return end.code
  return 128 + (constants.signals[end.signal as NodeJS.Signals] ?? 0)
}

const PASSED_ON = /^(?:TERM|COLORTERM|LANG|LC_[A-Z]+)$/
const GONE: ReadonlySet<string> = new Set(['not-found', 'denied', 'not-joined', 'evicted', 'bad-input'])
const COME_BACK_MS = 600_000
const RETRY_MS = 1_000
