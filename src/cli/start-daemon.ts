import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MeshError } from '../core/model/errors.ts'
import { formatLogLine } from '../store/log-line.ts'
import { readLogFile } from '../store/log-reader.ts'
import { type Cli, dataFolderOf, refuseEndpoint, remainingMs } from './context.ts'
import { installService } from './daemon/install.ts'
import type { DaemonRole, ServicePlan } from './daemon/plan.ts'
import { findServicePlace, type ServicePlace } from './daemon-folder.ts'
import { remark } from './output/show.ts'
import { visible } from './output/text-width.ts'

/** Install a daemon as a service of this computer, of the state folder that the service then has, and start it. @throws MeshError */
export async function installDaemon(
  cli: Cli,
  plan: Pick<ServicePlan, 'role' | 'options' | 'needsLowPorts' | 'readableFolders' | 'writableFolders'>,
): Promise<ServicePlace> {
  const { role } = plan
  refuseEndpoint(cli, `start the ${role}`)
  // The system may first have to stop the one that runs, which has 20 s for that.
  if (cli.options.timeout === undefined) cli.deadlineMs = cli.world.clock.now() + MAX_INSTALL_MS
  const place = await findServicePlace(cli, role)
  const { notes } = await installService(
    { ...plan, program: cli.world.program, dataFolder: dataFolderOf(cli), owner: place.owner },
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
export async function untilWell<T>(
  cli: Cli,
  role: DaemonRole,
  ask: (timeoutMs: number) => Promise<T>,
): Promise<T> {
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
  const folder = dataFolderOf(cli)
  const file = role === 'gateway' ? join(folder, role, 'gateway.log') : join(folder, `${role}.log`)
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
