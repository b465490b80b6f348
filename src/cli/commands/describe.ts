import { Argument, type Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { EDGE_KINDS, type EdgeKind, isEdgeKind } from '../../core/edge/edge-kinds.ts'
import { nameOf } from '../../core/edge/entity-members.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { edgeFields } from '../edge/edge-views.ts'
import { openEdge } from '../edge/open-edge.ts'
import { type ListedService, listAllServices, ownerOf } from '../edge/service-listing.ts'
import { addExamples } from '../examples.ts'
import { describeFile } from '../files/list-files.ts'
import { serviceHealth, stateOfHub } from '../listings.ts'
import { choosePlace } from '../mesh-choice.ts'
import { describeMeshState } from '../mesh-state.ts'
import { findHub } from '../network/hubs.ts'
import { showThing } from '../output/show.ts'
import { type Field, formatTable } from '../output/table.ts'
import { ago, bytes, milliseconds, moment, until } from '../output/words.ts'
import { describeAnyApp } from '../packages/app-views.ts'
import { pathTable } from '../path-table.ts'
import { describeGroup } from '../people/groups.ts'
import { describeUser } from '../people/users.ts'
import { parseEndpointWord } from '../prefix.ts'
import { kindWords, type ThingKind, thingKind } from '../thing-kinds.ts'
import { formatUsers } from '../tunnel/tunnel-lists.ts'

const MESH_KINDS = [
  'mesh',
  'hub',
  'ep',
  'service',
  'user',
  'group',
  'app',
  'file',
] as const satisfies readonly ThingKind[]
const KINDS: readonly ThingKind[] = [
  ...MESH_KINDS,
  ...(Object.keys(EDGE_KINDS) as EdgeKind[]).filter(kind => kind !== 'service'),
]
type Kind = (typeof MESH_KINDS)[number]

/** `ztm describe TYPE [NAME]` */
export function defineDescribe(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<type>', 'what').choices(kindWords(KINDS)))
    .argument('[name]', 'which: a name or id; a mesh or endpoint may be left out')
    .action((type: string, name: string | undefined) =>
      describe(cli, thingKind(type) as Kind | EdgeKind, name),
    )
  addExamples(
    command,
    'ztm describe mesh home',
    'ztm describe hub 1.2.3.4:8888',
    'ztm describe ep office',
    'ztm describe service tcp/web',
    'ztm describe user bob -o yaml',
    'ztm describe group ops',
    'ztm describe app ztm/tunnel',
    'ztm describe app alice/notes',
    'ztm describe file /users/bob/photos',
    'ztm describe policy sales-dial',
    'ztm describe identity ann -o json',
  )
}

async function describe(cli: Cli, kind: Kind | EdgeKind, name: string | undefined): Promise<void> {
  if (kind === 'mesh') return describeMesh(cli, name ?? (await choosePlace(cli)).mesh.name)
  if (kind === 'ep') return describeEndpoint(cli, name)
  if (name === undefined) {
    throw new MeshError(
      'bad-usage',
      `Cannot describe ${kind}: no name given: list them with \`ztm get ${kind}\``,
    )
  }
  if (kind === 'hub') return describeHub(cli, name)
  if (kind === 'file') return describeFile(cli, name)
  if (kind === 'group') return describeGroup(cli, name)
  if (kind === 'service') return describeService(cli, name)
  if (isEdgeKind(kind)) return describeEntity(cli, kind, name)
  return kind === 'user' ? describeUser(cli, name) : describeAnyApp(cli, name)
}

async function describeMesh(cli: Cli, name: string): Promise<void> {
  const mesh = await callAgent(cli, AGENT_API.showMesh, { params: { mesh: name } })
  await showThing(cli, mesh, {
    name: mesh.name,
    fields: [
      ['Mesh', mesh.name],
      ['Id', mesh.id],
      ['Status', describeMeshState(cli, mesh)],
      ['Since', moment(mesh.sinceMs)],
      ['Hub', mesh.hub],
      ['Bootstraps', mesh.bootstraps],
      ['Endpoint', mesh.endpoint.name],
      ['Endpoint id', mesh.endpoint.id],
      ['User', mesh.endpoint.user],
      [
        'Certificate',
        `expires ${moment(mesh.certificateExpiresAtMs)} (${until(cli, mesh.certificateExpiresAtMs)})`,
      ],
      ['CA', mesh.ca.trimEnd().split('\n')],
      ['Own chain', mesh.certificate.trimEnd().split('\n')],
    ],
  })
}

async function describeHub(cli: Cli, name: string): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const hub = await findHub(cli, mesh.name, name, 'describe')
  await showThing(cli, hub, {
    name: hub.names[0] ?? hub.id,
    fields: [
      ['Hub', hub.names],
      ['Id', hub.id],
      ['Role', hub.isRelay ? 'relay: the controller is elsewhere' : 'controller and relay'],
      ['State', stateOfHub(hub)],
      ['Attached', hub.isAttached ? 'yes' : 'no'],
      ['Ping', hub.roundTripMs === undefined ? undefined : milliseconds(hub.roundTripMs)],
      ['Started', `${moment(hub.startedAtMs)} (${ago(cli, hub.startedAtMs)})`],
      ['Links', hub.linkCount],
      ['Relays', hub.relayCount],
      ['Relayed', bytes(hub.relayedBytes)],
      [
        'Certificate',
        `expires ${moment(hub.certificateExpiresAtMs)} (${until(cli, hub.certificateExpiresAtMs)})`,
      ],
      ['Version', hub.version],
    ],
  })
}

async function describeEndpoint(cli: Cli, typed: string | undefined): Promise<void> {
  const params = await endpointParams(cli, typed)
  const endpoint = await callAgent(cli, AGENT_API.showEndpoint, { params })
  await showThing(cli, endpoint, {
    name: endpoint.name,
    fields: [
      ['Endpoint', endpoint.isLocal ? `${endpoint.name} (local)` : endpoint.name],
      ['Id', endpoint.id],
      ['User', endpoint.user],
      ['Status', endpoint.isOnline ? 'online' : 'offline'],
      [
        'Last seen',
        endpoint.isOnline ? 'now' : `${moment(endpoint.lastSeenMs)} (${ago(cli, endpoint.lastSeenMs)})`,
      ],
      ['Address', endpoint.address],
      ['Labels', endpoint.labels],
      [
        'Given',
        endpoint.givenLabels.length === 0
          ? undefined
          : `by administrators: ${endpoint.givenLabels.join(', ')}`,
      ],
      ['Version', endpoint.version],
    ],
    below: pathTable(cli, endpoint.paths),
  })
}

async function endpointParams(
  cli: Cli,
  typed: string | undefined,
): Promise<{ mesh: string; endpoint: string }> {
  const word = typed === undefined ? undefined : parseEndpointWord(typed)
  if (word?.mesh !== undefined) return { mesh: word.mesh, endpoint: word.endpoint }
  const { mesh, endpoint } = await choosePlace(cli)
  return { mesh: mesh.name, endpoint: word?.endpoint ?? endpoint }
}

async function describeService(cli: Cli, name: string): Promise<void> {
  const all = await listAllServices(cli)
  const found = all.find(
    each => each.name === name || each.declared?.name === name || each.declared?.id === name,
  )
  if (found === undefined) throw missing('service', name)
  const service = found.declared === undefined ? await showMeshService(cli, found.name) : found
  const hostings = formatTable(service.hostings, [
    { title: 'ENDPOINT', cell: hosting => hosting.name },
    { title: 'STATUS', cell: hosting => (hosting.isOnline ? 'online' : 'offline') },
    { title: 'HEALTH', cell: hosting => hosting.health },
    { title: 'USERS', cell: hosting => formatUsers(hosting.access) },
    { title: 'ENTRANCES', cell: hosting => hosting.access.entrances.join(',') || '(all)' },
    { title: 'ID', cell: hosting => hosting.endpoint },
  ])
  const { declared } = service
  await showThing(cli, service, {
    name: service.name,
    fields: [
      ['Service', service.name],
      ['Owner', ownerOf(service)],
      ['Health', service.hostings.length === 0 ? 'unhosted' : serviceHealth(service)],
      ...(declared === undefined
        ? []
        : edgeFields(cli, 'service', declared).map(
            ([label, value]): Field => [label === 'Service' ? 'Declared as' : label, value],
          )),
    ],
    below: service.hostings.length === 0 ? '' : `\n${hostings}`,
  })
}

async function showMeshService(cli: Cli, service: string): Promise<ListedService> {
  const { mesh } = await choosePlace(cli)
  return callAgent(cli, AGENT_API.showService, { params: { mesh: mesh.name, service } })
}

async function describeEntity(cli: Cli, kind: EdgeKind, name: string): Promise<void> {
  const edge = await openEdge(cli)
  const { id } = await edge.find(kind, name)
  const entity = await edge.show(kind, id)
  await showThing(cli, entity, { name: nameOf(entity), fields: edgeFields(cli, kind, entity) })
}

function missing(kind: Kind, name: string): MeshError {
  return new MeshError(
    'not-found',
    `Cannot describe ${kind} ${quote(name)}: there is none: see \`ztm get ${kind}\``,
  )
}
