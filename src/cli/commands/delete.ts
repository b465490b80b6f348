import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { parseEndpointWord } from '../prefix.ts'

/** `ztm delete ep NAME`, `ztm delete invitation ID` */
export function defineDelete(command: Command, cli: Cli): void {
  const endpoint = command
    .command('ep')
    .alias('endpoint')
    .summary('Remove an endpoint from the mesh')
    .description(
      'Remove an endpoint and all it hosts from the mesh (its user, or an administrator); its certificate ends',
    )
    .argument('<endpoint>', 'name or id')
    .action(async (typed: string) => {
      const { endpoint, mesh } = await placeOf(cli, typed)
      await callAgent(cli, AGENT_API.removeEndpoint, { params: { mesh, endpoint } })
      await report(cli, `Endpoint ${visible(endpoint)} is removed`, { name: endpoint, data: { endpoint } })
    })
  addExamples(endpoint, 'ztm delete ep old-laptop')
  const invitation = command
    .command('invitation')
    .summary('Take an invitation back before it is used (administrators)')
    .argument('<invitation>', 'its id, of `ztm get invitation`')
    .action(async (id: string) => {
      const { mesh } = await choosePlace(cli)
      await callAgent(cli, AGENT_API.revokeInvitation, { params: { mesh: mesh.name, invitation: id } })
      await report(cli, `Invitation ${visible(id)} is taken back`, { name: id, data: { invitation: id } })
    })
  addExamples(invitation, 'ztm delete invitation 0d2f9d0e')
  addExamples(command, 'ztm delete ep old-laptop', 'ztm delete invitation 0d2f9d0e')
}

async function placeOf(cli: Cli, typed: string): Promise<{ mesh: string; endpoint: string }> {
  const word = parseEndpointWord(typed)
  if (word.mesh !== undefined) return { mesh: word.mesh, endpoint: word.endpoint }
  return { mesh: (await choosePlace(cli)).mesh.name, endpoint: word.endpoint }
}
