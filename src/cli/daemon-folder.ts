import { join } from 'node:path'
import { type Cli, dataFolderOf } from './context.ts'
import type { ServiceTools } from './daemon/install.ts'
import type { DaemonOwner, DaemonRole } from './daemon/plan.ts'
import { detectServiceManager, findOwner } from './daemon/service-manager.ts'

/** A service, its user, and the state folder it has. */
export interface ServicePlace {
  readonly tools: ServiceTools
  readonly owner: DaemonOwner
}

/**
 * How this computer runs services. From now on the command line speaks of the folder that the service has: under
 * `sudo` that of the person, not of root.
 *
 * @throws MeshError `unsupported` on a computer without a service manager we know
 */
export async function findServicePlace(cli: Cli, role: DaemonRole): Promise<ServicePlace> {
  const { run, root, ...system } = cli.world.system
  const machine = await system.machine()
  const manager = detectServiceManager(role, machine)
  const owner = await findOwner(machine, run)
  const isGiven = Boolean(cli.options.data || cli.world.env.ZTM_DATA)
  const data = isGiven ? dataFolderOf(cli) : join(owner.homeFolder, '.ztm')
  cli.options = { ...cli.options, data }
  return { tools: { manager, machine, run, root }, owner }
}
