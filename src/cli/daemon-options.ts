import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Address, formatAddress, isIpAddress, parseAddress } from '../core/model/address.ts'
import { toMeshError } from '../core/model/errors.ts'
import { FETCH_REACHES, type FetchReach } from '../core/model/fetch-reach.ts'
import type { LogLevel } from '../core/model/log.ts'
import { PATH_KINDS, type PathKind } from '../core/path/path-kind.ts'
import { addBillingOptions, type BillingWords, billingArguments } from './billing-options.ts'
import { integerOption } from './global-options.ts'

/** What may be told a hub, parsed; the same for `run` and `start`. */
export interface HubWords extends RelayWords, BillingWords {
  readonly listen: Address
  readonly names?: readonly string[]
  readonly maxAgents?: number
  /** No two endpoints may connect without a hub. */
  readonly forbidDirect?: true
  /** Where key sets of issuers of tokens may be; `site` if absent. */
  readonly issuerReach?: FetchReach
  /** `relay`: the controller is elsewhere. */
  readonly role?: 'relay'
  readonly controller?: readonly string[]
  readonly metrics?: Address
  readonly logLevel: LogLevel
}

/** What may be told a hub of what it relays, parsed. */
export interface RelayWords {
  readonly maxRelays?: number
  /** Megabits a second, all relays together. */
  readonly maxRelayMbps?: number
  /** Megabits a second, the relays that one user asked for. */
  readonly maxRelayMbpsPerUser?: number
  /** Processes that copy; one for each core if absent. */
  readonly workers?: number
}

/** What may be told an agent, parsed. */
export interface AgentWords extends ReachWords {
  readonly listen: Address | 'off'
  readonly metrics?: Address
  readonly logLevel: LogLevel
}

/** What may be told an agent of how peers and it reach each other, parsed. */
export interface ReachWords {
  /** The only kinds of path to use; all if absent. */
  readonly path?: readonly PathKind[]
  /** Where peers come in; any free port if absent. */
  readonly peerPort?: Address
  readonly advertise?: readonly Address[]
  /** Whether the router is asked to lead that port here; off if absent. */
  readonly portMapping?: 'on' | 'off'
}

/** Give a command the options of a hub. */
export function addHubOptions(command: Command): void {
  command
    .addOption(
      new Option('-l, --listen <address>', 'where agents connect to, [IP:]PORT')
        .argParser(text => addressOption(text, '0.0.0.0'))
        .default(HUB_LISTEN, formatAddress(HUB_LISTEN)),
    )
    .addOption(
      new Option(
        '-n, --names <address...>',
        'where agents reach it from outside, HOST:PORT; needed the first time, remembered then',
      ).argParser(nameOption),
    )
    .option('--max-agents <n>', 'the most agents at once', integerOption([1, 1_000_000]))
    .option('--max-relays <n>', 'the most relays at once', integerOption([1, 1_000_000]))
    .option(
      '--max-relay-mbps <n>',
      'how much it relays, megabits a second; no limit if left out',
      integerOption([1, 1_000_000]),
    )
    .option(
      '--max-relay-mbps-per-user <n>',
      'how much it relays for one user, megabits a second; no limit if left out',
      integerOption([1, 1_000_000]),
    )
    .option(
      '--workers <n>',
      'processes that copy what it relays; one for each core if left out, 0 for none',
      integerOption([0, 256]),
    )
    .option('--forbid-direct', 'relay everything: no two endpoints may connect without the hub')
    .addOption(
      new Option('--role <role>', 'relay: only relay, for the mesh that the permit lets it into').choices([
        'relay',
      ]),
    )
    .addOption(
      new Option(
        '--controller <address...>',
        'with --role relay: where the hub with the controller is, HOST:PORT; as the permit says if left out',
      ).argParser(nameOption),
    )
    .addOption(
      new Option(
        '--issuer-reach <where>',
        'where keys of issuers of tokens may be fetched: the internet, also private networks, also this computer (default: site)',
      ).choices(FETCH_REACHES),
    )
  addBillingOptions(command)
  addDaemonOptions(command)
}

/** Give a command the options of an agent. */
export function addAgentOptions(command: Command): void {
  command.addOption(
    new Option('-l, --listen <address>', 'where browsers reach it, [IP:]PORT, or off')
      .argParser(text => (text === 'off' ? text : addressOption(text, '127.0.0.1')))
      .default(AGENT_LISTEN, formatAddress(AGENT_LISTEN)),
  )
  command
    .addOption(
      new Option('--path <kind...>', 'use only these kinds of path to peers, instead of the best').choices(
        PATH_KINDS,
      ),
    )
    .option(
      '--peer-port <address>',
      'where peers come in without a hub, [IP:]PORT; any free port if left out',
      text => addressOption(text, '*'),
    )
    .addOption(
      new Option(
        '--advertise <address...>',
        'where else peers may find that port, IP:PORT: forwarded by a router, say',
      ).argParser(advertiseOption),
    )
    .addOption(
      new Option(
        '--port-mapping <choice>',
        'ask the router to forward that port, by NAT-PMP or UPnP (default: off)',
      ).choices(['on', 'off']),
    )
  addDaemonOptions(command)
}

/** The options of a hub as words again, for a service's unit: what was left at its default is left out. */
export function hubArguments(words: HubWords): string[] {
  return [
    ...(isSame(words.listen, HUB_LISTEN) ? [] : ['--listen', formatAddress(words.listen)]),
    ...(words.names === undefined ? [] : ['--names', ...words.names]),
    ...numberArguments({
      '--max-agents': words.maxAgents,
      '--max-relays': words.maxRelays,
      '--max-relay-mbps': words.maxRelayMbps,
      '--max-relay-mbps-per-user': words.maxRelayMbpsPerUser,
      '--workers': words.workers,
    }),
    ...(words.role === undefined ? [] : ['--role', words.role]),
    ...(words.controller === undefined ? [] : ['--controller', ...words.controller]),
    ...(words.forbidDirect ? ['--forbid-direct'] : []),
    ...(words.issuerReach === undefined ? [] : ['--issuer-reach', words.issuerReach]),
    ...billingArguments(words),
    ...daemonArguments(words),
  ]
}

/** The options of an agent as words again. */
export function agentArguments(words: AgentWords): string[] {
  const listen = words.listen === 'off' ? 'off' : formatAddress(words.listen)
  return [
    ...(listen === formatAddress(AGENT_LISTEN) ? [] : ['--listen', listen]),
    ...(words.path === undefined ? [] : ['--path', ...words.path]),
    ...(words.peerPort === undefined ? [] : ['--peer-port', formatAddress(words.peerPort)]),
    ...(words.advertise === undefined ? [] : ['--advertise', ...words.advertise.map(formatAddress)]),
    ...(words.portMapping === undefined ? [] : ['--port-mapping', words.portMapping]),
    ...daemonArguments(words),
  ]
}

function numberArguments(numbers: Readonly<Record<string, number | undefined>>): string[] {
  return Object.entries(numbers).flatMap(([name, value]) =>
    value === undefined ? [] : [name, String(value)],
  )
}

/** What all daemons have, as words again. */
export function daemonArguments({ metrics, logLevel }: { metrics?: Address; logLevel: LogLevel }): string[] {
  return [
    ...(metrics === undefined ? [] : ['--metrics', formatAddress(metrics)]),
    ...(logLevel === 'info' ? [] : ['--log-level', logLevel]),
  ]
}

/** Give a command what all daemons have. */
export function addDaemonOptions(command: Command): void {
  command
    .option('--metrics <address>', 'serve Prometheus metrics there, [IP:]PORT', text =>
      addressOption(text, '127.0.0.1'),
    )
    .addOption(
      new Option('--log-level <level>', 'how much to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
}

function addressOption(text: string, defaultHost: string): Address {
  try {
    return parseAddress(text, defaultHost)
  } catch (thrown) {
    throw new InvalidArgumentError(toMeshError(thrown).message)
  }
}

function nameOption(text: string, before: readonly string[] | undefined): readonly string[] {
  const { host, port } = addressOption(text, '')
  if (host === '' || port === 0) throw new InvalidArgumentError('write HOST:PORT, as agents outside reach it')
  return [...(before ?? []), formatAddress({ host, port })]
}

function advertiseOption(text: string, before: readonly Address[] | undefined): readonly Address[] {
  const { host, port } = addressOption(text, '')
  if (!isIpAddress(host) || port === 0)
    throw new InvalidArgumentError('write IP:PORT, as peers outside reach it')
  return [...(before ?? []), { host, port }]
}

function isSame(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port
}

const HUB_LISTEN: Address = { host: '0.0.0.0', port: 8_888 }
const AGENT_LISTEN: Address = { host: '127.0.0.1', port: 7_777 }
