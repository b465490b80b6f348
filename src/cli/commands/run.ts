import { join as joinPath } from 'node:path'
import type { Command } from 'commander'
import type { Address } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { LogLevel } from '../../core/model/log.ts'
import { parseName } from '../../core/model/names.ts'
import { commerceOptions } from '../billing-options.ts'
import { type Cli, dataFolderOf, pathOf, refuseEndpoint } from '../context.ts'
import {
  type AgentWords,
  addAgentOptions,
  addDaemonOptions,
  addHubOptions,
  type HubWords,
} from '../daemon-options.ts'
import { addExamples } from '../examples.ts'
import { readPermitText } from '../read-input.ts'
import { PERMIT_HELP, relayRole } from '../relay-role.ts'
import type { RunAgentOptions } from '../run-options.ts'

/** `ztm run hub|agent|gateway` */
export function defineRun(command: Command, cli: Cli): void {
  const hub = command
    .command('hub')
    .summary('Run a hub in the foreground until Ctrl-C')
    .option('-p, --permit <file>', PERMIT_HELP)
    .action((words: HubWords & { permit?: string }) => runHub(cli, words))
  addHubOptions(hub)
  addExamples(
    hub,
    'ztm run hub --names 1.2.3.4:8888 --permit root.json',
    'ztm run hub --listen :9999 --names example.com:9999',
    'ztm run hub --max-relay-mbps 800 --max-relay-mbps-per-user 100 --max-relays 5000',
    'ztm run hub --workers 0',
    'ztm run hub --forbid-direct',
    'ztm run hub --role relay --names 5.6.7.8:8888 --permit hub.json',
    'ztm run hub --issuer-reach computer',
    'ztm run hub --commerce-url https://api.example.com/commerce --commerce-token-file commerce.token',
  )
  const agent = command
    .command('agent')
    .summary('Run an agent in the foreground until Ctrl-C')
    .option('--join <name>', 'join a mesh at the start under this name, unless joined already')
    .option('--join-as <name>', 'what this endpoint is called in it')
    .option('-p, --permit <file>', 'permit to join it with: a file, - or a ztm:// link')
    .action((words: AgentWords & JoinWords) => runAgent(cli, words))
  addAgentOptions(agent)
  addExamples(
    agent,
    'ztm run agent',
    'ztm run agent --data /tmp/second --listen 127.0.0.1:7778',
    'ztm run agent --peer-port 7780 --advertise 203.0.113.7:7780',
    'ztm run agent --port-mapping on',
    'ztm run agent --path relay relay-h2',
    'ztm run agent --join home --join-as laptop --permit root.json',
  )
  const gateway = command
    .command('gateway')
    .summary('Run a gateway from the internet to services in the foreground until Ctrl-C')
    .requiredOption('-c, --config <file>', 'what it listens to and where that leads; see docs/gateway.md')
    .option('--check', 'say whether the file is good, and end')
    .action((words: GatewayWords) => runGateway(cli, words))
  addDaemonOptions(gateway)
  addExamples(
    gateway,
    'ztm run gateway --config gateway.yaml',
    'ztm run gateway --config gateway.yaml --check',
    'ztm run gateway --config gateway.yaml --metrics 127.0.0.1:9900',
  )
  addExamples(command, 'ztm run hub --names 1.2.3.4:8888 --permit root.json', 'ztm run agent')
}

interface JoinWords {
  readonly join?: string
  readonly joinAs?: string
  readonly permit?: string
}

async function runHub(cli: Cli, { permit, ...words }: HubWords & { permit?: string }): Promise<void> {
  refuseEndpoint(cli, 'run a hub')
  const commerce = commerceOptions(words, path => pathOf(cli, path))
  cli.deadlineMs = undefined
  cli.exitCode = await cli.world.runHub({
    dataFolder: dataFolderOf(cli),
    listen: words.listen,
    names: words.names ?? [],
    logLevel: words.logLevel,
    ...(words.role === 'relay'
      ? { relay: relayRole(cli, words, permit) }
      : permit !== undefined && { permitFile: pathOf(cli, permit) }),
    ...(words.maxAgents !== undefined && { maxAgents: words.maxAgents }),
    ...(words.maxRelays !== undefined && { maxRelays: words.maxRelays }),
    ...(words.maxRelayMbps !== undefined && { maxRelayMbps: words.maxRelayMbps }),
    ...(words.maxRelayMbpsPerUser !== undefined && { maxRelayMbpsPerUser: words.maxRelayMbpsPerUser }),
    ...(words.forbidDirect && { isDirectForbidden: true }),
    ...(words.issuerReach !== undefined && { issuerReach: words.issuerReach }),
    ...(commerce !== undefined && { commerce }),
    ...(words.workers !== undefined && { workers: words.workers }),
    ...(words.metrics !== undefined && { metrics: words.metrics }),
  })
}

async function runAgent(cli: Cli, words: AgentWords & JoinWords): Promise<void> {
  refuseEndpoint(cli, 'run an agent')
  const join = await readJoin(cli, words)
  cli.deadlineMs = undefined
  cli.exitCode = await cli.world.runAgent({
    dataFolder: dataFolderOf(cli),
    listen: words.listen,
    logLevel: words.logLevel,
    ...(join !== undefined && { join }),
    ...(words.path !== undefined && { paths: words.path }),
    ...(words.peerPort !== undefined && { peerPort: words.peerPort }),
    ...(words.portMapping !== undefined && { isPortMapped: words.portMapping === 'on' }),
    ...(words.advertise !== undefined && { advertise: words.advertise }),
    ...(words.metrics !== undefined && { metrics: words.metrics }),
  })
}

interface GatewayWords {
  readonly config: string
  readonly check?: true
  readonly metrics?: Address
  readonly logLevel: LogLevel
}

/** Its state is apart from that of an agent: it is an endpoint of its own. */
async function runGateway(cli: Cli, words: GatewayWords): Promise<void> {
  refuseEndpoint(cli, 'run a gateway')
  cli.deadlineMs = undefined
  cli.exitCode = await cli.world.runGateway({
    configFile: pathOf(cli, words.config),
    isCheck: words.check === true,
    dataFolder: joinPath(dataFolderOf(cli), 'gateway'),
    readPermit: file => readPermitText(cli, file),
    logLevel: words.logLevel,
    ...(words.metrics !== undefined && { metrics: words.metrics }),
  })
}

async function readJoin(cli: Cli, { join, joinAs, permit }: JoinWords): Promise<RunAgentOptions['join']> {
  if (join === undefined && joinAs === undefined && permit === undefined) return undefined
  if (join === undefined || joinAs === undefined || permit === undefined) {
    throw new MeshError(
      'bad-usage',
      'Cannot join at the start: --join, --join-as and --permit go together: give all three',
    )
  }
  return {
    mesh: parseName(join, 'mesh'),
    endpoint: parseName(joinAs, 'endpoint name'),
    permit: await readPermitText(cli, permit),
  }
}
