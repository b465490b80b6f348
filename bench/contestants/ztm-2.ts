import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/testing/process-mesh.ts'
import { startProgram } from '../../src/testing/programs.ts'
import { type Contestant, untilEchoes } from '../contestant.ts'
import { processTree } from '../processes.ts'

/**
 * A real ZTM 2.0: hub and two agents, relayed by the hub, which reads what it relays.
 *
 * @param program  path of its binary
 */
export function ztm2Contestant(program: string): Contestant {
  const running = new Map<string, ChildProcess>()
  let folder = ''

  async function run(role: string, args: readonly string[]): Promise<number> {
    const data = join(folder, role.replaceAll(' ', '-'))
    await mkdir(data, { recursive: true })
    const started = await startProgram(port => {
      const listen = ['--listen', `127.0.0.1:${port}`, '--data', data]
      const names = role === 'hub' ? ['--names', `127.0.0.1:${port}`] : []
      return ['/usr/bin/env', `HOME=${folder}`, program, 'run', ...args, ...listen, ...names]
    })
    running.set(role, started.child)
    return started.port
  }

  /** Its commands print nothing and may hang at their end, with their work done: none is waited for long. */
  async function command(agentPort: number, ...args: string[]): Promise<void> {
    const child = spawn(program, args, {
      env: { ...process.env, HOME: folder, ZTM_AGENT: `127.0.0.1:${agentPort}` },
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: COMMAND_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    await once(child, 'close')
  }

  return {
    name: 'ztm 2.0',
    shape: `ZTM 2.0: hub and two agents, 3 processes; TLS to the hub, which sees plain bytes`,
    async start(targetPorts) {
      folder = await mkdtemp(join(tmpdir(), 'ztm-bench-2-'))
      const permit = join(folder, 'root.json')
      await run('hub', ['hub', '--permit', permit, '--max-sessions', '5000'])
      if (!existsSync(permit)) throw new Error('ZTM 2.0 wrote no permit')
      const [inbound, outbound] = [
        await run('inbound agent', ['agent']),
        await run('outbound agent', ['agent']),
      ]
      await command(inbound, 'join', 'bench', '--as', 'work', '--permit', permit)
      const ports = await Promise.all(targetPorts.map(() => freePort()))
      for (const [index, port] of ports.entries())
        await command(
          inbound,
          'tunnel',
          'open',
          'inbound',
          `tcp/bench-${index}`,
          '--listen',
          `127.0.0.1:${port}`,
        )
      const open = async (index: number) => {
        const target = ['--targets', `127.0.0.1:${targetPorts[index]}`]
        await command(outbound, 'tunnel', 'open', 'outbound', `tcp/bench-${index}`, ...target)
      }
      const startMs = performance.now()
      await command(outbound, 'join', 'bench', '--as', 'home', '--permit', permit)
      await open(0)
      const commandsMs = performance.now() - startMs
      await untilEchoes(ports[0] ?? 0, USABLE_TIMEOUT_MS)
      const usableMs = performance.now() - startMs
      for (const index of targetPorts.keys()) if (index > 0) await open(index)
      return { ports, usableMs, commandsMs }
    },
    async stop() {
      // `run` forks a worker that outlives it.
      for (const { pid } of running.values()) for (const each of processTree(pid ?? 0)) endProcess(each)
      running.clear()
      if (folder !== '') await rm(folder, { recursive: true, force: true })
    },
    pids: () => Object.fromEntries([...running].map(([role, { pid }]) => [role, pid ?? 0])),
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

const COMMAND_TIMEOUT_MS = 5_000
const USABLE_TIMEOUT_MS = 60_000
