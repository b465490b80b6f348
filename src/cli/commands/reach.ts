import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, selectionOf } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showThing } from '../output/show.ts'
import { formatTable } from '../output/table.ts'
import { milliseconds } from '../output/words.ts'

type Reach = Answer<typeof AGENT_API.showReach>

/** `ztm reach TO` */
export function defineReach(command: Command, cli: Cli): void {
  command
    .argument('<to>', 'an endpoint, by name or id, or a service: tcp/NAME')
    .option(
      '--from <endpoint>',
      'from where, if not from here: another endpoint of yours, or any for administrators',
    )
    .description(
      'Find out whether an endpoint reaches another, or a service: what policy says and which one decides, who is online, and, ' +
        'from here, what comes of trying. Ends with 0 if it does or may, with 4 if it is denied, with 5 if nobody answers.',
    )
    .action((to: string, options: { from?: string }) => reach(cli, to, options))
  addExamples(command, 'ztm reach office', 'ztm reach tcp/web --from office', 'ztm reach office -o json')
}

async function reach(cli: Cli, to: string, { from }: { from?: string }): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const start = from ?? selectionOf(cli).endpoint
  const body = { to, ...(start !== undefined && { from: start }) }
  const found = await callAgent(cli, AGENT_API.showReach, { params: { mesh: mesh.name }, body })
  cli.exitCode = EXITS[found.verdict]
  if (cli.options.quiet) return
  await showThing(cli, found, {
    name: found.verdict,
    fields: [
      ['From', `${found.from.name} of ${found.from.user} (${found.from.isOnline ? 'online' : 'offline'})`],
      ['To', to],
      ['Verdict', SENTENCES[found.verdict]],
      ['Policy', found.because],
      ['What to do', WHAT_TO_DO[found.verdict]],
    ],
    below: hostTable(found),
  })
}

function hostTable({ hosts, tried }: Reach): string {
  if (hosts.length === 0) return ''
  const triedOf = (id: string) => tried.find(({ endpoint }) => endpoint === id)
  return `\n${formatTable(hosts, [
    { title: 'HOST', cell: host => host.name },
    { title: 'USER', cell: host => host.user },
    { title: 'STATUS', cell: host => (host.isOnline ? 'online' : 'offline') },
    { title: 'HEALTH', cell: host => host.health },
    { title: 'POLICY', cell: host => host.because },
    {
      title: 'ANSWER',
      cell({ id }) {
        const one = triedOf(id)
        if (one === undefined) return undefined
        if (one.error !== undefined) return `${one.error.code}: ${one.error.message}`
        return `${milliseconds(one.roundTripMs ?? 0)} by ${one.path}`
      },
    },
    {
      title: 'NOT BY',
      cell: ({ id }) =>
        triedOf(id)
          ?.ways.filter(({ state }) => state === 'failed')
          .map(({ path, error }) => `${path}: ${error}`)
          .join('; '),
    },
  ])}`
}

const EXITS: Readonly<Record<Reach['verdict'], number>> = {
  reached: 0,
  unknown: 0,
  denied: 4,
  down: 5,
  offline: 5,
  unreachable: 5,
}
const SENTENCES: Readonly<Record<Reach['verdict'], string>> = {
  reached: 'yes: it answered',
  unknown: 'it may, and somebody is there; it was not tried, as it does not start here',
  down: 'no: its host answered, but what it leads to there does not',
  denied: 'no: policy does not let it',
  offline: 'no: it may, but one end is offline',
  unreachable: 'no: it may, but nobody answered',
}
const WHAT_TO_DO: Readonly<Record<Reach['verdict'], string | undefined>> = {
  reached: undefined,
  unknown: 'run it there: `ztm reach` with --ep',
  down: 'start it there, or correct it: `ztm tunnel open outbound … --targets`',
  denied: 'ask who owns it, or an administrator, to allow it: see `ztm describe service`',
  offline: 'start the agent there: `ztm start agent`; see `ztm get ep`',
  unreachable: 'see what is wrong here with `ztm doctor`, and the log of the other end',
}
