import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { isInstalled, type ServiceTools } from './daemon/install.ts'
import { launchdLabel } from './daemon/launchd-plist.ts'
import type { DaemonRole } from './daemon/plan.ts'

/** How the service of a daemon is. */
export interface ServiceState {
  readonly isFailed: boolean
  /** It comes back after a boot or log-in. */
  readonly isEnabled: boolean
  /** The system's own words: `active, enabled`. */
  readonly text: string
}

/** How the operating system says a daemon's service is; undefined where it is not installed as one. */
export async function serviceState(role: DaemonRole, tools: ServiceTools): Promise<ServiceState | undefined> {
  if (!(await isInstalled(role, tools))) return undefined
  const { manager, run } = tools
  if (manager.kind === 'systemd') {
    const scope = manager.scope === 'user' ? ['--user'] : []
    const unit = `ztm-${role}.service`
    const active = firstWord((await run('systemctl', [...scope, 'is-active', unit])).output)
    const enabled = firstWord((await run('systemctl', [...scope, 'is-enabled', unit])).output)
    return { isFailed: active === 'failed', isEnabled: enabled === 'enabled', text: `${active}, ${enabled}` }
  }
  if (manager.kind === 'launchd') {
    const { status } = await run('launchctl', ['print', `${manager.domain}/${launchdLabel(role)}`])
    return { isFailed: status !== 0, isEnabled: true, text: status === 0 ? 'loaded' : 'not loaded' }
  }
  // An installed task runs at boot or log-in by its own definition.
  return { isFailed: false, isEnabled: true, text: 'scheduled' }
}

/**
 * Whether the installed service is that of a state folder; several agents of one computer are several folders, and
 * only one of them is the service.
 */
export async function isServiceOf(
  role: DaemonRole,
  dataFolder: string,
  tools: ServiceTools,
): Promise<boolean> {
  if (!(await isInstalled(role, tools))) return false
  const { manager, root } = tools
  if (manager.kind === 'task-scheduler') return true
  const name = manager.kind === 'systemd' ? `ztm-${role}.service` : `${launchdLabel(role)}.plist`
  const definition = await readFile(posix.join(root, manager.folder, name), 'utf8')
  // Quoted and escaped in ways that leave the usual characters of a path as they are.
  const plain = definition.replaceAll('%%', '%').replaceAll('&amp;', '&')
  return new RegExp(`["\\s>]${dataFolder.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}["\\s<]`).test(plain)
}

function firstWord(output: string): string {
  return output.trim().split(/\s/)[0] || 'unknown'
}
