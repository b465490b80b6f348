import { posix } from 'node:path'
import { MeshError } from '../../core/model/errors.ts'
import type { Machine } from './machine.ts'
import type { DaemonOwner, DaemonRole, Scope } from './plan.ts'
import type { RunTool } from './run-tool.ts'

/** The part of the operating system that runs services here, and where it looks for their files. */
export type ServiceManager =
  | { readonly kind: 'systemd'; readonly scope: Scope; readonly folder: string }
  | { readonly kind: 'launchd'; readonly scope: Scope; readonly folder: string; readonly domain: string }
  | { readonly kind: 'task-scheduler'; readonly scope: Scope }

/**
 * Find out what runs services on this computer: for all users where this one is an administrator, else for this
 * user alone.
 *
 * @param role  for the message
 * @throws MeshError `unsupported` if there is nothing that does
 */
export function detectServiceManager(role: DaemonRole, machine: Machine): ServiceManager {
  const { platform, isAdministrator, user, env } = machine
  const scope = isAdministrator ? 'system' : 'user'
  switch (platform) {
    case 'linux': {
      // What sd_booted(3) asks: systemd may be installed and something else run the computer.
      if (!machine.exists('/run/systemd/system')) throw noManager(role, 'this machine has no systemd')
      const config = env.XDG_CONFIG_HOME || posix.join(user.homeFolder, '.config')
      const folder = isAdministrator ? '/etc/systemd/system' : posix.join(config, 'systemd/user')
      return { kind: 'systemd', scope, folder }
    }
    case 'darwin': {
      if (isAdministrator)
        return { kind: 'launchd', scope, folder: '/Library/LaunchDaemons', domain: 'system' }
      const folder = posix.join(user.homeFolder, 'Library/LaunchAgents')
      return { kind: 'launchd', scope, folder, domain: `gui/${user.uid}` }
    }
    case 'win32':
      return { kind: 'task-scheduler', scope }
    default:
      throw noManager(role, `no services are known for ${platform}`)
  }
}

/**
 * The user a daemon is to run as: who runs this command, or who ran it through `sudo`. State of a person stays in
 * that person's home, where later commands without `sudo` find it.
 *
 * @throws MeshError `not-found` if the home of the user behind `sudo` cannot be found out
 */
export async function findOwner(machine: Machine, run: RunTool): Promise<DaemonOwner> {
  const { SUDO_USER: name, SUDO_UID, SUDO_GID } = machine.env
  if (!machine.isAdministrator || machine.platform === 'win32') return machine.user
  if (!name || name === 'root' || !/^\d+$/.test(SUDO_UID ?? '') || !/^\d+$/.test(SUDO_GID ?? ''))
    return machine.user
  const homeFolder = await findHome(name, machine.platform, run)
  if (homeFolder === undefined) {
    throw new MeshError(
      'not-found',
      `Cannot find the home folder of user "${name}": run it as root without sudo, or give --data`,
    )
  }
  return { name, uid: Number(SUDO_UID), gid: Number(SUDO_GID), homeFolder }
}

async function findHome(name: string, platform: NodeJS.Platform, run: RunTool): Promise<string | undefined> {
  if (name.startsWith('-')) return undefined
  const isMac = platform === 'darwin'
  const { status, output } = isMac
    ? await run('dscl', ['.', '-read', `/Users/${name}`, 'NFSHomeDirectory'])
    : await run('getent', ['passwd', '--', name])
  if (status !== 0) return undefined
  // `NFSHomeDirectory: /Users/ann`; `ann:x:1000:1000:Ann:/home/ann:/bin/sh`
  const home = isMac ? output.replace(/^NFSHomeDirectory:\s*/, '') : (output.split(':')[5] ?? '')
  return posix.isAbsolute(home.trim()) ? home.trim() : undefined
}

function noManager(role: DaemonRole, state: string): MeshError {
  return new MeshError('unsupported', `Cannot start ${role} as a service: ${state}: use "ztm run ${role}"`)
}
