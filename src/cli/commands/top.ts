import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { SessionInfo, Traffic } from '../../core/api/network-api.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report, showList, showThing } from '../output/show.ts'
import { age, bytes, milliseconds } from '../output/words.ts'

/** `ztm top [ENDPOINT]` */
export function defineTop(command: Command, cli: Cli): void {
  command
    .argument('[endpoint]', 'show an hour of traffic with this one')
    .option('--history', 'show an hour of all traffic')
    .option(
      '--end <endpoint>',
      'end the sessions with an endpoint, and the streams in them; it may open others',
    )
    .description(
      'Show the sessions with other endpoints that are open now, or an hour of traffic and latency.',
    )
    .action((endpoint: string | undefined, options: { history?: true; end?: string }) =>
      top(cli, endpoint, options),
    )
  addExamples(command, 'ztm top', 'ztm top office', 'ztm top --history -o json', 'ztm top --end office')
}

async function top(
  cli: Cli,
  endpoint: string | undefined,
  { history, end }: { history?: true; end?: string },
): Promise<void> {
  const mesh = (await choosePlace(cli)).mesh.name
  if (end !== undefined) {
    await callAgent(cli, AGENT_API.endSessions, { params: { mesh, endpoint: end } })
    await report(cli, `Ended the sessions with ${end}`, { name: end, data: { endpoint: end } })
  } else if (history || endpoint !== undefined) await showHistory(cli, mesh, endpoint)
  else {
    const { sessions } = await callAgent(cli, AGENT_API.listSessions, { params: { mesh } })
    await showList<SessionInfo>(cli, sessions, {
      nameOf: session => session.name ?? session.endpoint,
      columns: [
        { title: 'ENDPOINT', cell: session => session.name ?? session.endpoint },
        { title: 'USER', cell: session => session.user },
        { title: 'OPENED BY', cell: session => session.openedBy },
        { title: 'PATH', cell: session => session.path },
        { title: 'FOR', cell: session => age(cli, session.sinceMs) },
        { title: 'STREAMS', cell: session => session.streamCount },
        {
          title: 'PING',
          cell: ({ roundTripMs }) => (roundTripMs === undefined ? undefined : milliseconds(roundTripMs)),
        },
        { title: 'SENT', cell: session => bytes(session.sentBytes) },
        { title: 'RECEIVED', cell: session => bytes(session.receivedBytes) },
        { title: 'SERVICES', cell: session => session.services.join(',') },
      ],
    })
  }
}

async function showHistory(cli: Cli, mesh: string, endpoint: string | undefined): Promise<void> {
  const query = endpoint === undefined ? {} : { endpoint }
  const traffic = await callAgent(cli, AGENT_API.showTraffic, { params: { mesh }, query })
  const lines = (series: Traffic, of: string): [string, string][] => [
    [`Sent ${of}`, `${drawBars(series.sentBytes)}  ${bytes(sumOf(series.sentBytes))}`],
    [`Received ${of}`, `${drawBars(series.receivedBytes)}  ${bytes(sumOf(series.receivedBytes))}`],
  ]
  await showThing(cli, traffic, {
    name: endpoint ?? mesh,
    fields: [
      ['An hour until now', endpoint === undefined ? 'with all endpoints' : `with ${endpoint}`],
      ...lines(traffic.total, 'in all'),
      ...traffic.paths.flatMap(path => lines(path, `by ${path.path}`)),
    ],
  })
}

const sumOf = (values: readonly (number | null)[]) => values.reduce<number>((sum, one) => sum + (one ?? 0), 0)

/** One letter for each minute: the higher, the more was carried; a dot where nothing is known. */
function drawBars(values: readonly (number | null)[]): string {
  const size = Math.max(1, Math.ceil(values.length / 60))
  const minutes = Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size).filter(value => value !== null),
  )
  const sums = minutes.map(minute => (minute.length === 0 ? undefined : sumOf(minute)))
  const most = Math.max(...sums.map(sum => sum ?? 0), 1)
  return sums.map(sum => (sum === undefined ? '·' : BARS[Math.round((7 * sum) / most)])).join('')
}

const BARS = [...'▁▂▃▄▅▆▇█']
