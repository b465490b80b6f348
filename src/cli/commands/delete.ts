import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { NAMELESS } from '../../core/edge/edge-client.ts'
import { EDGE_KINDS, type EdgeKind } from '../../core/edge/edge-kinds.ts'
import { nameOf } from '../../core/edge/entity-members.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { openEdge } from '../edge/open-edge.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { defineDeleteHub } from '../network/hubs.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { defineDeleteGroup } from '../people/groups.ts'
import { parseEndpointWord } from '../prefix.ts'

/** `ztm delete ep NAME`, `ztm delete invitation ID`, `ztm delete KIND NAME…` of what the controller keeps */
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
  defineDeleteGroup(command, cli)
  defineDeleteHub(command, cli)
  for (const kind of Object.keys(EDGE_KINDS) as EdgeKind[]) defineDeleteEntity(command, cli, kind)
  addExamples(command, 'ztm delete ep old-laptop', 'ztm delete invitation 0d2f9d0e', 'ztm delete service db')
}

function defineDeleteEntity(command: Command, cli: Cli, kind: EdgeKind): void {
  const { words, about } = EDGE_KINDS[kind]
  const [word] = words
  const inner = command
    .command(word)
    .aliases(words.slice(1))
    .summary(`Delete ${about}`)
    .argument(`<${word}...>`, 'which, by name or id')
    .action(async (references: readonly string[]) => {
      const edge = await openEdge(cli)
      for (const reference of references) {
        const entity = await edge.find(kind, reference)
        await edge.delete(kind, entity.id)
        const name = nameOf(entity)
        await report(cli, `Deleted ${word} ${visible(name)}`, { name, data: { id: entity.id, name } })
      }
    })
  addExamples(
    inner,
    `ztm delete ${word} ${NAMELESS.has(kind) ? '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' : 'old'}`,
  )
}

async function placeOf(cli: Cli, typed: string): Promise<{ mesh: string; endpoint: string }> {
  const word = parseEndpointWord(typed)
  if (word.mesh !== undefined) return { mesh: word.mesh, endpoint: word.endpoint }
  return { mesh: (await choosePlace(cli)).mesh.name, endpoint: word.endpoint }
}
