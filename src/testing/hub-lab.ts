import { join } from 'node:path'
import { createNatLab, HUB_ADDRESSES, type NatLab, type Site } from './nat-lab.ts'
import { createLabTalks, type LabTalks } from './nat-lab-mesh.ts'
import { createProcessMesh, type Daemon, type ProcessMesh } from './process-mesh.ts'
import { RELAY_ROLE } from './two-hub-mesh.ts'

/** Several hubs on computers of a network lab, and agents that are given permits by one of them. */
export interface HubLab extends ProcessMesh, LabTalks {
  readonly lab: NatLab
  /** The hub with the controller, or the one that only relays on that computer: started, or started again. */
  startLabHub(name: string): Promise<Daemon>
  /** Whatever `host` sends to these computers is lost from now on. */
  cutOff(host: string, ...others: string[]): Promise<void>
  mend(host: string): Promise<void>
  /** An agent that joins by an invitation, as a person would. */
  joinInvited(name: string, args?: readonly string[]): Promise<void>
}

/**
 * Build it: hub `hub` with the controller, an agent `admin`, and hubs that only relay, each on a computer of its own. The computers
 * of `hosts` have no agents yet.
 */
export async function createHubLab(
  hubs: readonly string[],
  hosts: readonly string[],
  options: { readonly site?: (name: string) => Omit<Site, 'hosts'> } = {},
): Promise<HubLab> {
  await using building = new AsyncDisposableStack()
  const names = ['admin', ...hubs, ...hosts]
  const sites = Object.fromEntries(
    names.map(name => [name, { ...(hubs.includes(name) ? {} : options.site?.(name)), hosts: [name] }]),
  )
  const lab = building.use(await createNatLab(sites))
  const mesh = building.use(await createProcessMesh({ within: name => lab.host(name).prefix }))
  const addressOf = (name: string) =>
    name === 'hub' ? HUB_ADDRESSES[0] : `198.18.${names.indexOf(name) + 1}.2`

  async function startLabHub(name: string): Promise<Daemon> {
    const at = `${addressOf(name)}:${PORT}`
    const own = ['--listen', `0.0.0.0:${PORT}`, '--names', at]
    if (name === 'hub') return await mesh.startHub({ args: own })
    return await mesh.startHub({ name, args: [...RELAY_ROLE, ...own, '--permit', permitOf(name)] })
  }
  const permitOf = (name: string) => join(mesh.folder, `${name}.json`)

  await startLabHub('hub')
  await mesh.join('admin')
  await Promise.all(
    hubs.map(async name => {
      await mesh.run('admin', 'create', 'hub', '--permit', permitOf(name))
      await startLabHub(name)
    }),
  )
  const done = building.move()
  return {
    ...mesh,
    ...createLabTalks(mesh, lab),
    lab,
    startLabHub,
    async cutOff(host, ...others) {
      const drops = others.map(
        other => `ip daddr ${addressOf(other)} drop; ip saddr ${addressOf(other)} drop;`,
      )
      await lab.host(host).nft(`table inet cut {
        chain out { type filter hook output priority 0; ${drops.join(' ')} }
        chain in { type filter hook input priority 0; ${drops.join(' ')} }
      }`)
    },
    async mend(host) {
      await lab.host(host).nft('delete table inet cut')
    },
    async joinInvited(name, args = []) {
      const permit = permitOf(`${name}-invited`)
      await Promise.all([
        mesh.run('admin', 'invite', 'root', '--permit', permit),
        mesh.startAgent(name, { args }),
      ])
      await mesh.run(name, 'join', 'home', '--as', name, '--permit', permit)
    },
    [Symbol.asyncDispose]: () => done.disposeAsync(),
  }
}

const PORT = 8_888
