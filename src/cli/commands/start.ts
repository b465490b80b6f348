import { join } from 'node:path'
import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { HUB_LOCAL_API } from '../../core/api/hub-local-api.ts'
import type { Address } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { LogLevel } from '../../core/model/log.ts'
import { openSecretFile } from '../../store/secret-file.ts'
import { callAgent, callHub } from '../api-client.ts'
import { type Cli, dataFolderOf, pathOf } from '../context.ts'
import {
  type AgentWords,
  addAgentOptions,
  addDaemonOptions,
  addHubOptions,
  agentArguments,
  daemonArguments,
  type HubWords,
  hubArguments,
} from '../daemon-options.ts'
import { addExamples } from '../examples.ts'
import { GATEWAY_STATUS_FILE, readGatewayStatus } from '../gateway-status.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { defineStartMesh } from '../own-hub.ts'
import { defineStartApp } from '../packages/app-manage.ts'
import { PERMIT_HELP } from '../relay-role.ts'
import { installDaemon, untilWell } from '../start-daemon.ts'

/** `ztm start hub|agent|gateway|app` */
export function defineStart(command: Command, cli: Cli): void {
  const hub = command
    .command('hub')
    .summary('Install a hub as a service, start it, and wait until it is well')
    .option('-p, --permit <file>', PERMIT_HELP)
    .action((words: HubWords & { permit?: string }) => startHub(cli, words))
  addHubOptions(hub)
  addExamples(
    hub,
    'ztm start hub --listen 0.0.0.0:8888 --names 1.2.3.4:8888 --permit root.json',
    'sudo ztm start hub',
    'ztm start hub --names 1.2.3.4:8888 --max-relay-mbps-per-user 100',
  )
  const agent = command
    .command('agent')
    .summary('Install an agent as a service, start it, and wait until it is well')
    .action((words: AgentWords) => startAgent(cli, words))
  addAgentOptions(agent)
  addExamples(agent, 'ztm start agent', 'ztm start agent --listen 127.0.0.1:7777')
  const gateway = command
    .command('gateway')
    .summary('Install a gateway as a service, start it, and wait until it is well')
    .requiredOption('-c, --config <file>', 'what it listens to and where that leads; see docs/gateway.md')
    .action((words: GatewayWords) => startGateway(cli, words))
  addDaemonOptions(gateway)
  addExamples(
    gateway,
    'sudo ztm start gateway --config /etc/ztm/gateway.yaml',
    'ztm start gateway --config gateway.yaml --metrics 127.0.0.1:9900',
  )
  defineStartMesh(command.command('mesh'), cli)
  defineStartApp(command, cli)
  addExamples(
    command,
    'ztm start hub --names 1.2.3.4:8888 --permit root.json',
    'ztm start agent',
    'ztm start app alice/notes',
  )
}

async function startHub(cli: Cli, { permit, ...typed }: HubWords & { permit?: string }): Promise<void> {
  const { commerceTokenFile: file } = typed
  const words = { ...typed, ...(file !== undefined && { commerceTokenFile: pathOf(cli, file) }) }
  const isRelay = words.role === 'relay'
  const lettingIn = isRelay && permit !== undefined ? ['--permit', pathOf(cli, permit)] : []
  const { owner } = await installDaemon(cli, {
    role: 'hub',
    options: [...hubArguments(words), ...lettingIn],
    needsLowPorts: isLowPort(words.listen),
  })
  const status = await untilWell(cli, 'hub', timeoutMs =>
    callHub(cli, HUB_LOCAL_API.showStatus, {}, { timeoutMs }),
  )
  let next = 'print the root permit with `ztm permit`'
  if (isRelay) next = 'it only relays: see it with `ztm get hub` at any agent of the mesh'
  else if (permit !== undefined) {
    const root = await callHub(cli, HUB_LOCAL_API.showPermit, { body: {} })
    await using place = await openSecretFile(pathOf(cli, permit), 'permit', owner)
    await place.write(root.permit)
    next = `root permit written to ${visible(permit)}: join with \`ztm join MESH --as NAME --permit ${visible(permit)}\``
  }
  const text = `Hub is up at ${status.names.map(visible).join(', ')}, as a service: ${next}`
  await report(cli, text, { name: 'hub', data: status })
}

async function startAgent(cli: Cli, words: AgentWords): Promise<void> {
  const listen = words.listen === 'off' ? undefined : words.listen
  await installDaemon(cli, {
    role: 'agent',
    options: agentArguments(words),
    needsLowPorts: listen !== undefined && isLowPort(listen),
  })
  const status = await untilWell(cli, 'agent', timeoutMs =>
    callAgent(cli, AGENT_API.showStatus, {}, { timeoutMs }),
  )
  const page = status.listen === undefined ? '' : ` at http://${status.listen} (\`ztm gui\` logs in)`
  const next = status.meshes.length === 0 ? ': join a mesh with `ztm join MESH --as NAME --permit FILE`' : ''
  await report(cli, `Agent is up${page}, as a service${next}`, { name: 'agent', data: status })
}

interface GatewayWords {
  readonly config: string
  readonly metrics?: Address
  readonly logLevel: LogLevel
}

async function startGateway(cli: Cli, { config, ...words }: GatewayWords): Promise<void> {
  const configFile = pathOf(cli, config)
  const { needsEnvironment, ...needs } = await cli.world.inspectGateway(configFile)
  if (needsEnvironment) {
    const state =
      'a service has no environment of yours: write controller.identityFile or tokenCommand into its file'
    throw new MeshError('bad-usage', `Cannot start gateway: ${state}`)
  }
  const sinceMs = cli.world.clock.now()
  const options = ['--config', configFile, ...daemonArguments(words)]
  await installDaemon(cli, { role: 'gateway', options, ...needs })
  const file = join(dataFolderOf(cli), 'gateway', GATEWAY_STATUS_FILE)
  const status = await untilWell(cli, 'gateway', async () => {
    const found = await readGatewayStatus(file)
    if (found !== undefined && found.startedAtMs >= sinceMs) return found
    throw new MeshError('agent-down', 'Cannot ask gateway: it is not up yet')
  })
  const text = `Gateway is up at ${status.addresses.map(visible).join(', ')}, as a service`
  await report(cli, text, { name: 'gateway', data: status })
}

function isLowPort({ port }: Address): boolean {
  return port > 0 && port < 1_024
}
