import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { TestContext } from 'node:test'

/** A computer of a lab: a network namespace, with processes in it. */
export interface NetHost {
  readonly name: string
  readonly namespace: string
  /** What to put before a command to run it on this computer. */
  readonly prefix: readonly string[]
  /** Start a program; the lab ends it when it is disposed. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  /** Run a program to its end. @returns what it printed @throws Error with what it printed when it fails */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>
  /** Commands of ip(8), one a line, in this namespace. */
  ip(...commands: readonly string[]): Promise<void>
  /** Rules for nft(8). */
  nft(rules: string): Promise<void>
}

/** How a program is run. */
export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Default 30 s; then it is killed. */
  readonly timeoutMs?: number
}

/** One end of a cable. */
export interface Plug {
  readonly host: NetHost
  readonly device: string
  /** With the length of the prefix; IPv4 or IPv6. */
  readonly addresses?: readonly string[]
}

/** Computers and cables, all of which are gone when it is disposed. */
export interface NetLab extends AsyncDisposable {
  readonly hosts: readonly NetHost[]
  addHost(name: string, options?: { isRouter?: boolean }): Promise<NetHost>
  connect(a: Plug, b: Plug): Promise<void>
}

/** Why this computer can have no lab; undefined if it can. */
export function whyNoNetLab(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'a network lab needs root on Linux, for namespaces'
  const missing = ['ip', 'nft', 'conntrack', 'ping'].filter(
    name => !['/usr/sbin', '/sbin', '/usr/bin', '/bin'].some(folder => existsSync(`${folder}/${name}`)),
  )
  if (missing.length > 0) return `a network lab needs ${missing.join(', ')}, which this computer lacks`
  const probe = `${PREFIX}${process.pid}-probe`
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' })
  const ruled = spawnSync('ip', ['netns', 'exec', probe, 'nft', 'add table ip n'], { encoding: 'utf8' })
  spawnSync('ip', ['netns', 'del', probe])
  if (made.status !== 0) return `a network namespace cannot be made here: ${made.stderr.trim()}`
  return ruled.status === 0 ? undefined : `nftables cannot be used here: ${ruled.stderr.trim()}`
}

/** Skip the test where no lab can be, with the reason. @returns whether the test goes on */
export function canHaveNetLab(t: Pick<TestContext, 'skip'>): boolean {
  const why = whyNoNetLab()
  if (why !== undefined) t.skip(why)
  return why === undefined
}

/** An empty lab; what labs of processes that are dead left behind is removed first. */
export async function createNetLab(): Promise<NetLab> {
  await sweepLeftovers()
  labCount += 1
  const own = `${PREFIX}${process.pid}-${labCount}-`
  const hosts: NetHost[] = []
  const children = new Set<ChildProcess>()
  return {
    hosts,
    async addHost(name, { isRouter = false } = {}) {
      const namespace = `${own}${name}`
      await execute('ip', ['netns', 'add', namespace])
      const host = createHost(name, namespace, children)
      hosts.push(host)
      await host.ip('link set lo up')
      await host.run('sysctl', ['-eqw', ...SETTINGS, ...(isRouter ? ROUTER_SETTINGS : [])])
      return host
    },
    async connect(a, b) {
      await execute('ip', [
        ...['link', 'add', a.device, 'netns', a.host.namespace, 'type', 'veth'],
        ...['peer', 'name', b.device, 'netns', b.host.namespace],
      ])
      for (const { host, device, addresses = [] } of [a, b])
        await host.ip(`link set ${device} up`, ...addresses.map(each => `address add ${each} dev ${device}`))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...children].map(endChild))
      await Promise.all(hosts.map(({ namespace }) => removeNamespace(namespace)))
    },
  }
}

function createHost(name: string, namespace: string, children: Set<ChildProcess>): NetHost {
  const prefix = ['ip', 'netns', 'exec', namespace]
  const host: NetHost = {
    name,
    namespace,
    prefix,
    spawn(command, args, options = {}) {
      const child = spawn('ip', [...prefix.slice(1), command, ...args], options)
      children.add(child)
      child.once('close', () => children.delete(child))
      return child
    },
    run: (command, args, options) => execute('ip', [...prefix.slice(1), command, ...args], options),
    async ip(...commands) {
      await execute('ip', ['-n', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` })
    },
    async nft(rules) {
      await host.run('nft', ['-f', '-'], { input: rules })
    },
  }
  return host
}

function execute(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
      ...(options.env && { env: { ...process.env, ...options.env } }),
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', chunk => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', chunk => {
      stderr += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const said = `${stderr}${stdout}`.trim()
      if (code === 0) resolve(stdout)
      else reject(new Error(`${command} ${args.join(' ')}: ended with ${code ?? signal}: ${said}`))
    })
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('close', resolve))
  child.kill('SIGKILL')
  await gone
}

/** Also what was started in it by something else than `spawn` is ended: the namespace would live on with it. */
async function removeNamespace(namespace: string): Promise<void> {
  const inside = await execute('ip', ['netns', 'pids', namespace]).catch(() => '')
  for (const pid of inside.split('\n').filter(Boolean).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  await execute('ip', ['netns', 'del', namespace]).catch(() => '')
}

async function sweepLeftovers(): Promise<void> {
  const listed = await execute('ip', ['netns', 'list'])
  for (const line of listed.split('\n')) {
    const [namespace = ''] = line.split(' ')
    const owner = namespace.startsWith(PREFIX)
      ? /^(\d+)-/.exec(namespace.slice(PREFIX.length))?.[1]
      : undefined
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await removeNamespace(namespace)
  }
}

const PREFIX = 'ztm-lab-'
let labCount = 0
/** Answers leave the way that routes say; an address is usable at once. */
const SETTINGS = [
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  'net.ipv6.conf.all.accept_dad=0',
  'net.ipv6.conf.default.accept_dad=0',
]
/** Packets between the ports of a bridge are not the router's. */
const ROUTER_SETTINGS = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.bridge.bridge-nf-call-iptables=0',
  'net.bridge.bridge-nf-call-ip6tables=0',
]
