import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { HUB_LOCAL_API } from '../../core/api/hub-local-api.ts'
import type { Address } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import { formatLogLine } from '../../store/log-line.ts'
import { readLogFile } from '../../store/log-reader.ts'
import { callAgent, callHub } from '../api-client.ts'
import { type Cli, dataFolderOf, pathOf, refuseEndpoint, remainingMs } from '../context.ts'
import { installService } from '../daemon/install.ts'
import type { DaemonRole } from '../daemon/plan.ts'
import { findServicePlace, type ServicePlace } from '../daemon-folder.ts'
import {
  type AgentWords,
  addAgentOptions,
  addHubOptions,
  agentArguments,
  type HubWords,
  hubArguments,
} from '../daemon-options.ts'
import { addExamples } from '../examples.ts'
import { remark, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { defineStartApp } from '../packages/app-manage.ts'
import { writePrivate } from '../read-input.ts'

/** `ztm start hub|agent|app` */
export function defineStart(command: Command, cli: Cli): void {
  const hub = command
    .command('hub')
    .summary('Install a hub as a service, start it, and wait until it is well')
    .option('-p, --permit <file>', 'write the root permit to this file (mode 0600) once the hub is up')
    .action((words: HubWords & { permit?: string }) => startHub(cli, words))
  addHubOptions(hub)
  addExamples(
    hub,
    'ztm start hub --listen 0.0.0.0:8888 --names 1.2.3.4:8888 --permit root.json',
    'sudo ztm start hub',
    'ztm start hub --names 1.2.3.4:8888 --max-relay-mbps-per-user 100',
  )
  const agent = command
    .command('agent')
    .summary('Install an agent as a service, start it, and wait until it is well')
    .action((words: AgentWords) => startAgent(cli, words))
  addAgentOptions(agent)
  addExamples(agent, 'ztm start agent', 'ztm start agent --listen 127.0.0.1:7777')
  defineStartApp(command, cli)
  addExamples(
    command,
    'ztm start hub --names 1.2.3.4:8888 --permit root.json',
    'ztm start agent',
    'ztm start app alice/notes',
  )
}

async function startHub(cli: Cli, { permit, ...typed }: HubWords & { permit?: string }): Promise<void> {
  const { commerceTokenFile: file } = typed
  const words = { ...typed, ...(file !== undefined && { commerceTokenFile: pathOf(cli, file) }) }
  const { owner } = await install(cli, 'hub', { listen: words.listen, options: hubArguments(words) })
  const status = await untilWell(cli, 'hub', timeoutMs =>
    callHub(cli, HUB_LOCAL_API.showStatus, {}, { timeoutMs }),
  )
  let next = 'print the root permit with `ztm permit`'
  if (permit !== undefined) {
    const root = await callHub(cli, HUB_LOCAL_API.showPermit, { body: {} })
    await writePrivate(cli, permit, root.permit, owner)
    next = `root permit written to ${visible(permit)}: join with \`ztm join MESH --as NAME --permit ${visible(permit)}\``
  }
  const text = `Hub is up at ${status.names.map(visible).join(', ')}, as a service: ${next}`
  await report(cli, text, { name: 'hub', data: status })
}

async function startAgent(cli: Cli, words: AgentWords): Promise<void> {
  const listen = words.listen === 'off' ? undefined : words.listen
  await install(cli, 'agent', { listen, options: agentArguments(words) })
  const status = await untilWell(cli, 'agent', timeoutMs =>
    callAgent(cli, AGENT_API.showStatus, {}, { timeoutMs }),
  )
  const page = status.listen === undefined ? '' : ` at http://${status.listen} (\`ztm gui\` logs in)`
  const next = status.meshes.length === 0 ? ': join a mesh with `ztm join MESH --as NAME --permit FILE`' : ''
  await report(cli, `Agent is up${page}, as a service${next}`, { name: 'agent', data: status })
}

async function install(
  cli: Cli,
  role: DaemonRole,
  { listen, options }: { listen: Address | undefined; options: readonly string[] },
): Promise<ServicePlace> {
  refuseEndpoint(cli, `start the ${role}`)
  // The system may first have to stop the one that runs, which has 20 s for that.
  if (cli.options.timeout === undefined) cli.deadlineMs = cli.world.clock.now() + MAX_INSTALL_MS
  const place = await findServicePlace(cli, role)
  const { notes } = await installService(
    {
      role,
      program: cli.world.program,
      options,
      dataFolder: dataFolderOf(cli),
      owner: place.owner,
      needsLowPorts: listen !== undefined && listen.port > 0 && listen.port < 1_024,
    },
    place.tools,
  )
  for (const note of notes) remark(cli, note)
  return place
}

/**
 * Ask the daemon until it answers.
 *
 * @throws MeshError `system-failed` with the last lines of its log if it does not within 20 s
 */
async function untilWell<T>(cli: Cli, role: DaemonRole, ask: (timeoutMs: number) => Promise<T>): Promise<T> {
  const startedAtMs = cli.world.clock.now()
  const endMs = startedAtMs + Math.min(MAX_START_MS, remainingMs(cli) - 500)
  for (;;) {
    try {
      return await ask(1_000)
    } catch (thrown) {
      const isWaiting = thrown instanceof MeshError && WAITING.has(thrown.code)
      if (!isWaiting) throw thrown
      if (cli.world.clock.now() >= endMs) throw await explain(cli, role, startedAtMs)
    }
    await delay(POLL_MS)
  }
}

async function explain(cli: Cli, role: DaemonRole, startedAtMs: number): Promise<MeshError> {
  const file = join(dataFolderOf(cli), `${role}.log`)
  const lines = await readLogFile({ file, sinceMs: startedAtMs, level: 'info', limit: 5 }).catch(() => [])
  for (const line of lines) remark(cli, formatLogLine(line))
  if (lines.length === 0 && cli.world.platform === 'linux') {
    const words = ['-u', `ztm-${role}.service`, '-n', '5', '-o', 'cat', '--no-pager']
    const { status, output } = await cli.world.system.run('journalctl', words)
    if (status === 0) for (const line of output.trim().split('\n')) remark(cli, visible(line))
  }
  const span = Math.round((cli.world.clock.now() - startedAtMs) / 1_000)
  return new MeshError(
    'system-failed',
    `Cannot start ${role}: the service is installed, but it did not answer within ${span} s: see \`ztm log ${role}\` and \`ztm doctor\``,
  )
}

const MAX_INSTALL_MS = 90_000
const MAX_START_MS = 20_000
const POLL_MS = 100
/** What a daemon that is still starting looks like. */
const WAITING: ReadonlySet<MeshError['code']> = new Set(['agent-down', 'timed-out', 'link-closed'])
