import { setTimeout as delay } from 'node:timers/promises'
import { Argument, type Command, Option } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { type Ms, ms } from '../../core/model/time.ts'
import { PATH_KINDS, type PathKind } from '../../core/path/path-kind.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { integerOption, parseSpanOption } from '../global-options.ts'
import { choosePlace } from '../mesh-choice.ts'
import { print, printData } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { milliseconds } from '../output/words.ts'
import { parseEndpointWord } from '../prefix.ts'

interface PingOptions {
  readonly count?: number
  readonly interval: Ms
  readonly path?: PathKind
}

/** `ztm ping ep NAME [-c N] [-i SPAN]` */
export function definePing(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<type>', 'what').choices(['ep', 'endpoint']))
    .argument('[endpoint]', '[MESH/]NAME or id; else the one of --ep')
    .description(
      'Send pings through the mesh, end to end, and measure the round trip.\n\n' +
        'Goes on until Ctrl-C on a terminal, else sends 4. Ends with 0 if any ping was answered, else with the code ' +
        'of the last error. --timeout is how long to wait for each answer (default: 5s).',
    )
    .option('-c, --count <n>', 'how many', integerOption([1, 1_000_000]))
    .option('-i, --interval <span>', 'time from one to the next', parseSpanOption, ms(1_000))
    .addOption(
      new Option('--path <kind>', 'over this kind of path alone, not the best there is').choices(PATH_KINDS),
    )
    .action((_type: string, typed: string | undefined, options: PingOptions) => ping(cli, typed, options))
  addExamples(
    command,
    'ztm ping ep office',
    'ztm ping ep office -c 10 -i 200ms',
    'ztm ping ep office --path relay',
    'ztm ping ep home/office -o json',
  )
}

interface Reply {
  readonly sequence: number
  readonly path?: string
  readonly roundTripMs?: number
  readonly error?: ReturnType<MeshError['toBody']>
}

async function ping(cli: Cli, typed: string | undefined, options: PingOptions): Promise<void> {
  const timeoutMs = cli.options.timeout ?? 5_000
  const { mesh, endpoint } = await targetOf(cli, typed)
  const isText = cli.options.output === 'table'
  const count = options.count ?? (cli.world.stdout.isTerminal && isText ? Number.POSITIVE_INFINITY : 4)
  // Each ping has its own time; how many there are decides when the command is done.
  cli.deadlineMs = undefined
  const interrupt = cli.world.catchInterrupt()
  const replies: Reply[] = []
  const startedAtMs = cli.world.clock.now()
  while (replies.length < count && !interrupt.aborted) {
    const sentAtMs = cli.world.clock.now()
    const reply = await pingOnce(
      cli,
      { mesh, endpoint },
      { sequence: replies.length + 1, timeoutMs, path: options.path },
    )
    replies.push(reply)
    if (isText) print(cli, `${describeReply(endpoint, reply)}\n`)
    if (replies.length >= count) break
    const restMs = options.interval - (cli.world.clock.now() - sentAtMs)
    await delay(Math.max(0, restMs), undefined, { signal: interrupt }).catch(() => {})
  }
  const summary = summarize(endpoint, replies, cli.world.clock.now() - startedAtMs)
  if (isText) print(cli, describeSummary(summary))
  else if (cli.options.output === 'name') print(cli, `${visible(endpoint)}\n`)
  else await printData(cli, summary)
  const last = replies.at(-1)?.error
  if (summary.receivedCount === 0 && last !== undefined) throw new MeshError(last.code, last.message)
}

async function targetOf(cli: Cli, typed: string | undefined): Promise<{ mesh: string; endpoint: string }> {
  const word = typed === undefined ? undefined : parseEndpointWord(typed)
  if (word?.mesh !== undefined) return { mesh: word.mesh, endpoint: word.endpoint }
  const { mesh, endpoint, isChosen } = await choosePlace(cli)
  if (word === undefined && !isChosen) {
    throw new MeshError('bad-usage', 'Cannot ping: no endpoint is named: write `ztm ping ep NAME`')
  }
  return { mesh: mesh.name, endpoint: word?.endpoint ?? endpoint }
}

async function pingOnce(
  cli: Cli,
  params: { mesh: string; endpoint: string },
  { sequence, timeoutMs, path: pin }: { sequence: number; timeoutMs: number; path: PathKind | undefined },
): Promise<Reply> {
  try {
    const { path, roundTripMs } = await callAgent(
      cli,
      AGENT_API.pingEndpoint,
      { params, query: { path: pin } },
      { timeoutMs },
    )
    return { sequence, path, roundTripMs }
  } catch (thrown) {
    const error = toMeshError(thrown)
    // No use in asking on: nobody but the person who typed it can change that.
    if (sequence === 1 && error.kind.fault === 'caller' && !error.kind.retry) throw error
    return { sequence, error: error.toBody() }
  }
}

function describeReply(endpoint: string, { sequence, path, roundTripMs, error }: Reply): string {
  if (error !== undefined)
    return `no answer from ${visible(endpoint)}: seq=${sequence}: ${visible(error.message)}`
  return `answer from ${visible(endpoint)}: seq=${sequence} path=${visible(path ?? '')} time=${milliseconds(roundTripMs ?? 0)}`
}

/** What `ping` ends with; times in milliseconds. */
interface Summary {
  readonly endpoint: string
  readonly sentCount: number
  readonly receivedCount: number
  readonly durationMs: number
  readonly minMs?: number
  readonly averageMs?: number
  readonly maxMs?: number
  readonly deviationMs?: number
  readonly replies: readonly Reply[]
}

function summarize(endpoint: string, replies: readonly Reply[], durationMs: number): Summary {
  const times = replies.flatMap(({ roundTripMs }) => (roundTripMs === undefined ? [] : [roundTripMs]))
  const counts = { endpoint, sentCount: replies.length, receivedCount: times.length, durationMs, replies }
  if (times.length === 0) return counts
  const averageMs = times.reduce((sum, time) => sum + time, 0) / times.length
  const variance = times.reduce((sum, time) => sum + (time - averageMs) ** 2, 0) / times.length
  return {
    ...counts,
    // Not by spreading the list: an endless ping has more answers than a call may have arguments.
    minMs: times.reduce((a, b) => Math.min(a, b)),
    averageMs,
    maxMs: times.reduce((a, b) => Math.max(a, b)),
    deviationMs: Math.sqrt(variance),
  }
}

function describeSummary(summary: Summary): string {
  const { sentCount, receivedCount, minMs, averageMs, maxMs, deviationMs } = summary
  const lost = sentCount === 0 ? 0 : Math.round(((sentCount - receivedCount) / sentCount) * 100)
  const head =
    `--- ${visible(summary.endpoint)} ping statistics ---\n` +
    `${sentCount} sent, ${receivedCount} received, ${lost} % lost, time ${Math.round(summary.durationMs)} ms\n`
  if (minMs === undefined) return head
  const times = [minMs, averageMs, maxMs, deviationMs].map(value => (value ?? 0).toFixed(3)).join('/')
  return `${head}round trip min/avg/max/mdev = ${times} ms\n`
}
