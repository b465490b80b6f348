import { Argument, type Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { HUB_LOCAL_API } from '../../core/api/hub-local-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent, callHub } from '../api-client.ts'
import { type Cli, dataFolderOf, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { meshView } from '../listings.ts'
import { meshTrouble } from '../mesh-state.ts'
import { painter } from '../output/colors.ts'
import { print, printData } from '../output/show.ts'
import { formatFields, formatTable } from '../output/table.ts'
import { ago, bytes, moment, until } from '../output/words.ts'
import { pathTable } from '../path-table.ts'

type AgentStatus = Answer<typeof AGENT_API.showStatus>
type HubStatus = Answer<typeof HUB_LOCAL_API.showStatus>

/** What runs on a state folder; `undefined` for what does not. */
interface Status {
  readonly agent: AgentStatus | undefined
  readonly hub: HubStatus | undefined
}

/** `ztm status [agent|hub]` */
export function defineStatus(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('[role]', 'only this one').choices(['agent', 'hub']))
    .description(
      'Show what runs on the state folder, since when, and how it is: certificates, links, paths.\n\n' +
        'Ends with 0 when all is well, else with the code of what is wrong.',
    )
    .action((role: 'agent' | 'hub' | undefined) => status(cli, role))
  addExamples(command, 'ztm status', 'ztm status hub', 'ztm status agent -o json')
}

async function status(cli: Cli, role: 'agent' | 'hub' | undefined): Promise<void> {
  refuseEndpoint(cli, 'show the status')
  const found: Status = {
    agent:
      role === 'hub'
        ? undefined
        : await unlessDown(callAgent(cli, AGENT_API.showStatus, {}), role === 'agent'),
    hub:
      role === 'agent'
        ? undefined
        : await unlessDown(callHub(cli, HUB_LOCAL_API.showStatus, {}), role === 'hub'),
  }
  if (found.agent === undefined && found.hub === undefined) {
    throw new MeshError(
      'agent-down',
      `Cannot show status: neither agent nor hub runs on ${dataFolderOf(cli)}: start one with \`ztm start agent\` or \`ztm run agent\``,
    )
  }
  const { output } = cli.options
  if (output === 'json' || output === 'yaml') await printData(cli, found)
  else if (output === 'name')
    print(
      cli,
      Object.entries(found)
        .flatMap(([name, up]) => (up ? [`${name}\n`] : []))
        .join(''),
    )
  else
    print(
      cli,
      [found.hub && describeHub(cli, found.hub), found.agent && describeAgent(cli, found.agent)]
        .filter(Boolean)
        .join('\n'),
    )
  const trouble = troubleOf(cli, found)
  if (trouble !== undefined) throw trouble
}

/** @throws whatever the call does, but for `agent-down` where nobody asked for just that daemon */
async function unlessDown<T>(call: Promise<T>, isWanted: boolean): Promise<T | undefined> {
  try {
    return await call
  } catch (thrown) {
    if (!isWanted && thrown instanceof MeshError && thrown.code === 'agent-down') return undefined
    throw thrown
  }
}

/** The first thing that is wrong. */
function troubleOf(cli: Cli, { agent, hub }: Status): MeshError | undefined {
  if (hub !== undefined && hub.certificateExpiresAtMs <= cli.world.clock.now()) {
    const when = moment(hub.certificateExpiresAtMs)
    return new MeshError(
      'certificate-expired',
      `Cannot use hub: its certificate ended ${when}: see \`ztm log hub\``,
    )
  }
  const { mesh: only } = cli.options
  for (const mesh of agent?.meshes ?? []) {
    const trouble = only === undefined || only === mesh.name ? meshTrouble(cli, mesh) : undefined
    if (trouble !== undefined) return trouble
  }
  return undefined
}

function describeAgent(cli: Cli, agent: AgentStatus): string {
  const head = formatFields([
    ['Agent', `running, process ${agent.pid}, version ${agent.version}`],
    ['Started', `${moment(agent.startedAtMs)} (${ago(cli, agent.startedAtMs)})`],
    ['State folder', agent.dataFolder],
    ['Web page', agent.listen === undefined ? 'off' : `http://${agent.listen} (open it with \`ztm gui\`)`],
    ['Router port', describePortMapping(agent)],
    ['Memory', bytes(agent.memoryBytes)],
    ['Meshes', agent.meshes.length === 0 ? 'none: join one with `ztm join`' : agent.meshes.length],
  ])
  const meshes =
    agent.meshes.length === 0 ? '' : `\n${formatTable(agent.meshes, meshView(cli).columns, painter(cli))}`
  return head + meshes + pathTable(cli, agent.paths)
}

function describePortMapping({ portMapping }: AgentStatus): string | undefined {
  if (portMapping === undefined) return undefined
  const { state, tcp, udp, error } = portMapping
  const open = [tcp && `TCP ${tcp}`, udp && `UDP ${udp}`].filter(Boolean).join(', ')
  return [open || state, error].filter(Boolean).join(': ')
}

function describeHub(cli: Cli, hub: HubStatus): string {
  return formatFields([
    ['Hub', `running, process ${hub.pid}, version ${hub.version}`],
    ['Started', `${moment(hub.startedAtMs)} (${ago(cli, hub.startedAtMs)})`],
    ['State folder', hub.dataFolder],
    ['Mesh', hub.mesh],
    ['Names', hub.names],
    ['Listens on', hub.listen],
    [
      'Certificate',
      `expires ${moment(hub.certificateExpiresAtMs)} (${until(cli, hub.certificateExpiresAtMs)})`,
    ],
    ['Endpoints', `${hub.endpointCount}, ${hub.linkCount} linked`],
    ['Relays', `${hub.relayCount} open, ${bytes(hub.relayedBytes)} since the start`],
    ['Waiting', `${hub.strangerCount} connections not yet known, ${hub.openTicketCount} tickets`],
    ['Memory', bytes(hub.memoryBytes)],
  ])
}
