import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { BalanceInfo, UsageInfo, UsageList } from '../../core/api/billing-api.ts'
import { formatMoney, micros } from '../../core/billing/money.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Ms } from '../../core/model/time.ts'
import { formatSpan } from '../../core/model/time.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { integerOption, parseSpanOption } from '../global-options.ts'
import { choosePlace } from '../mesh-choice.ts'
import type { Tone } from '../output/colors.ts'
import { painter } from '../output/colors.ts'
import { type ListView, print, printData, remark, showThing } from '../output/show.ts'
import { type Column, formatTable } from '../output/table.ts'
import { visible } from '../output/text-width.ts'
import { ago, bytes, plural } from '../output/words.ts'

/** `ztm billing report|status` */
export function defineBilling(command: Command, cli: Cli): void {
  command.description(
    'What dials cost, where the hub was started with --commerce-url: who dialled what, what both ends counted, what was charged.',
  )
  const report = command
    .command('report')
    .summary('List streams with what their ends counted, what was charged, and where they differ')
    .option('--since <span>', 'only those heard of in the last so long, as 24h', parseSpanOption)
    .option('--user <name>', 'only those that this user dialled')
    .option('--limit <n>', 'how many streams to list', integerOption([1, 1_000]), 200)
    .action((options: ReportOptions) => reportUsage(cli, options))
  addExamples(report, 'ztm billing report', 'ztm billing report --since 24h --user bob -o json')
  const status = command
    .command('status')
    .summary('Show whether usage reaches Commerce')
    .action(() => showStatus(cli))
  addExamples(status, 'ztm billing status')
  addExamples(command, 'ztm billing report --since 24h', 'ztm billing status')
}

interface ReportOptions {
  readonly since?: Ms
  readonly user?: string
  readonly limit: number
}

async function reportUsage(cli: Cli, { since, user, limit }: ReportOptions): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const query = {
    limit,
    ...(since !== undefined && { sinceMs: cli.world.clock.now() - since }),
    ...(user !== undefined && { user }),
  }
  const list = await callAgent(cli, AGENT_API.listUsage, { params: { mesh: mesh.name }, query }).catch(
    (thrown: unknown) => {
      if (!(thrown instanceof MeshError && thrown.code === 'unsupported')) throw thrown
      // Nothing is broken: there is nothing to tell of.
      throw new MeshError(
        'not-found',
        `Cannot report usage of mesh ${quote(mesh.name)}: billing is off there, so nothing is metered: ` +
          'whoever runs the hub starts it with --commerce-url, see `ztm run hub --help`',
      )
    },
  )
  const { output } = cli.options
  if (output === 'json' || output === 'yaml') return await printData(cli, list)
  if (output === 'name')
    return print(cli, list.usage.map(one => `${visible(`${one.session}.${one.stream}`)}\n`).join(''))
  print(cli, formatTable(list.usage, USAGE_VIEW(cli).columns, painter(cli)))
  if (list.pairs.length > 0) print(cli, `\n${formatTable(list.pairs, PAIR_COLUMNS, painter(cli))}`)
  if (list.balances.length > 0)
    print(cli, `\n${formatTable(list.balances, BALANCE_COLUMNS(cli), painter(cli))}`)
  const { charged, total, verdicts } = list
  const differ = verdicts.differ ?? 0
  const sum = `${bytes(charged.bytesSent)} sent, ${bytes(charged.bytesReceived)} received`
  remark(cli, `${plural(total, 'stream')}: ${sum}; the ends of ${differ} differ`)
}

async function showStatus(cli: Cli): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const status = await callAgent(cli, AGENT_API.showBilling, { params: { mesh: mesh.name } })
  const { isOn, recheckMs, lastError } = status
  await showThing(cli, status, {
    name: isOn ? 'on' : 'off',
    fields: [
      ['Billing', isOn ? 'on' : 'off: the hub was started without --commerce-url'],
      ...(isOn
        ? ([
            [
              'Balances',
              `of ${plural(status.sessionCount, 'user')} and services, each ${formatSpan(recheckMs)}`,
            ],
            ['Streams', `${status.openCount} metered now, ${status.keptCount} kept`],
            ['Waiting', `${status.waitingCount} for Commerce, ${status.refusedCount} refused by it`],
            ['Commerce', lastError ?? 'well'],
          ] as const)
        : []),
    ],
  })
}

function USAGE_VIEW(cli: Cli): Pick<ListView<UsageInfo>, 'columns'> {
  return {
    columns: [
      { title: 'SERVICE', cell: one => one.service },
      { title: 'USER', cell: one => one.dialler.user },
      { title: 'HOST', cell: one => one.host?.user },
      { title: 'SENT', cell: one => bytes(one.charged.bytesSent) },
      { title: 'RECEIVED', cell: one => bytes(one.charged.bytesReceived) },
      { title: 'TOOK', cell: one => formatSpan(one.charged.durationMs) },
      { title: 'HEARD', cell: one => (one.isOpen ? 'open' : ago(cli, one.heardAtMs)) },
      { title: 'CHARGED', cell: describeCharge },
      { title: 'ENDS', cell: describeEnds, tone: one => ENDS_TONES[one.verdict] },
    ],
  }
}

function describeCharge({ waitingCount, refusedCount, charged, isOpen }: UsageInfo): string {
  if (refusedCount > 0) return 'refused'
  if (waitingCount > 0) return 'waiting'
  return isOpen && charged.durationMs === 0 ? '' : 'yes'
}

function describeEnds({ verdict, sentDifference, receivedDifference }: UsageInfo): string {
  if (verdict === 'agree') return 'agree'
  if (verdict !== 'differ' && verdict !== 'in-flight') return verdict
  const signed = (count: number) => (count > 0 ? `+${count}` : String(count))
  return `${verdict} ${signed(sentDifference)} sent, ${signed(receivedDifference)} received`
}

const ENDS_TONES: Readonly<Record<UsageInfo['verdict'], Tone | undefined>> = {
  agree: 'good',
  'in-flight': undefined,
  differ: 'bad',
  'no-dialler': 'warning',
  'no-host': 'warning',
  nobody: 'warning',
}

function BALANCE_COLUMNS(cli: Cli): readonly Column<BalanceInfo>[] {
  return [
    { title: 'PAYER', cell: one => one.user },
    { title: 'SERVICE', cell: one => one.service },
    { title: 'AVAILABLE', cell: one => formatMoney(micros(one.available), one.currency) },
    { title: 'MINIMUM', cell: one => formatMoney(micros(one.minimum), one.currency) },
    { title: 'ASKED', cell: one => ago(cli, one.askedAtMs) },
  ]
}

const PAIR_COLUMNS: readonly Column<UsageList['pairs'][number]>[] = [
  { title: 'DIALLER', cell: pair => pair.dialler },
  { title: 'HOST', cell: pair => pair.host },
  { title: 'BY ENDS', cell: pair => bytes(pair.endBytes) },
  { title: 'BY HUB', cell: pair => bytes(pair.hubBytes) },
  { title: 'OVERHEAD', cell: pair => bytes(pair.hubOnly) },
  { title: 'WITHOUT HUB', cell: pair => bytes(pair.withoutHub) },
]
