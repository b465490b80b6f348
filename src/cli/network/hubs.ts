import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { formatSpan, type Ms } from '../../core/model/time.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { parseSpanOption } from '../global-options.ts'
import { isHubNamed, type ListedHub } from '../listings.ts'
import { choosePlace } from '../mesh-choice.ts'
import { print, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { openSecret } from '../read-input.ts'

/** `ztm create hub` */
export function defineCreateHub(command: Command, cli: Cli): void {
  const hub = command
    .command('hub')
    .summary('Let one more hub into the mesh, which only relays (administrators)')
    .description(
      'Make the one-time permit with which another computer becomes a hub of the mesh that only relays: ' +
        'it holds no key of the mesh, and goes on relaying while the hub with the controller is away.\n\n' +
        'Without --permit it is printed on standard output.',
    )
    .option('-p, --permit <file>', 'write the permit to a file (mode 0600)')
    .option('--expires <span>', 'how long it can be used, as 1h or 7d (default: 24h)', parseSpanOption)
    .action((options: { permit?: string; expires?: Ms }) => createHub(cli, options))
  addExamples(hub, 'ztm create hub --permit hub.json', 'ztm create hub --expires 1h > hub.json')
}

/** `ztm delete hub` */
export function defineDeleteHub(command: Command, cli: Cli): void {
  const hub = command
    .command('hub')
    .summary('Put a hub that only relays out of the mesh (administrators)')
    .argument('<hub>', 'its address or id, of `ztm get hub`')
    .action((name: string) => deleteHub(cli, name))
  addExamples(hub, 'ztm delete hub 5.6.7.8:8888')
}

async function createHub(cli: Cli, options: { permit?: string; expires?: Ms }): Promise<void> {
  const { mesh } = await choosePlace(cli)
  await using place = await openSecret(cli, options.permit, 'permit')
  const made = await callAgent(cli, AGENT_API.createHub, {
    params: { mesh: mesh.name },
    body: { ...(options.expires !== undefined && { validMs: options.expires }) },
  })
  await place?.write(made.permit)
  if (cli.options.output === 'table' && options.permit === undefined) {
    print(cli, `${made.permit.trimEnd()}\n`)
    return
  }
  const left = formatSpan(made.expiresAtMs - cli.world.clock.now())
  const file = visible(options.permit ?? '-')
  const text = `Permit for a hub written to ${file}, good once, for ${left}: there, \`ztm run hub --role relay --names HOST:PORT --permit ${file}\``
  await report(cli, text, { name: made.hub, data: made })
}

async function deleteHub(cli: Cli, name: string): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const hub = await findHub(cli, mesh.name, name, 'delete')
  await callAgent(cli, AGENT_API.removeHub, { params: { mesh: mesh.name, hub: hub.id } })
  const shown = hub.names[0] ?? hub.id
  await report(cli, `Hub ${visible(shown)} is out of the mesh`, { name: shown, data: { id: hub.id } })
}

/**
 * The hub of that address or id.
 *
 * @param what  is done to it, for the message
 * @throws MeshError `not-found`, `ambiguous`
 */
export async function findHub(cli: Cli, mesh: string, name: string, what: string): Promise<ListedHub> {
  const { hubs } = await callAgent(cli, AGENT_API.listHubs, { params: { mesh } })
  const [hub, second] = hubs.filter(each => isHubNamed(each, name))
  if (hub === undefined)
    throw new MeshError('not-found', `Cannot ${what} hub ${quote(name)}: there is none: see \`ztm get hub\``)
  if (second !== undefined)
    throw new MeshError('ambiguous', `Cannot ${what} hub ${quote(name)}: several have that name: give its id`)
  return hub
}
