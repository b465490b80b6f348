import { join } from 'node:path'
import { createProcessMesh, type Daemon, type ProcessMesh } from '../../src/testing/process-mesh.ts'
import { inboundPort } from '../../src/testing/tunnel-lab.ts'
import { type Contestant, untilEchoes } from '../contestant.ts'

/** This project: a hub and two agents, end-to-end TLS over one kind of path. */
export function ztmContestant(path: 'relay' | 'direct' | 'punched'): Contestant {
  let mesh: ProcessMesh | undefined
  let daemons: readonly Daemon[] = []
  return {
    name: NAMES[path],
    shape: SHAPES[path],
    async start(targetPorts) {
      mesh = await createProcessMesh({ program: [LAUNCHER] })
      const args = ['--path', path]
      daemons = [
        await mesh.startHub(),
        await mesh.startAgent('work', { args }),
        await mesh.startAgent('home', { args }),
      ]
      await mesh.run('work', 'join', 'home', '--as', 'work', '--permit', mesh.permit)
      const ports: number[] = []
      for (const index of targetPorts.keys()) {
        await mesh.run('work', 'tunnel', 'open', 'inbound', `tcp/bench-${index}`, '--listen', '127.0.0.1:0')
        ports.push(await inboundPort(mesh, 'work', `tcp/bench-${index}`))
      }
      const startMs = performance.now()
      await mesh.run('home', 'join', 'home', '--as', 'home', '--permit', mesh.permit)
      await openOutbound(mesh, 0, targetPorts[0])
      const commandsMs = performance.now() - startMs
      await untilEchoes(ports[0] ?? 0, 30_000)
      const usableMs = performance.now() - startMs
      for (const [index, port] of targetPorts.entries()) if (index > 0) await openOutbound(mesh, index, port)
      return { ports, usableMs, commandsMs }
    },
    async stop() {
      await mesh?.[Symbol.asyncDispose]()
      mesh = undefined
      daemons = []
    },
    pids: () =>
      Object.fromEntries(
        daemons.map(({ role, name, child }) => [
          role === 'hub' ? 'hub' : (ROLES[name] ?? name),
          child.pid ?? 0,
        ]),
      ),
  }
}

async function openOutbound(mesh: ProcessMesh, index: number, port: number | undefined): Promise<void> {
  const target = ['--targets', `127.0.0.1:${port}`]
  await mesh.run('home', 'tunnel', 'open', 'outbound', `tcp/bench-${index}`, ...target)
}

const NAMES = { relay: 'ztm', direct: 'ztm direct', punched: 'ztm punched' } as const
const SHAPES = {
  relay: 'hub and two agents, 3 processes; TLS 1.3 end to end, the hub copies ciphertext',
  punched: 'two agents over UDP, as through a hole in a NAT; TLS 1.3 end to end, the hub carries nothing',
  direct: 'two agents that connect to each other; TLS 1.3 end to end, the hub carries nothing',
} as const
/** The bundle when there is one (`npm run build`), else the source. */
const LAUNCHER = join(import.meta.dirname, '../../ztm')
const ROLES: Readonly<Record<string, string>> = { work: 'inbound agent', home: 'outbound agent' }
