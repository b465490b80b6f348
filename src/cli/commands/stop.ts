import { setTimeout as delay } from 'node:timers/promises'
import { Argument, type Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { HUB_LOCAL_API } from '../../core/api/hub-local-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent, callHub } from '../api-client.ts'
import { type Cli, dataFolderOf, refuseEndpoint, remainingMs } from '../context.ts'
import { removeService } from '../daemon/install.ts'
import type { DaemonRole } from '../daemon/plan.ts'
import { detectServiceManager } from '../daemon/service-manager.ts'
import { findServicePlace, type ServicePlace } from '../daemon-folder.ts'
import { addExamples } from '../examples.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { changeApp } from '../packages/app-manage.ts'
import { isServiceOf } from '../service-state.ts'

/** `ztm stop hub|agent|gateway`, `ztm stop app NAME` */
export function defineStop(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<role>', 'what').choices(['hub', 'agent', 'gateway', 'app']))
    .argument('[app]', 'which app: [PROVIDER/]NAME')
    .description(
      'Stop the hub, agent or gateway of the state folder. One that is a service is a service no more, so that it does ' +
        'not come back; its state stays. An app that is stopped stays so when the agent starts again.',
    )
    .action((role: DaemonRole | 'app', app: string | undefined) => {
      if (role === 'app' && app !== undefined) return changeApp(cli, app, { isRunning: false })
      if (role !== 'app' && app === undefined) return stop(cli, role)
      const help =
        role === 'app' ? 'name an app: `ztm stop app NAME`' : `there is one ${role}: leave the name out`
      throw new MeshError('bad-usage', `Cannot stop ${role}: ${help}`)
    })
  addExamples(command, 'ztm stop agent', 'ztm stop hub', 'ztm stop gateway', 'ztm stop app alice/notes')
}

async function stop(cli: Cli, role: DaemonRole): Promise<void> {
  refuseEndpoint(cli, `stop the ${role}`)
  const place = await findServicePlace(cli, role).catch(ignoreUnsupported)
  const data = dataFolderOf(cli)
  const text = `Stopped the ${role} of ${visible(data)}`
  const value = { name: role, data: { role, dataFolder: data } }
  if (place !== undefined && (await isServiceHere(role, data, place))) {
    await removeService(role, place.tools)
    return report(cli, `${text}; it is no service any more: \`ztm start ${role}\` brings it back`, value)
  }
  if (role === 'gateway') {
    const state = 'it is no service here: end the "ztm run gateway" that runs it'
    throw new MeshError('not-found', `Cannot stop gateway: ${state}`)
  }
  await askToStop(cli, role)
  await report(cli, text, value)
}

/** Also one for all users, which `removeService` then says needs `sudo`: over its socket it would come back at boot. */
async function isServiceHere(role: DaemonRole, data: string, { tools }: ServicePlace): Promise<boolean> {
  if (await isServiceOf(role, data, tools)) return true
  const manager = detectServiceManager(role, { ...tools.machine, isAdministrator: true })
  return isServiceOf(role, data, { ...tools, manager })
}

function ignoreUnsupported(thrown: unknown): ServicePlace | undefined {
  if (thrown instanceof MeshError && thrown.code === 'unsupported') return undefined
  throw thrown
}

/** Ask over the socket, and wait until nobody answers there any more. */
async function askToStop(cli: Cli, role: 'hub' | 'agent'): Promise<void> {
  const told = role === 'agent' ? callAgent(cli, AGENT_API.stop, {}) : callHub(cli, HUB_LOCAL_API.stop, {})
  await told.catch(thrown => {
    // It was quicker to stop than to answer.
    if (!(thrown instanceof MeshError && thrown.code === 'link-closed')) throw thrown
  })
  for (;;) {
    const timeoutMs = Math.min(1_000, remainingMs(cli))
    try {
      if (role === 'agent') await callAgent(cli, AGENT_API.showStatus, {}, { timeoutMs })
      else await callHub(cli, HUB_LOCAL_API.showStatus, {}, { timeoutMs })
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === 'agent-down') return
    }
    if (remainingMs(cli) <= 1) {
      throw new MeshError(
        'timed-out',
        `Cannot stop ${role}: it was told to, but still answers: kill its process (\`ztm status ${role}\`)`,
      )
    }
    await delay(POLL_MS)
  }
}

const POLL_MS = 50
