import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'

/** `ztm evict USER`, `ztm evict --ep NAME`, `ztm evict --undo ID` */
export function defineEvict(command: Command, cli: Cli): void {
  command
    .argument('[user]', 'who is put out, with all endpoints')
    .description(
      'Put a user, or with --ep one endpoint, out of the mesh (administrators).\n\n' +
        'Connections end everywhere within seconds, and certificates issued before this moment are refused.',
    )
    .option('--reason <text>', 'why, for the record')
    .option('--undo <eviction>', 'let those in again that this eviction put out (`ztm get eviction`)')
    .action((user: string | undefined, options: { reason?: string; undo?: string }) =>
      options.undo === undefined ? evict(cli, user, options.reason) : undo(cli, options.undo, user),
    )
  addExamples(
    command,
    'ztm evict bob --reason "left the company"',
    'ztm evict --ep lost-phone',
    'ztm evict --undo 0d2f9d0e',
  )
}

async function evict(cli: Cli, user: string | undefined, reason: string | undefined): Promise<void> {
  const { mesh, endpoint, isChosen } = await choosePlace(cli)
  if ((user !== undefined) === isChosen) {
    const state = isChosen ? `both user "${user}" and an endpoint are named` : 'nobody is named'
    throw new MeshError('bad-usage', `Cannot evict: ${state}: give either USER or --ep ENDPOINT`)
  }
  const eviction = await callAgent(cli, AGENT_API.evict, {
    params: { mesh: mesh.name },
    body: {
      ...(user === undefined ? { endpoint } : { user }),
      ...(reason !== undefined && { reason }),
    },
  })
  const who = user === undefined ? `endpoint ${visible(endpoint)}` : `user ${visible(user)}`
  const text = `Evicted ${who}: undo it with \`ztm evict --undo ${visible(eviction.id)}\``
  await report(cli, text, { name: eviction.id, data: eviction })
}

async function undo(cli: Cli, eviction: string, user: string | undefined): Promise<void> {
  const { mesh, isChosen } = await choosePlace(cli)
  if (user !== undefined || isChosen) {
    throw new MeshError(
      'bad-usage',
      'Cannot undo eviction: also a user or endpoint is named: give its id alone',
    )
  }
  await callAgent(cli, AGENT_API.undoEviction, { params: { mesh: mesh.name, eviction } })
  await report(cli, `Eviction ${visible(eviction)} is undone`, { name: eviction, data: { eviction } })
}
