import type { CopyEvent } from '../../core/files/copy-request.ts'
import { ERRORS, isErrorCode, MeshError } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { createProgressBar } from '../output/progress-bar.ts'
import { print, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { bytes as inBytes, plural } from '../output/words.ts'
import { askSync, readPlace } from './sync-place.ts'

/** What `file cp` was told. */
export interface CopyWords {
  readonly delete?: boolean
  readonly dryRun?: boolean
  readonly checksum?: boolean
  readonly limitMbps?: number
}

/** `ztm file cp [ep:]path [ep:]path` */
export async function copyFiles(cli: Cli, from: string, to: string, words: CopyWords): Promise<void> {
  if (cli.options.timeout === undefined) cli.deadlineMs = undefined
  const place = await choosePlace(cli)
  const request = {
    kind: 'copy',
    from: readPlace(cli, from, place),
    to: readPlace(cli, to, place),
    isContents: /[/\\]$/.test(from),
    isExact: words.delete === true,
    isDryRun: words.dryRun === true,
    isHashed: words.checksum === true,
    ...(words.limitMbps !== undefined && { bytesPerSecond: words.limitMbps * 125_000 }),
  }
  const signal = cli.world.catchInterrupt()
  const startedMs = cli.world.clock.now()
  const teller = createTeller(cli, words.dryRun === true)
  let ended: Extract<CopyEvent, { event: 'ended' }> | undefined
  try {
    for await (const event of askSync(cli, place.mesh.name, request, signal)) {
      if (event.event === 'ended') ended = event
      teller.take(event)
    }
  } finally {
    teller.clear()
  }
  if (ended === undefined) {
    cli.exitCode = INTERRUPTED
    return
  }
  if (!teller.isLines)
    await sumUp(cli, ended, { spanMs: cli.world.clock.now() - startedMs, isDryRun: request.isDryRun })
}

/** Tells a person or a program what happens. */
interface Teller {
  /** One line of JSON for each event. */
  readonly isLines: boolean
  take(event: CopyEvent): void
  /** Take away what is only shown while it runs. */
  clear(): void
}

function createTeller(cli: Cli, isDryRun: boolean): Teller {
  const { output, quiet } = cli.options
  const { stdout, stderr } = cli.world
  const isLines = output === 'json' || (output === 'table' && !stdout.isTerminal && !quiet)
  // Lines of JSON tell it themselves.
  const bar = stderr.isTerminal && !isLines ? createProgressBar(cli, {}) : undefined
  let total = { bytes: 0, fileCount: 0 }
  return {
    isLines,
    take(event) {
      if (event.event === 'failed') fail(cli, event)
      if (isLines) {
        print(cli, `${JSON.stringify(event)}\n`)
        return
      }
      if (event.event === 'planned') total = event
      if (event.event === 'progress') {
        const { doneBytes, fileCount: doneFiles } = event
        bar?.show({ doneBytes, totalBytes: total.bytes, doneFiles, totalFiles: total.fileCount })
      }
      if (event.event === 'failed') {
        bar?.clear()
        stderr.write(`ztm: ${visible(event.path)}: ${visible(event.message)}\n`)
      }
      if (event.event === 'waiting' && !quiet) {
        bar?.clear()
        stderr.write(`ztm: ${visible(event.message)}: trying again …\n`)
      }
      if (event.event !== 'done') return
      if (output === 'name') print(cli, `${visible(event.path)}\n`)
      else if (isDryRun && output === 'table') print(cli, `${event.what} ${visible(event.path)}\n`)
    },
    clear: () => bar?.clear(),
  }
}

/** The exit code is that of the first that failed. */
function fail(cli: Cli, { code }: { readonly code: string }): void {
  if (cli.exitCode === 0) cli.exitCode = isErrorCode(code) ? ERRORS[code].exit : 1
}

async function sumUp(
  cli: Cli,
  ended: Extract<CopyEvent, { event: 'ended' }>,
  { spanMs, isDryRun }: { spanMs: number; isDryRun: boolean },
): Promise<void> {
  const { event: _, ...data } = ended
  const { copiedCount, sameCount, removedCount, failedCount, bytes, sentBytes } = data
  const parts = [
    `${isDryRun ? 'Would copy' : 'Copied'} ${plural(copiedCount, 'file')}, ${inBytes(bytes)}`,
    ...(isDryRun || sentBytes === bytes ? [] : [`${inBytes(sentBytes)} sent`]),
    ...(sameCount > 0 ? [`${sameCount} unchanged`] : []),
    ...(removedCount > 0 ? [`${removedCount} ${isDryRun ? 'to be removed' : 'removed'}`] : []),
    ...(failedCount > 0 ? [`${failedCount} failed`] : []),
  ]
  const speed = isDryRun || spanMs < 100 ? '' : `, ${inBytes(Math.round((sentBytes * 1_000) / spanMs))}/s`
  if (cli.options.output !== 'name') await report(cli, parts.join(', ') + speed, { name: '', data })
}

/** `--limit-mbps`: megabits a second. @throws MeshError `bad-usage` */
export function parseMbps(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new MeshError('bad-usage', `Cannot use limit "${visible(text)}": write megabits a second, as in 50`)
}

/** The same, or 0. @throws MeshError `bad-usage` */
export function parseMbpsOrNone(text: string): number {
  return text === '0' ? 0 : parseMbps(text)
}

/** As a shell has it: 128 and the number of SIGINT. */
const INTERRUPTED = 130
