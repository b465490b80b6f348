import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { commandLineOf, type Scope, type ServicePlan } from './plan.ts'

/**
 * The unit file that makes systemd run a daemon.
 *
 * A system unit is walled in (exposure 2.0 or less in `systemd-analyze security`) unless the plan says `open`; a
 * user unit runs with the rights of its user, as any program that user starts. docs/decisions/0006-services.md.
 *
 * @throws MeshError `bad-input` for a plan that `commandLineOf` refuses, or a program systemd could not start
 */
export function formatSystemdUnit(plan: ServicePlan, scope: Scope): string {
  const isWalled = scope === 'system' && (plan.reach ?? 'walled') === 'walled'
  const lines = [
    `# Written by \`ztm start ${plan.role}\`, which overwrites it: change it with \`systemctl edit\`.`,
    '[Unit]',
    `Description=ZTM ${plan.role}`,
    ...(scope === 'system' ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    '# Never give up: a network may be away for days.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${formatCommandLine(plan)}`,
    ...(plan.role === 'gateway' ? ['ExecReload=/bin/kill -HUP $MAINPID'] : []),
    ...(scope === 'system' ? [`User=${userOf(plan)}`] : []),
    'Restart=on-failure',
    '# 2 is a command line that is no good: trying again cannot help.',
    'RestartPreventExitStatus=2',
    '# From 1 s up to 1 min between tries (systemd 254 or later; older ones wait 1 s each time).',
    'RestartSec=1',
    'RestartSteps=6',
    'RestartMaxDelaySec=60',
    'TimeoutStopSec=20',
    'LimitNOFILE=524288',
    ...(isWalled ? wallsOf(plan) : []),
    ...(scope === 'system' && !isWalled && plan.needsLowPorts ? [`AmbientCapabilities=${LOW_PORTS}`] : []),
    ...(scope === 'user' && plan.role === 'hub' ? HUB_OF_A_USER : []),
    '',
    '[Install]',
    `WantedBy=${scope === 'system' ? 'multi-user.target' : 'default.target'}`,
    '',
  ]
  return lines.join('\n')
}

/** A word of a command line as `ExecStart=` wants it: one word again for systemd, whatever is in it. */
export function quoteExecWord(word: string): string {
  return quoteWord(word.replaceAll('$', '$$$$'))
}

/** The value of `ExecStart=`. Systemd takes the program's path as it is: no `$$`, no quotes, no backslashes. */
function formatCommandLine(plan: ServicePlan): string {
  const [program = '', ...rest] = commandLineOf(plan)
  if (/["'\\]/.test(program)) {
    const state = `systemd cannot run ${quote(program)}: install ztm in a folder without quotes and backslashes`
    throw new MeshError('bad-input', `Cannot start ${plan.role} as a service: ${state}`)
  }
  return [quoteWord(program), ...rest.map(quoteExecWord)].join(' ')
}

/** One word for systemd, with nothing in it that means something else. */
function quoteWord(word: string): string {
  const literal = word.replaceAll('%', '%%')
  return /^[\w/.,=+@%-]+$/.test(literal) ? literal : `"${literal.replace(/["\\]/g, '\\$&')}"`
}

function userOf({ owner }: ServicePlan): string {
  return /^[a-z_][a-z0-9_-]*$/i.test(owner.name) ? owner.name : String(owner.uid ?? owner.name)
}

function wallsOf(plan: ServicePlan): string[] {
  const folders = [plan.dataFolder, ...(plan.writableFolders ?? [])]
  // The program may lie in a home, which the walls hide.
  const hidden = [...plan.program.filter(isInHome).map(installationOf), ...readableHomesOf(plan)]
  return [
    '# Walls. Not used: MemoryDenyWriteExecute (V8 compiles), IPAddressDeny and PrivateNetwork (it is a network),',
    '# RemoveIPC (its user has other programs too).',
    'UMask=0077',
    'ProtectSystem=strict',
    'ProtectHome=tmpfs',
    `BindPaths=${folders.map(quoteWord).join(' ')}`,
    ...(hidden.length > 0 ? [`BindReadOnlyPaths=${[...new Set(hidden)].map(quoteWord).join(' ')}`] : []),
    ...WALLS,
    // An agent's targets may be sockets in /tmp; a hub has no business there.
    ...(plan.role === 'hub' ? ['PrivateTmp=yes'] : []),
    // Capabilities of a user namespace do not open low ports of the computer's network.
    ...(plan.needsLowPorts
      ? [`CapabilityBoundingSet=${LOW_PORTS}`, `AmbientCapabilities=${LOW_PORTS}`]
      : ['CapabilityBoundingSet=', 'PrivateUsers=yes']),
  ]
}

/** What a daemon reads in homes, each folder with all below it. @throws MeshError `bad-input` for a whole home */
function readableHomesOf({ role, owner, readableFolders = [], writableFolders = [] }: ServicePlan): string[] {
  for (const folder of [...readableFolders, ...writableFolders]) {
    if (!`${owner.homeFolder}/`.startsWith(`${folder.replace(/\/+$/, '')}/`)) continue
    const state = `it would see all of ${quote(folder)}: put its files into a folder of their own`
    throw new MeshError('bad-input', `Cannot start ${role} as a service: ${state}`)
  }
  return readableFolders.filter(isInHome)
}

function isInHome(path: string): boolean {
  return /^\/(?:home|root|run\/user)\//.test(path)
}

/** What must be seen of a program's file to run it: the installation it is part of, or an executable alone. */
function installationOf(path: string): string {
  return path.replace(/\/(?:node_modules\/.*|(?:src\/bin|dist)\/[^/]*)$/, '')
}

const LOW_PORTS = 'CAP_NET_BIND_SERVICE'

const SYSTEM_CALLS = [
  'NoNewPrivileges=yes',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
  'SystemCallErrorNumber=EPERM',
]

const WALLS = [
  ...SYSTEM_CALLS,
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'KeyringMode=private',
]

/** What a user's own systemd can do without rights. Not for an agent: its terminal app would lose `sudo`. */
const HUB_OF_A_USER = ['UMask=0077', ...SYSTEM_CALLS]
