import { Argument, type Command, Option } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { GROUPINGS, type Grouping } from '../../core/api/network-api.ts'
import { type EdgeKind, isEdgeKind } from '../../core/edge/edge-kinds.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { edgeView } from '../edge/edge-views.ts'
import { openEdge } from '../edge/open-edge.ts'
import { listAllServices, SERVICE_VIEW } from '../edge/service-listing.ts'
import { addExamples } from '../examples.ts'
import { findFiles } from '../files/list-files.ts'
import {
  EVICTION_VIEW,
  endpointView,
  hubView,
  invitationView,
  isHubNamed,
  listAllEndpoints,
  meshView,
  userView,
} from '../listings.ts'
import { choosePlace } from '../mesh-choice.ts'
import { type ListView, showList } from '../output/show.ts'
import { APP_LINE_VIEW, listAppLines } from '../packages/app-views.ts'
import { groupView, listGroups } from '../people/groups.ts'
import { kindWords, type MeshKind, type ThingKind, thingKind } from '../thing-kinds.ts'

/** `ztm get TYPE [NAME]` */
export function defineGet(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<type>', 'what to list').choices(kindWords()))
    .argument('[name]', 'only those with this in their name (endpoints: or in a label)')
    .option(
      '--filter <filter>',
      'of what the controller keeps: only those that this takes, as `type = "Dial"`',
    )
    .addOption(new Option('--by <what>', 'endpoints: count them by user, label or state').choices(GROUPINGS))
    .action((type: string, name: string | undefined, { filter, by }: { filter?: string; by?: Grouping }) => {
      const kind = thingKind(type)
      if (by !== undefined) return countEndpoints(cli, kind, name, by)
      if (isEdgeKind(kind) && (kind !== 'service' || filter !== undefined))
        return listEntities(cli, kind, name, filter)
      if (filter === undefined) return LISTS[kind as MeshKind](cli, name)
      throw new MeshError('bad-usage', `Cannot filter ${kind}: the controller does not keep it: give a NAME`)
    })
  addExamples(
    command,
    'ztm get mesh',
    'ztm get ep',
    'ztm get endpoints office -o json',
    'ztm get ep --by label',
    'ztm get service --mesh home',
    'ztm get app',
    'ztm ep office get app',
    'ztm get users -o name',
    'ztm get groups',
    'ztm get identities',
    `ztm get policies --filter 'type = "Dial" and anyOf(serviceRoles) = "#data"'`,
  )
}

type List = (cli: Cli, name: string | undefined) => Promise<void>

const LISTS: Readonly<Record<MeshKind, List>> = {
  async mesh(cli, name) {
    const { meshes } = await callAgent(cli, AGENT_API.listMeshes, {})
    await showFitting(cli, meshes, meshView(cli), name)
  },
  async hub(cli, name) {
    const { hubs } = await callAgent(cli, AGENT_API.listHubs, { params: await meshParams(cli) })
    const fitting = hubs.filter(
      hub => name === undefined || isHubNamed(hub, name) || fits(hub.names.join(' '), name),
    )
    await showList(cli, fitting, hubView(cli))
  },
  async ep(cli, name) {
    const { mesh } = await meshParams(cli)
    const query = name === undefined ? {} : { keyword: name }
    await showList(cli, await listAllEndpoints(cli, mesh, query), endpointView(cli))
  },
  async user(cli, name) {
    const query = name === undefined ? {} : { keyword: name.slice(0, 64) }
    const { users } = await callAgent(cli, AGENT_API.listUsers, { params: await meshParams(cli), query })
    await showFitting(cli, users, userView(cli), name)
  },
  async group(cli, name) {
    await showFitting(cli, await listGroups(cli), groupView(cli), name)
  },
  async service(cli, name) {
    await showFitting(cli, await listAllServices(cli), SERVICE_VIEW, name)
  },
  async app(cli, name) {
    await showFitting(cli, await listAppLines(cli), APP_LINE_VIEW, name)
  },
  async file(cli, name) {
    await findFiles(cli, name, {})
  },
  async invitation(cli, name) {
    const { invitations } = await callAgent(cli, AGENT_API.listInvitations, { params: await meshParams(cli) })
    const fitting = invitations.filter(each => name === undefined || fits(`${each.id} ${each.user}`, name))
    await showList(cli, fitting, invitationView(cli))
  },
  async eviction(cli, name) {
    const { evictions } = await callAgent(cli, AGENT_API.listEvictions, { params: await meshParams(cli) })
    const fitting = evictions.filter(each => name === undefined || fits(`${each.id} ${each.user}`, name))
    await showList(cli, fitting, EVICTION_VIEW)
  },
}

async function listEntities(
  cli: Cli,
  kind: EdgeKind,
  name: string | undefined,
  filter: string | undefined,
): Promise<void> {
  const edge = await openEdge(cli)
  await showFitting(cli, await edge.list(kind, filter), edgeView(cli, kind), name)
}

async function countEndpoints(
  cli: Cli,
  kind: ThingKind,
  keyword: string | undefined,
  by: Grouping,
): Promise<void> {
  if (kind !== 'ep')
    throw new MeshError('bad-usage', `Cannot count ${kind} by ${by}: only endpoints are counted`)
  const query = { by, limit: 1_000, ...(keyword !== undefined && { keyword }) }
  const { groups } = await callAgent(cli, AGENT_API.countEndpoints, { params: await meshParams(cli), query })
  await showList(cli, groups, {
    nameOf: ({ name }) => name,
    columns: [
      { title: by.toUpperCase(), cell: ({ name }) => (name === '' ? '(none)' : name) },
      { title: 'ENDPOINTS', cell: ({ count }) => count },
      { title: 'ONLINE', cell: ({ onlineCount }) => onlineCount },
    ],
  })
}

async function meshParams(cli: Cli): Promise<{ mesh: string }> {
  return { mesh: (await choosePlace(cli)).mesh.name }
}

async function showFitting<T>(
  cli: Cli,
  items: readonly T[],
  view: ListView<T>,
  name: string | undefined,
): Promise<void> {
  const fitting = name === undefined ? items : items.filter(item => fits(view.nameOf(item), name))
  await showList(cli, fitting, view)
}

function fits(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase())
}
