import { setTimeout as delay } from 'node:timers/promises'
import { Argument, type Command, Option } from 'commander'
import type { LogLines } from '../../core/api/shapes.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { LogLevel } from '../../core/model/log.ts'
import type { Ms } from '../../core/model/time.ts'
import { formatLogLine } from '../../store/log-line.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { integerOption, parseSpanOption } from '../global-options.ts'
import { type LogQuery, type ReadLines, sourceOf } from '../log-source.ts'
import { print, printData, remark } from '../output/show.ts'
import { visible } from '../output/text-width.ts'

interface LogOptions {
  readonly follow?: true
  readonly since?: Ms
  readonly level: LogLevel
  readonly lines: number
}

/** `ztm log hub|agent|app [NAME] [-f]` */
export function defineLog(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<source>', 'whose log').choices(['agent', 'hub', 'app']))
    .argument('[name]', 'which hub or app; else the hub of this computer or mesh, or all apps')
    .description(
      'Show the last lines of a log. The log of an agent or hub of this computer can also be read while it is down. ' +
        'With --ep it is the log of another endpoint of yours.',
    )
    .option('-f, --follow', 'go on with new lines until Ctrl-C')
    .option('--since <span>', 'only the lines of the last so long, as 10m', parseSpanOption)
    .addOption(
      new Option('--level <level>', 'only lines that matter at least so much')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('-n, --lines <n>', 'at most so many', integerOption([1, 1_000]), 200)
    .action((source: 'agent' | 'hub' | 'app', name: string | undefined, options: LogOptions) =>
      showLog(cli, { source, name }, options),
    )
  addExamples(
    command,
    'ztm log agent --since 10m --level warn',
    'ztm log hub -f',
    'ztm log app tunnel -n 50',
    'ztm log app alice/notes -f',
    'ztm ep office log agent',
  )
}

async function showLog(
  cli: Cli,
  wanted: { source: 'agent' | 'hub' | 'app'; name: string | undefined },
  { follow, since, level, lines }: LogOptions,
): Promise<void> {
  if (wanted.source === 'agent' && wanted.name !== undefined) {
    throw new MeshError('bad-usage', 'Cannot show log of an agent by name: write `ztm log agent --ep NAME`')
  }
  const read = await sourceOf(cli, wanted.source, wanted.name)
  const query: LogQuery = {
    level,
    limit: lines,
    ...(since !== undefined && { sinceMs: cli.world.clock.now() - since }),
  }
  const first = await read(query)
  if (follow !== true) return printAll(cli, first)
  cli.deadlineMs = undefined
  for (const line of first) await printOne(cli, line)
  await followLog(cli, read, { level, seen: first })
}

/** Asks once a second. A daemon that restarts meanwhile is waited for. */
async function followLog(
  cli: Cli,
  read: ReadLines,
  { level, seen }: { level: LogLevel; seen: LogLines },
): Promise<void> {
  const interrupt = cli.world.catchInterrupt()
  let lastMs = seen.at(-1)?.timeMs ?? cli.world.clock.now()
  // Several lines may have one time: as many of that time as were shown are left out of the next answer.
  let shownCount = seen.filter(line => line.timeMs === lastMs).length
  let isAway = false
  while (!interrupt.aborted) {
    await delay(POLL_MS, undefined, { signal: interrupt }).catch(() => {})
    if (interrupt.aborted) return
    try {
      const lines = await read({ level, limit: 1_000, sinceMs: lastMs })
      const firstNew = lines.findIndex(line => line.timeMs > lastMs)
      const fresh = [
        ...lines.slice(0, firstNew === -1 ? lines.length : firstNew).slice(shownCount),
        ...(firstNew === -1 ? [] : lines.slice(firstNew)),
      ]
      for (const line of fresh) await printOne(cli, line)
      const newest = fresh.at(-1)?.timeMs
      if (newest !== undefined) {
        const count = fresh.filter(line => line.timeMs === newest).length
        shownCount = newest === lastMs ? shownCount + count : count
        lastMs = newest
      }
      isAway = false
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (!error.kind.retry) throw error
      if (!isAway) remark(cli, `ztm: ${visible(error.message)} (waiting)`)
      isAway = true
    }
  }
}

async function printAll(cli: Cli, lines: LogLines): Promise<void> {
  const { output } = cli.options
  if (output === 'json' || output === 'yaml') await printData(cli, lines)
  else for (const line of lines) await printOne(cli, line)
}

async function printOne(cli: Cli, line: LogLines[number]): Promise<void> {
  const { output } = cli.options
  if (output === 'table') print(cli, `${formatLogLine(line)}\n`)
  else if (output === 'name') print(cli, `${visible(line.event)}\n`)
  // One object a line, so that a program can read them as they come.
  else if (output === 'json') print(cli, `${JSON.stringify(line)}\n`)
  else await printData(cli, [line])
}

const POLL_MS = 1_000
