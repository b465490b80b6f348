import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { runNumberedStreams } from '../testing/numbered-streams.ts'
import { createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

// Two hubs in one mesh, with real processes: the one with the controller, and one that only relays.

test('streams go on over the other hub when one of two is killed, whichever it is', async t => {
  await using mesh = await createProcessMesh()
  await using target = await listenEcho()
  const port = await startMesh(mesh, target.at)
  await using streams = await runNumberedStreams(port, 4)
  await streams.untilMore(100_000)

  // Whichever carries them at first: with three kills each is left once.
  for (const name of ['second', 'hub', 'second']) {
    const isController = name === 'hub'
    streams.takeLongestPause()
    await stop(mesh, name)
    await streams.untilMore(200_000)
    t.diagnostic(`${name} killed: longest pause ${streams.takeLongestPause().toFixed(0)} ms`)
    assert.deepEqual(streams.faults, [])
    if (isController) await withoutController(mesh, port)
    await mesh.startHub(isController ? {} : { name, args: RELAY })
    await untilAttached(mesh)
  }
  await streams.untilMore(100_000)
  assert.deepEqual(streams.faults, [])
  t.diagnostic(`${(streams.byteCount / 1e6).toFixed(1)} MB there and back, every byte compared`)
})

/** What was dialled before can be dialled on; what is known of hubs is shown. */
async function withoutController(mesh: ProcessMesh, port: number): Promise<void> {
  await using more = await runNumberedStreams(port, 1)
  await more.untilMore(50_000)
  assert.deepEqual(more.faults, [])
  const known = await hubsSeenBy(mesh, 'work')
  assert.deepEqual(
    known.map(({ isRelay, isAttached }) => [isRelay, isAttached]),
    [[true, true]],
  )
}

const RELAYED = ['--path', 'relay', 'relay-h2']
const RELAY = ['--role', 'relay']

interface SeenHub {
  readonly id: string
  readonly isRelay?: boolean
  readonly isAttached: boolean
}

async function startMesh(mesh: ProcessMesh, target: string): Promise<number> {
  await mesh.startHub()
  await Promise.all(
    ['home', 'work'].map(async name => {
      await mesh.startAgent(name, { args: RELAYED })
      await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
    }),
  )
  const permit = join(mesh.folder, 'second.json')
  await mesh.run('home', 'create', 'hub', '--permit', permit)
  await mesh.startHub({ name: 'second', args: [...RELAY, '--permit', permit] })
  await untilAttached(mesh)
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/echo', '--targets', target)
  await mesh.run('work', 'tunnel', 'open', 'inbound', 'tcp/echo', '--listen', '127.0.0.1:0')
  return inboundPort(mesh, 'work', 'tcp/echo')
}

async function hubsSeenBy(mesh: ProcessMesh, agent: string): Promise<SeenHub[]> {
  return (await mesh.json(agent, 'get', 'hub')) as SeenHub[]
}

async function untilAttached(mesh: ProcessMesh): Promise<void> {
  for (const agent of ['home', 'work']) {
    await until(async () => {
      const hubs = await hubsSeenBy(mesh, agent)
      return hubs.length === 2 && hubs.every(({ isAttached }) => isAttached)
    }, `${agent} has links to both hubs`)
  }
}

async function stop(mesh: ProcessMesh, name: string): Promise<void> {
  await [...mesh.daemons].find(daemon => daemon.name === name)?.stop('SIGKILL')
}

async function listenEcho(): Promise<AsyncDisposable & { at: string }> {
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
