import { chmod, lchown, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { type ErrorCode, MeshError } from '../../core/model/errors.ts'
import { printable } from '../../core/model/quote.ts'
import { storageError } from '../../store/storage-error.ts'
import { formatLaunchdPlist, launchdLabel } from './launchd-plist.ts'
import type { Machine } from './machine.ts'
import type { DaemonRole, ServicePlan } from './plan.ts'
import type { RunTool, ToolResult } from './run-tool.ts'
import { formatScheduledTask, taskName } from './scheduled-task.ts'
import { detectServiceManager, type ServiceManager } from './service-manager.ts'
import { formatSystemdUnit } from './systemd-unit.ts'

/** What installing and stopping a service works with. */
export interface ServiceTools {
  readonly manager: ServiceManager
  readonly machine: Machine
  readonly run: RunTool
  /** Put before every path that is written: `/`, or a test's folder. */
  readonly root: string
}

/** A service that was installed and started. */
export interface InstalledService {
  /** The file that describes it, or the task's name. */
  readonly place: string
  /** What its user should know, a sentence each. */
  readonly notes: readonly string[]
}

/**
 * Make the operating system run a daemon, now and whenever the computer or its user comes back. One that is installed
 * already is overwritten and started anew. Whether the daemon is well is not known here: ask it.
 *
 * @throws MeshError `bad-input` for a plan that cannot be written down, `not-permitted`, `storage-full` or
 *   `storage-failed` if the file cannot be written, `system-failed` with the last lines of the system's tool if
 *   that one refuses, `conflict` if all users have it as a service already and this one starts it for itself
 */
export async function installService(plan: ServicePlan, tools: ServiceTools): Promise<InstalledService> {
  const { manager } = tools
  const action = `Cannot start ${plan.role} as a service`
  const place = placeOf(plan.role, manager)
  const text = format(plan, manager)
  if (await isInstalledForAll(plan.role, tools)) {
    const advice = `stop that one first (sudo ztm stop ${plan.role})`
    throw new MeshError('conflict', `${action}: it is a service for all users already: ${advice}`)
  }
  await makeDataFolder(plan, tools.root, action)
  const tool = toolOf(tools.run, action)
  switch (manager.kind) {
    case 'systemd': {
      await writeDefinition(join(tools.root, place), text, action)
      const systemctl = systemctlOf(manager.scope, tool)
      await systemctl('daemon-reload')
      await systemctl('enable', unitName(plan.role))
      await systemctl('restart', unitName(plan.role))
      return { place, notes: notesOf(plan, tools) }
    }
    case 'launchd': {
      const service = `${manager.domain}/${launchdLabel(plan.role)}`
      await writeDefinition(join(tools.root, place), text, action)
      if (await isLoaded(service, tools.run)) await tool('launchctl', 'bootout', service)
      await tool('launchctl', 'enable', service)
      await tool('launchctl', 'bootstrap', manager.domain, join(tools.root, place))
      return { place, notes: notesOf(plan, tools) }
    }
    case 'task-scheduler': {
      const file = join(tools.root, plan.dataFolder, `${place}.xml`)
      await writeDefinition(file, Buffer.from(`\ufeff${text}`, 'utf16le'), action)
      await tool('schtasks', '/create', '/tn', place, '/xml', file, '/f')
      await tool('schtasks', '/run', '/tn', place)
      return { place, notes: notesOf(plan, tools) }
    }
  }
}

/**
 * Stop a daemon that runs as a service and remove the service, so that it does not come back. Its state stays.
 *
 * @throws MeshError `not-found` if it is not installed, `not-permitted` if it is one for all users and this is not an
 *   administrator, `system-failed` with the last lines of the system's tool, `storage-failed`
 */
export async function removeService(role: DaemonRole, tools: ServiceTools): Promise<void> {
  const { manager, root } = tools
  const action = `Cannot stop ${role}`
  const tool = toolOf(tools.run, action)
  const place = placeOf(role, manager)
  if (!(await isInstalled(role, tools))) {
    if (!(await isInstalledForAll(role, tools))) {
      throw new MeshError(
        'not-found',
        `${action}: it is no service here: end the "ztm run ${role}" that runs it`,
      )
    }
    throw new MeshError(
      'not-permitted',
      `${action}: it is a service for all users: do it as administrator (sudo)`,
    )
  }
  switch (manager.kind) {
    case 'systemd': {
      const systemctl = systemctlOf(manager.scope, tool)
      await systemctl('disable', '--now', unitName(role))
      await removeDefinition(join(root, place), action)
      await systemctl('daemon-reload')
      return
    }
    case 'launchd': {
      const service = `${manager.domain}/${launchdLabel(role)}`
      if (await isLoaded(service, tools.run)) await tool('launchctl', 'bootout', service)
      await removeDefinition(join(root, place), action)
      return
    }
    case 'task-scheduler':
      // Whether it ran is all one: `/end` may fail for a task that does not.
      await tools.run('schtasks', ['/end', '/tn', place])
      await tool('schtasks', '/delete', '/tn', place, '/f')
      return
  }
}

/** Whether a daemon was installed as a service, running or not. */
export async function isInstalled(role: DaemonRole, tools: ServiceTools): Promise<boolean> {
  const place = placeOf(role, tools.manager)
  if (tools.manager.kind !== 'task-scheduler') return tools.machine.exists(posix.join(tools.root, place))
  return (await tools.run('schtasks', ['/query', '/tn', place])).status === 0
}

/** Whether this is one user's view, and the daemon is a service for all users. */
async function isInstalledForAll(role: DaemonRole, tools: ServiceTools): Promise<boolean> {
  const { manager, machine } = tools
  if (manager.scope === 'system' || manager.kind === 'task-scheduler') return false
  return isInstalled(role, {
    ...tools,
    manager: detectServiceManager(role, { ...machine, isAdministrator: true }),
  })
}

type Tool = (command: string, ...words: string[]) => Promise<ToolResult>

/** Runs tools for one action: a tool that fails ends it, and says why. */
function toolOf(run: RunTool, action: string): Tool {
  return async (command, ...words) => {
    const result = await run(command, words)
    if (result.status === 0) return result
    const code: ErrorCode = /denied|not permitted|privilege/i.test(result.output)
      ? 'not-permitted'
      : 'system-failed'
    const said = lastLines(result.output) || `exit code ${result.status}`
    throw new MeshError(code, `${action}: \`${[command, ...words].join(' ')}\` failed: ${said}`)
  }
}

function lastLines(output: string): string {
  const lines = output.split(/\r?\n/).filter(line => line.trim() !== '')
  return lines
    .slice(-3)
    .map(line => printable(line.trim(), 300))
    .join('; ')
}

function systemctlOf(scope: string, tool: Tool): (...words: string[]) => Promise<ToolResult> {
  return (...words) => tool('systemctl', ...(scope === 'user' ? ['--user'] : []), ...words)
}

async function isLoaded(service: string, run: RunTool): Promise<boolean> {
  return (await run('launchctl', ['print', service])).status === 0
}

function format(plan: ServicePlan, { kind, scope }: ServiceManager): string {
  switch (kind) {
    case 'systemd':
      return formatSystemdUnit(plan, scope)
    case 'launchd':
      return formatLaunchdPlist(plan, scope)
    case 'task-scheduler':
      return formatScheduledTask(plan, scope)
  }
}

function placeOf(role: DaemonRole, manager: ServiceManager): string {
  switch (manager.kind) {
    case 'systemd':
      return posix.join(manager.folder, unitName(role))
    case 'launchd':
      return posix.join(manager.folder, `${launchdLabel(role)}.plist`)
    case 'task-scheduler':
      return taskName(role)
  }
}

function unitName(role: DaemonRole): string {
  return `ztm-${role}.service`
}

/** The walls of a service show the state folder only if it is there; it must be its user's, also under `sudo`. */
async function makeDataFolder(
  { dataFolder, owner }: ServicePlan,
  root: string,
  action: string,
): Promise<void> {
  const path = join(root, dataFolder)
  try {
    const first = await mkdir(path, { recursive: true, mode: 0o700 })
    if (first === undefined || owner.uid === undefined || owner.gid === undefined) return
    if (owner.uid === process.getuid?.()) return
    for (let made = path; made.length >= first.length; made = dirname(made)) {
      await lchown(made, owner.uid, owner.gid)
    }
  } catch (thrown) {
    throw storageError(action, thrown)
  }
}

/** Whole or not at all; readable by all, as the system's tools and other users expect. */
async function writeDefinition(path: string, content: string | Buffer, action: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.new`, content, { flush: true })
    // Not left to the umask, which is often 077 under sudo.
    await chmod(`${path}.new`, 0o644)
    await rename(`${path}.new`, path)
  } catch (thrown) {
    throw storageError(action, thrown)
  }
}

async function removeDefinition(path: string, action: string): Promise<void> {
  try {
    await rm(path)
  } catch (thrown) {
    throw storageError(action, thrown)
  }
}

function notesOf({ role, owner, reach }: ServicePlan, { manager, machine }: ServiceTools): string[] {
  if (manager.kind === 'systemd' && manager.scope === 'user') {
    if (machine.exists(`/var/lib/systemd/linger/${owner.name}`)) return []
    return [
      `The ${role} ends when you log out and starts when you log in: to keep it, run \`loginctl enable-linger\``,
    ]
  }
  if (manager.kind === 'systemd' && role === 'agent' && reach !== 'open') {
    return [
      'The agent sees no homes and writes to its state folder alone, and so do the shells of its terminal app',
    ]
  }
  return manager.scope === 'user' ? [`The ${role} starts when you log in`] : []
}
