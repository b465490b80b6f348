import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { HubStarter, HubWish } from '../agent/own-hub.ts'
import { runTool } from '../cli/daemon/run-tool.ts'
import { ERRORS, MeshError } from '../core/model/errors.ts'

/** What starts hubs for an agent. */
export interface HubStarterOptions {
  /** Of the agent, and of the hub. */
  readonly dataFolder: string
  /** The command line that runs this program. */
  readonly program: readonly string[]
}

/**
 * Start hubs the way the agent itself was started: as a service where it is one and the system lets us, else as a process of its
 * own, which outlives the agent. No shell reads a word of it; which words there are is fixed here.
 */
export function createHubStarter({ dataFolder, program }: HubStarterOptions): HubStarter {
  const words = ({ port, names }: HubWish) => [
    ...['hub', '--data', dataFolder, '--listen', `0.0.0.0:${port}`, '--names', ...names],
  ]
  return {
    async start(wish, isUp) {
      let note: string | undefined
      if (isService()) {
        const [command = '', ...args] = [...program, 'start', ...words(wish)]
        const { status, output } = await runTool(command, args)
        if (status === 0) return { runs: 'service' }
        note = output.trim().slice(0, MAX_NOTE_LENGTH)
      }
      await startProcess([...program, 'run', ...words(wish)], isUp)
      return { runs: 'process', ...(note !== undefined && { note }) }
    },
  }
}

async function startProcess(
  [command = '', ...args]: readonly string[],
  isUp: () => Promise<boolean>,
): Promise<void> {
  const child = spawn(command, args, { detached: true, stdio: 'ignore' })
  let end: string | undefined
  child.once('exit', (code, signal) => {
    end = `it ended at once (${signal ?? meaningOf(code)})`
  })
  try {
    await once(child, 'spawn')
  } catch (cause) {
    throw new MeshError('system-failed', 'Cannot start hub: its program does not run', { cause })
  }
  child.unref()
  for (let waitedMs = 0; waitedMs < MAX_START_MS; waitedMs += POLL_MS) {
    if (await isUp()) return
    if (end !== undefined) break
    await delay(POLL_MS)
  }
  const state = end ?? 'it does not answer'
  throw new MeshError('system-failed', `Cannot start hub: ${state}: see \`ztm log hub\` and \`ztm doctor\``)
}

/** What an exit code of our program may mean: several errors share one. */
function meaningOf(code: number | null): string {
  const codes = Object.entries(ERRORS).flatMap(([name, { exit }]) => (exit === code ? [name] : []))
  return [`exit code ${code}`, ...codes.slice(0, 4)].join(', ')
}

/** Whether this very process was started by systemd as a service; a program in a session that it started is none. */
function isService(): boolean {
  return process.env.SYSTEMD_EXEC_PID === String(process.pid)
}

const MAX_START_MS = 20_000
const POLL_MS = 200
const MAX_NOTE_LENGTH = 500
