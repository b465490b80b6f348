import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { Group } from '../../core/api/shapes.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { type ListView, report, showThing } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { ago, moment } from '../output/words.ts'

/** How `ztm get group` prints. */
export function groupView(cli: Cli): ListView<Group> {
  return {
    nameOf: group => group.name,
    columns: [
      { title: 'GROUP', cell: group => group.name },
      { title: 'MEMBERS', cell: group => group.users.join(',') },
      { title: 'LABELS', cell: group => group.labels.join(',') },
      { title: 'CHANGED', cell: group => ago(cli, group.changedAtMs) },
    ],
  }
}

/** All groups. @throws MeshError as `callAgent` */
export async function listGroups(cli: Cli): Promise<Group[]> {
  return (await callAgent(cli, AGENT_API.listGroups, { params: await meshParams(cli) })).groups
}

/** `ztm describe group NAME` */
export async function describeGroup(cli: Cli, name: string): Promise<void> {
  const params = { ...(await meshParams(cli)), group: name }
  const group = await callAgent(cli, AGENT_API.showGroup, { params })
  await showThing(cli, group, {
    name: group.name,
    fields: [
      ['Group', group.name],
      ['Members', group.users],
      ['Endpoints', group.labels.length === 0 ? undefined : `labelled ${group.labels.join(', ')}`],
      ['Created', moment(group.createdAtMs)],
      ['Changed', `${moment(group.changedAtMs)} (${ago(cli, group.changedAtMs)})`],
    ],
  })
}

/** `ztm create group NAME` */
export function defineCreateGroup(command: Command, cli: Cli): void {
  const inner = command
    .command('group')
    .aliases(['groups'])
    .summary('Create a group: users under one name, for the rules of services and apps')
    .argument('<name>', 'what it is called')
    .option('--add-user <user...>', 'who is in it')
    .option('--add-label <label...>', 'endpoints with these labels are in it, given by an administrator')
    .action((name: string, options: Pick<GroupUpdate, 'addUser' | 'addLabel'>) =>
      createGroup(cli, name, options),
    )
  addExamples(inner, 'ztm create group ops --add-user ann bob', 'ztm create group kiosks --add-label kiosk')
}

/** `ztm update group NAME` */
export function defineUpdateGroup(command: Command, cli: Cli): void {
  const inner = command
    .command('group')
    .aliases(['groups'])
    .summary('Put users into a group, take them out, or rename it')
    .description(
      'Put users into a group, take them out, or rename it (administrators). Connections that only the group let in ' +
        'end within seconds. Rules name groups by their names: those with the old name fit nobody once it is renamed.',
    )
    .argument('<group>', 'which')
    .option('--add-user <user...>', 'who comes in')
    .option('--remove-user <user...>', 'who goes out')
    .option('--add-label <label...>', 'endpoints with these labels come in')
    .option('--remove-label <label...>', 'endpoints with these go out')
    .option('--rename <name>', 'call it so from now on')
    .action((name: string, options: GroupUpdate) => updateGroup(cli, name, options))
  addExamples(
    inner,
    'ztm update group ops --add-user carol --remove-user bob',
    'ztm update group ops --rename operators',
  )
}

/** `ztm delete group NAME…` */
export function defineDeleteGroup(command: Command, cli: Cli): void {
  const inner = command
    .command('group')
    .aliases(['groups'])
    .summary('Delete a group: who it alone let in is out within seconds')
    .argument('<group...>', 'which')
    .action(async (names: readonly string[]) => {
      for (const name of names) await deleteGroup(cli, name)
    })
  addExamples(inner, 'ztm delete group ops')
}

/** Make a group. @throws MeshError as `callAgent` */
async function createGroup(
  cli: Cli,
  name: string,
  { addUser = [], addLabel = [] }: Pick<GroupUpdate, 'addUser' | 'addLabel'>,
): Promise<void> {
  const body = { name, users: [...addUser], labels: [...addLabel] }
  const group = await callAgent(cli, AGENT_API.createGroup, { params: await meshParams(cli), body })
  await report(cli, `Created group ${describeMembers(group)}`, { name: group.name, data: group })
}

/** What is to change of a group. */
export interface GroupUpdate {
  readonly addUser?: readonly string[]
  readonly removeUser?: readonly string[]
  readonly addLabel?: readonly string[]
  readonly removeLabel?: readonly string[]
  readonly rename?: string
}

/** Change a group. @throws MeshError as `callAgent` */
export async function updateGroup(cli: Cli, name: string, update: GroupUpdate): Promise<void> {
  const { addUser = [], removeUser = [], addLabel = [], removeLabel = [], rename } = update
  const params = { ...(await meshParams(cli)), group: name }
  const body = {
    addUsers: [...addUser],
    removeUsers: [...removeUser],
    addLabels: [...addLabel],
    removeLabels: [...removeLabel],
    ...(rename !== undefined && { name: rename }),
  }
  const group = await callAgent(cli, AGENT_API.updateGroup, { params, body })
  await report(cli, `Updated group ${describeMembers(group)}`, { name: group.name, data: group })
}

/** Delete a group. @throws MeshError as `callAgent` */
export async function deleteGroup(cli: Cli, name: string): Promise<void> {
  await callAgent(cli, AGENT_API.deleteGroup, { params: { ...(await meshParams(cli)), group: name } })
  await report(cli, `Deleted group ${visible(name)}`, { name, data: { name } })
}

function describeMembers({ name, users, labels }: Group): string {
  const labelled = labels.length === 0 ? [] : [`endpoints labelled ${labels.map(visible).join(', ')}`]
  const members = [...users.map(visible), ...labelled]
  return `${visible(name)}: ${members.length === 0 ? 'nobody is in it' : members.join(', ')}`
}

async function meshParams(cli: Cli): Promise<{ mesh: string }> {
  return { mesh: (await choosePlace(cli)).mesh.name }
}
