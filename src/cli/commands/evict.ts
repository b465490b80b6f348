import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'

/** `ztm evict USER`, `ztm evict --ep NAME`, both with `--undo`, and `ztm evict --undo ID` */
export function defineEvict(command: Command, cli: Cli): void {
  command
    .argument('[user]', 'who is put out, with all endpoints')
    .description(
      'Put a user, or with --ep one endpoint, out of the mesh (administrators).\n\n' +
        'Connections end everywhere within seconds, and certificates issued before this moment are refused.',
    )
    .option('--reason <text>', 'why, for the record')
    .option('--undo [eviction]', 'let them in again, or those whom an eviction of `ztm get eviction` put out')
    .action((user: string | undefined, options: { reason?: string; undo?: string | true }) =>
      options.undo === undefined ? evict(cli, user, options.reason) : undo(cli, options.undo, user),
    )
  addExamples(
    command,
    'ztm evict bob --reason "left the company"',
    'ztm evict --ep lost-phone',
    'ztm evict bob --undo',
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

async function undo(cli: Cli, eviction: string | true, user: string | undefined): Promise<void> {
  const { mesh, endpoint, isChosen } = await choosePlace(cli)
  const isNamed = (user !== undefined) !== isChosen
  if (eviction === true ? !isNamed : user !== undefined || isChosen) {
    throw new MeshError(
      'bad-usage',
      'Cannot undo eviction: one of USER, --ep ENDPOINT or an id behind --undo says which, and one alone',
    )
  }
  const ids = eviction === true ? await findEvictions(cli, mesh.name, user ?? { endpoint }) : [eviction]
  for (const id of ids) {
    await callAgent(cli, AGENT_API.undoEviction, { params: { mesh: mesh.name, eviction: id } })
    await report(cli, `Eviction ${visible(id)} is undone`, { name: id, data: { eviction: id } })
  }
}

/** What put a user out with all endpoints, or one endpoint alone: by its name, while it has a record, or its id. */
async function findEvictions(
  cli: Cli,
  mesh: string,
  who: string | { readonly endpoint: string },
): Promise<string[]> {
  const { evictions } = await callAgent(cli, AGENT_API.listEvictions, { params: { mesh } })
  const { endpoints } =
    typeof who === 'string'
      ? { endpoints: [] }
      : await callAgent(cli, AGENT_API.listEndpoints, { params: { mesh }, query: { keyword: who.endpoint } })
  const fits = ({ user, endpoint }: (typeof evictions)[number]) => {
    if (typeof who === 'string') return user === who && endpoint === undefined
    return (
      endpoint === who.endpoint || endpoints.some(({ id, name }) => id === endpoint && name === who.endpoint)
    )
  }
  const found = evictions.filter(fits).map(({ id }) => id)
  if (found.length > 0) return found
  const name = typeof who === 'string' ? `user ${quote(who)}` : `endpoint ${quote(who.endpoint)}`
  throw new MeshError('not-found', `Cannot undo eviction of ${name}: there is none: see \`ztm get eviction\``)
}
