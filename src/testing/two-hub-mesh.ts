import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import type { ProcessMesh } from './process-mesh.ts'
import { inboundPort } from './tunnel-lab.ts'
import { until } from './until.ts'

/** Agents that go by hubs, though they could do without. */
const RELAYED = ['--path', 'relay', 'relay-h2']
/** What makes a hub one that only relays. */
export const RELAY_ROLE = ['--role', 'relay']

/** A hub, as `ztm get hub` shows it. */
export interface SeenHub {
  readonly id: string
  readonly isRelay?: boolean
  readonly isAttached: boolean
}

/**
 * Start hub `hub`, with the controller, hub `second`, which only relays, and agents `home` and `work` with a tunnel to an echo.
 *
 * @param target  `host:port` of the echo
 * @returns the port on loopback at `work`
 */
export async function startTwoHubs(mesh: ProcessMesh, target: string): Promise<number> {
  await mesh.startHub()
  await Promise.all(
    ['home', 'work'].map(async name => {
      await mesh.startAgent(name, { args: RELAYED })
      await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
    }),
  )
  const permit = join(mesh.folder, 'second.json')
  await mesh.run('home', 'create', 'hub', '--permit', permit)
  await mesh.startHub({ name: 'second', args: [...RELAY_ROLE, '--permit', permit] })
  await untilAttached(mesh)
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/echo', '--targets', target)
  await mesh.run('work', 'tunnel', 'open', 'inbound', 'tcp/echo', '--listen', '127.0.0.1:0')
  return inboundPort(mesh, 'work', 'tcp/echo')
}

/** The hubs that an agent knows. */
export async function hubsSeenBy(mesh: ProcessMesh, agent: string): Promise<SeenHub[]> {
  return (await mesh.json(agent, 'get', 'hub')) as SeenHub[]
}

/** Until both agents have links to both hubs. */
export async function untilAttached(mesh: ProcessMesh): Promise<void> {
  for (const agent of ['home', 'work']) {
    await until(async () => {
      const hubs = await hubsSeenBy(mesh, agent)
      return hubs.length === 2 && hubs.every(({ isAttached }) => isAttached)
    }, `${agent} has links to both hubs`)
  }
}

/** Kill a daemon. */
export async function killDaemon(mesh: ProcessMesh, name: string): Promise<void> {
  await [...mesh.daemons].find(daemon => daemon.name === name)?.stop('SIGKILL')
}

/** Listen on loopback for what is sent back. */
export async function listenEcho(): Promise<AsyncDisposable & { at: string }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    at: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
