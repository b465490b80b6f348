import { type Command, Option } from 'commander'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { integerOption } from '../global-options.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { openEdge } from './open-edge.ts'

interface RankOptions {
  readonly cost?: number
  readonly precedence?: string
}

/** `ztm create terminator SERVICE --endpoint EP` */
export function defineCreateTerminator(command: Command, cli: Cli): void {
  const { words } = EDGE_KINDS.terminator
  const inner = command
    .command(words[0])
    .aliases(words.slice(1))
    .summary('Say how an endpoint will rank as a host of a service, before it hosts it')
    .argument('<service>', 'which declared service, by name or id')
    .requiredOption(
      '--endpoint <endpoint>',
      'which endpoint, by name or id; a policy must let it host the service',
    )
  addRankOptions(inner).action((service: string, options: RankOptions & { endpoint: string }) =>
    create(cli, service, options),
  )
  addExamples(
    inner,
    'ztm create terminator db --endpoint spare --precedence failed',
    'ztm create terminator db --endpoint office --cost 10',
  )
}

async function create(
  cli: Cli,
  service: string,
  { endpoint, cost, precedence }: RankOptions & { readonly endpoint: string },
): Promise<void> {
  const edge = await openEdge(cli)
  const id = await edge.create('terminator', {
    service,
    address: endpoint,
    ...(cost !== undefined && { cost }),
    ...(precedence !== undefined && { precedence }),
  })
  const text = `Planned: ${visible(endpoint)} as a host of ${visible(service)}`
  await report(cli, text, { name: id, data: await edge.show('terminator', id) })
}

/** `ztm update terminator ID` */
export function defineUpdateTerminator(command: Command, cli: Cli): void {
  const { words } = EDGE_KINDS.terminator
  const inner = command
    .command(words[0])
    .aliases(words.slice(1))
    .summary('Change how a host of a service ranks, whatever it says itself')
    .argument('<terminator>', 'which, by id: see `ztm get terminator`')
  addRankOptions(inner).action((id: string, options: RankOptions) => update(cli, id, options))
  addExamples(inner, 'ztm update terminator 0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11 --cost 10')
}

async function update(cli: Cli, reference: string, { cost, precedence }: RankOptions): Promise<void> {
  if (cost === undefined && precedence === undefined) {
    const state = 'nothing is to change: give --cost or --precedence'
    throw new MeshError('bad-usage', `Cannot update terminator: ${state}`)
  }
  const edge = await openEdge(cli)
  const { id } = await edge.find('terminator', reference)
  const rank = { ...(cost !== undefined && { cost }), ...(precedence !== undefined && { precedence }) }
  await edge.patch('terminator', id, rank)
  const text = `Updated terminator ${visible(id)}`
  await report(cli, text, { name: id, data: await edge.show('terminator', id) })
}

function addRankOptions(command: Command): Command {
  return command
    .option('--cost <cost>', 'of two hosts the cheaper is dialled', integerOption([0, 65_535]))
    .addOption(
      new Option('--precedence <precedence>', 'before all others, or as the last resort').choices([
        'required',
        'default',
        'failed',
      ]),
    )
}
