import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { EndpointInfo } from '../../core/api/shapes.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { print, printData } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { isAdministrator } from '../people/users.ts'

/** `ztm label [--add …] [--delete …]` */
export function defineLabel(command: Command, cli: Cli): void {
  command
    .description(
      'Show or change the labels of this endpoint, or of another with --ep. Rules go by the labels alone that an ' +
        'administrator gave: everybody may label endpoints of their own.',
    )
    .option('--add <label...>', 'labels to put on')
    .option('--delete <label...>', 'labels to take off')
    .action(async ({ add = [], delete: taken = [] }: { add?: string[]; delete?: string[] }) => {
      const { mesh, endpoint } = await choosePlace(cli)
      const params = { mesh: mesh.name, endpoint }
      const before: EndpointInfo = await callAgent(cli, AGENT_API.showEndpoint, { params })
      const isChange = add.length + taken.length > 0
      if (!isChange) return await showLabels(cli, before)
      const isLeft = (label: string) => !taken.includes(label)
      const labels = [...new Set([...before.labels, ...add])].filter(isLeft)
      // Of an administrator that is more than a word: also of a label that its user had put on already.
      const given =
        add.length > 0 && (await isAdministrator(cli, mesh)) ? [...before.givenLabels, ...add] : []
      const givenLabels = [...new Set(given)].filter(isLeft)
      const body = { labels, ...(given.length > 0 && { givenLabels }) }
      const after = await callAgent(cli, AGENT_API.labelEndpoint, { params, body })
      if (cli.options.output !== 'table' || !cli.options.quiet) await showLabels(cli, after)
    })
  addExamples(
    command,
    'ztm label',
    'ztm label --add laptop travels',
    'ztm ep office label --delete laptop --add desk',
  )
}

/** The labels alone, sorted, one a line: easy to read and to pipe. */
async function showLabels(cli: Cli, endpoint: EndpointInfo): Promise<void> {
  const labels = [...endpoint.labels].sort()
  if (cli.options.output === 'json' || cli.options.output === 'yaml') await printData(cli, labels)
  else print(cli, labels.map(label => `${visible(label)}\n`).join(''))
}
