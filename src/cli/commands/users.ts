import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { userView } from '../listings.ts'
import { choosePlace } from '../mesh-choice.ts'
import { print, printData, showList } from '../output/show.ts'
import { deleteGroup, describeGroup, groupView, listGroups, updateGroup } from '../people/groups.ts'

/** `ztm users list`, `ztm users group NAME …` */
export function defineUsers(command: Command, cli: Cli): void {
  command.description('Users of the mesh, and groups of them')
  const list = command
    .command('list')
    .summary('List users, and groups with who is in them')
    .action(() => listBoth(cli))
  addExamples(list, 'ztm users list', 'ztm users list -o json')
  const group = command
    .command('group')
    .summary('Show a group, change it or delete it; `ztm create group` makes one')
    .argument('<group>', 'which')
    .option('--add-users <user...>', 'who comes in (administrators)')
    .option('--remove-users <user...>', 'who goes out (administrators)')
    .option('--rename-group <name>', 'call it so from now on (administrators)')
    .option('--delete-group', 'delete it (administrators)')
    .action((name: string, options: GroupOptions) => changeGroup(cli, name, options))
  addExamples(
    group,
    'ztm users group ops',
    'ztm users group ops --add-users ann --remove-users bob',
    'ztm users group ops --rename-group operators',
    'ztm users group ops --delete-group',
  )
  addExamples(command, 'ztm users list', 'ztm users group ops --add-users ann')
}

interface GroupOptions {
  readonly addUsers?: readonly string[]
  readonly removeUsers?: readonly string[]
  readonly renameGroup?: string
  readonly deleteGroup?: boolean
}

async function listBoth(cli: Cli): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const { users } = await callAgent(cli, AGENT_API.listUsers, { params: { mesh: mesh.name } })
  const groups = await listGroups(cli)
  const { output } = cli.options
  if (output === 'json' || output === 'yaml') return printData(cli, { users, groups })
  await showList(cli, users, userView(cli))
  if (output === 'table') print(cli, '\n')
  await showList(cli, groups, groupView(cli))
}

async function changeGroup(cli: Cli, name: string, options: GroupOptions): Promise<void> {
  const { addUsers, removeUsers, renameGroup, deleteGroup: isDeleted } = options
  const isUpdate = [addUsers, removeUsers, renameGroup].some(one => one !== undefined)
  if (isDeleted && isUpdate) {
    throw new MeshError('bad-usage', 'Cannot change a group and delete it: give --delete-group alone')
  }
  if (isDeleted) return deleteGroup(cli, name)
  if (!isUpdate) return describeGroup(cli, name)
  await updateGroup(cli, name, {
    ...(addUsers && { addUser: addUsers }),
    ...(removeUsers && { removeUser: removeUsers }),
    ...(renameGroup !== undefined && { rename: renameGroup }),
  })
}
