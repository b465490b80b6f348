import { Argument, type Command, Option } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { describeInbound, describeOutbound, describeTunnel } from '../tunnel/tunnel-describe.ts'
import { type IdentityWords, showIdentity } from '../tunnel/tunnel-identity.ts'
import { listInbounds, listOutbounds, listTunnels } from '../tunnel/tunnel-lists.ts'
import {
  closeEnd,
  type InboundWords,
  type OutboundWords,
  openInbound,
  openOutbound,
  pauseEnd,
} from '../tunnel/tunnel-open.ts'
import { listOpenPorts } from '../tunnel/tunnel-ports.ts'
import { showRequests } from '../tunnel/tunnel-requests.ts'

/** `ztm tunnel get|describe|open|close …` */
export function defineTunnel(command: Command, cli: Cli): void {
  command.description(
    'TCP and UDP tunnels: connections to an inbound at one endpoint come out at an outbound of the same name at ' +
      'another. Ends are those of this endpoint, or of another of yours with --ep.',
  )
  defineLooks(command, cli)
  const open = command.command('open').summary('Open one end of a tunnel, or change it')
  defineOpenInbound(open.command('inbound').alias('in'), cli)
  defineOpenOutbound(open.command('outbound').alias('out'), cli)
  addExamples(open, ...OPEN_EXAMPLES)
  const close = command
    .command('close')
    .summary('Close one end of a tunnel and its connections')
    .addArgument(new Argument('<type>', 'which end').choices([...INBOUND_WORDS, ...OUTBOUND_WORDS]))
    .argument('<tunnel>', 'tcp/NAME or udp/NAME')
    .action((type: string, name: string) => closeEnd(cli, isInbound(type) ? 'inbound' : 'outbound', name))
  definePause(command.command('pause'), cli, true)
  definePause(command.command('resume'), cli, false)
  const ports = command
    .command('ports')
    .summary('List the TCP ports that programs listen at there, to lead a tunnel to')
    .action(() => listOpenPorts(cli))
  addExamples(ports, 'ztm ep office tunnel ports', 'ztm tunnel ports -o json')
  const log = command
    .command('log')
    .summary('Show the last requests to an outbound that speaks HTTP')
    .argument('<tunnel>', 'tcp/NAME')
    .option('-f, --follow', 'go on with new ones until Ctrl-C')
    .action((name: string, words: { follow?: true }) => showRequests(cli, name, words))
  addExamples(log, 'ztm tunnel log tcp/web', 'ztm ep office tunnel log tcp/web -f -o json')
  const identity = command
    .command('identity')
    .summary("Show the keys that callers' identities are signed with, for targets that check them")
    .option('--listen <address>', 'let targets fetch them there, [IP:]PORT; `off` for nowhere')
    .option('--rotate', 'sign with a new key; tokens of the old one stay good for an hour')
    .action((words: IdentityWords) => showIdentity(cli, words))
  addExamples(identity, 'ztm tunnel identity -o json', 'ztm tunnel identity --listen 127.0.0.1:7799')
  addExamples(close, 'ztm tunnel close inbound tcp/web', 'ztm ep office tunnel close outbound tcp/web')
  addExamples(command, 'ztm tunnel get tunnel', ...OPEN_EXAMPLES)
}

function definePause(command: Command, cli: Cli, isPaused: boolean): void {
  const verb = isPaused ? 'pause' : 'resume'
  command
    .summary(
      isPaused
        ? 'Stop one end of a tunnel and its connections, and keep its settings'
        : 'Let one end of a tunnel that was paused go on',
    )
    .addArgument(new Argument('<type>', 'which end').choices([...INBOUND_WORDS, ...OUTBOUND_WORDS]))
    .argument('<tunnel>', 'tcp/NAME or udp/NAME')
    .action((type: string, name: string) =>
      pauseEnd(cli, isInbound(type) ? 'inbound' : 'outbound', name, isPaused),
    )
  addExamples(command, `ztm tunnel ${verb} inbound tcp/web`, `ztm ep office tunnel ${verb} outbound tcp/web`)
}

function defineLooks(command: Command, cli: Cli): void {
  const types = [...TUNNEL_WORDS, ...INBOUND_WORDS, ...OUTBOUND_WORDS]
  const get = command
    .command('get')
    .summary('List tunnels, inbounds or outbounds')
    .addArgument(new Argument('<type>', 'what').choices(types))
    .argument('[name]', 'only those with this in their name')
    .action((type: string, name: string | undefined) => {
      if (isInbound(type)) return listInbounds(cli, name)
      return isOutbound(type) ? listOutbounds(cli, name) : listTunnels(cli, name)
    })
  addExamples(
    get,
    'ztm tunnel get tunnel',
    'ztm tunnel get inbound',
    'ztm ep office tunnel get outbound -o json',
  )
  const describe = command
    .command('describe')
    .summary('Show a tunnel, inbound or outbound in full')
    .addArgument(new Argument('<type>', 'what').choices(types))
    .argument('<tunnel>', 'tcp/NAME or udp/NAME')
    .action((type: string, name: string) => {
      if (isInbound(type)) return describeInbound(cli, name)
      return isOutbound(type) ? describeOutbound(cli, name) : describeTunnel(cli, name)
    })
  addExamples(describe, 'ztm tunnel describe tunnel tcp/web', 'ztm tunnel describe outbound tcp/web')
}

function defineOpenInbound(command: Command, cli: Cli): void {
  command
    .summary('Open the end that listens')
    .argument('<tunnel>', 'tcp/NAME or udp/NAME')
    .requiredOption(
      '--listen <address...>',
      'where to listen, [IP:]PORT or [IP:]FIRST-LAST (default IP: 127.0.0.1)',
    )
    .option('--exits <endpoint...>', 'endpoints to leave by, names or ids; any that hosts it if left out')
    .action((name: string, words: InboundWords) => openInbound(cli, name, words))
  addExamples(
    command,
    'ztm tunnel open inbound tcp/web --listen 8080',
    'ztm tunnel open inbound tcp/web --listen 0.0.0.0:8080 [::1]:8080 --exits office backup',
    'ztm tunnel open inbound udp/dns --listen 127.0.0.1:5353',
    'ztm tunnel open inbound tcp/app --listen 8000-8010',
  )
}

function defineOpenOutbound(command: Command, cli: Cli): void {
  command
    .summary('Open the end that connects to targets')
    .argument('<tunnel>', 'tcp/NAME or udp/NAME')
    .option(
      '--targets <target...>',
      'what to connect to: [HOST:]PORT, [HOST:]FIRST-LAST or unix:/PATH (default host: 127.0.0.1)',
    )
    .option('--entrances <endpoint...>', 'endpoints one may enter by, names or ids; any if left out')
    .option('--users <user...>', "users who may enter besides the owner; '*' is everybody in the mesh")
    .option('--groups <group...>', 'and the members of these groups (`ztm get group`)')
    .option('--policies', 'let in whomever service policies of the controller let dial it, too')
    .addOption(
      new Option('--balance <way>', 'how connections are spread over targets')
        .choices(['round-robin', 'least-connections'])
        .default('round-robin'),
    )
    .option('--no-probe', 'never connect to a target just to see whether it is up')
    .option('--route <route...>', 'speak HTTP: [HOST][/PATH]=TARGET[,TARGET], targets like http://HOST:PORT')
    .option('-f, --file <file>', 'routes of HTTP from a YAML file: see docs/services.md')
    .option('--health <path>', 'routes: ask targets for this path now and then, to see whether they are well')
    .option('--sticky', 'routes: lead who came once to the same target again, by a cookie')
    .option(
      '--audience <text>',
      "routes: claim aud of the token with the caller's identity; the service if left out",
    )
    .option('--ca <file>', 'routes: authorities to believe of targets in TLS, PEM')
    .option('--server-name <name>', 'routes: the name that certificates of targets must have')
    .option('--danger-any-certificate', 'routes: take any certificate; whoever is on the way can read along')
    .action((name: string, words: OutboundWords) => openOutbound(cli, name, words))
  addExamples(
    command,
    'ztm tunnel open outbound tcp/web --targets 127.0.0.1:80',
    'ztm tunnel open outbound tcp/db --targets db1:5432 db2:5432 --balance least-connections --users bob alice',
    'ztm tunnel open outbound tcp/wiki --targets 8080 --groups ops sales',
    'ztm tunnel open outbound tcp/app --targets 8000-8010 --entrances laptop',
    'ztm tunnel open outbound tcp/db --targets 127.0.0.1:5432 --policies',
    'ztm tunnel open outbound tcp/docker --targets unix:/var/run/docker.sock',
    "ztm ep office tunnel open outbound udp/dns --targets 127.0.0.1:53 --users '*'",
    "ztm tunnel open outbound tcp/web --route '/*=http://127.0.0.1:3000' '/api/*=http://127.0.0.1:3001' --health /healthz",
    'ztm tunnel open outbound tcp/web -f routes.yaml',
  )
}

const OPEN_EXAMPLES = [
  'ztm ep office tunnel open outbound tcp/web --targets 127.0.0.1:80',
  'ztm tunnel open inbound tcp/web --listen 127.0.0.1:8080 --exits office',
]
const TUNNEL_WORDS = ['tunnel', 'tunnels', 'tun']
const INBOUND_WORDS = ['inbound', 'inbounds', 'in']
const OUTBOUND_WORDS = ['outbound', 'outbounds', 'out']

function isInbound(word: string): boolean {
  return INBOUND_WORDS.includes(word)
}

function isOutbound(word: string): boolean {
  return OUTBOUND_WORDS.includes(word)
}
