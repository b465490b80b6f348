import { type Command, Option } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import type { UserDetail } from '../../core/api/people-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { invitationView, type ListedEndpoint, lastSeen, listAllEndpoints } from '../listings.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report, showThing } from '../output/show.ts'
import { formatTable } from '../output/table.ts'
import { visible } from '../output/text-width.ts'
import { ago, moment } from '../output/words.ts'

/** `ztm describe user NAME`: with devices, those too that are offline. */
export async function describeUser(cli: Cli, name: string): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const user = await callAgent(cli, AGENT_API.showUser, { params: { mesh: mesh.name, user: name } })
  const endpoints = await listAllEndpoints(cli, mesh.name, { user: user.name })
  const devices = formatTable(endpoints, [
    { title: 'ENDPOINT', cell: endpoint => endpoint.name },
    { title: 'STATUS', cell: endpoint => (endpoint.isOnline ? 'online' : 'offline') },
    { title: 'LAST SEEN', cell: endpoint => seenAt(cli, endpoint) },
    { title: 'ADDRESS', cell: endpoint => endpoint.address },
    { title: 'LABELS', cell: endpoint => endpoint.labels.join(',') },
    { title: 'VERSION', cell: endpoint => endpoint.version },
    { title: 'ID', cell: endpoint => endpoint.id },
  ])
  const { invitations = [] } = user
  const pending = invitations.length === 0 ? '' : `\n${formatTable(invitations, invitationView(cli).columns)}`
  await showThing(
    cli,
    { ...user, endpoints },
    {
      name: user.name,
      fields: [
        ['User', user.name],
        ['Role', describeRole(user)],
        ['Groups', user.groups],
        ['Status', user.isEvicted ? 'evicted' : 'admitted'],
        ['Endpoints', `${user.endpointCount}, ${user.onlineCount} online`],
        ['Last seen', lastSeen(cli, user)],
        ['Invitations', user.invitations === undefined ? undefined : `${invitations.length} open`],
      ],
      below: `${endpoints.length === 0 ? '' : `\n${devices}`}${pending}`,
    },
  )
}

/** `ztm update user NAME --role …` */
export function defineUpdateUser(command: Command, cli: Cli): void {
  const inner = command
    .command('user')
    .aliases(['users'])
    .summary('Make an administrator, or a plain member, of a user')
    .description(
      'Make an administrator, or a plain member, of a user (administrators). An administrator may do what root may: invite, ' +
        'evict, keep groups and policies. Root always is one; whoever is evicted is one no more.',
    )
    .argument('<user>', 'who')
    .addOption(
      new Option('--role <role>', 'what they are').choices(['admin', 'member']).makeOptionMandatory(),
    )
    .action(async (name: string, { role }: { role: 'admin' | 'member' }) => {
      const { mesh } = await choosePlace(cli)
      const params = { mesh: mesh.name, user: name }
      const user = await callAgent(cli, AGENT_API.updateUser, { params, body: { role } })
      const what = user.isAdmin ? 'an administrator' : 'a plain member'
      await report(cli, `User ${visible(user.name)} is ${what}`, { name: user.name, data: user })
    })
  addExamples(inner, 'ztm update user ann --role admin', 'ztm update user ann --role member')
}

/** Whether the user of this endpoint administers a mesh. @throws MeshError as `callAgent` */
export async function isAdministrator(cli: Cli, { name: mesh, endpoint }: MeshInfo): Promise<boolean> {
  const { user } = endpoint
  if (user === 'root') return true
  try {
    return (await callAgent(cli, AGENT_API.showUser, { params: { mesh, user } })).isAdmin
  } catch (error) {
    // A controller of a version in which root alone is one.
    if (error instanceof MeshError && error.code === 'not-found') return false
    throw error
  }
}

function describeRole({ isAdmin, admin }: UserDetail): string {
  if (!isAdmin) return 'member'
  return admin === undefined
    ? 'administrator'
    : `administrator, by ${admin.by} since ${moment(admin.sinceMs)}`
}

function seenAt(cli: Cli, { isOnline, lastSeenMs }: ListedEndpoint): string {
  if (isOnline) return 'now'
  return lastSeenMs === 0 ? 'never' : `${moment(lastSeenMs)} (${ago(cli, lastSeenMs)})`
}
