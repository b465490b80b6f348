import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { bindUdp, connectUdp } from '../../net/host-sockets.ts'
import { createLocalMesh, type LocalAgent, type LocalMeshOptions } from '../../testing/local-mesh.ts'
import { until } from '../../testing/until.ts'
import { type InboundInfo, TUNNEL_API } from './messages.ts'
import { tunnelApp } from './tunnel.ts'

/** A UDP tunnel over real sessions to a target that echoes, and a client at its other end. */
async function createUdpTunnel(paths: NonNullable<LocalMeshOptions['paths']>) {
  const mesh = await createLocalMesh({ paths })
  const [home, work] = [
    await mesh.join('home', { apps: [tunnelApp] }),
    await mesh.join('work', { apps: [tunnelApp] }),
  ]
  const target = await bindUdp({ host: '127.0.0.1', port: 0 }, (bytes, from) => target.send(bytes, from))
  await call(home, 'openOutbound', { targets: [{ port: target.address.port }] })
  const { listens } = (await call(work, 'openInbound', { listens: [{ port: 0 }] })) as InboundInfo
  const heard: number[] = []
  const to = { host: '127.0.0.1', port: listens[0]?.port ?? 0 }
  const client = await connectUdp(to, { onDatagram: bytes => heard.push(bytes.length) })
  return {
    heard,
    say: (length: number) => client.send(Buffer.alloc(length, 1)),
    session: () => work.membership.peers.all[0],
    /** Bytes that went beside the streams at each end, and in all at the dialling one. */
    sent() {
      const session = work.membership.peers.all[0]
      return { beside: session?.datagrams?.sentBytes ?? 0, all: session?.sentBytes ?? 0 }
    },
    /** Send a datagram of this length, and wait for that of its echo. */
    async echo(length: number): Promise<void> {
      const count = () => heard.filter(one => one === length).length
      const before = count()
      client.send(Buffer.alloc(length, 1))
      await until(() => count() > before, `${length} bytes are back`)
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await mesh[Symbol.asyncDispose]()
      await target[Symbol.asyncDispose]()
    },
  }
}

/** Call a route of the tunnel app as its user does. */
async function call({ membership }: LocalAgent, route: 'openInbound' | 'openOutbound', body: unknown) {
  const app = membership.apps.find(running => running.app === tunnelApp)
  const params = { endpoint: membership.self.endpoint, protocol: 'udp', name: 'echo' }
  const input = TUNNEL_API[route].body.parse(body)
  const handler = app?.instance.handlers[route] as (args: unknown) => Promise<unknown>
  return handler({ params, body: input, query: {}, caller: { source: 'user' } })
}

test('datagrams of a UDP tunnel go beside the streams of a punched path, those that are too long in them', async () => {
  await using tunnel = await createUdpTunnel(['punched'])
  // The first travels with the dial.
  await tunnel.echo(1_000)
  const first = tunnel.sent()
  assert.equal(first.beside, 0)
  for (let i = 0; i < 50; i++) await tunnel.echo(1_000)
  const then = tunnel.sent()
  assert.equal(then.beside, 50_000)
  assert.ok(then.all - first.all < 51_000, `${then.all - first.all} bytes went`)

  await tunnel.echo(9_000)
  const last = tunnel.sent()
  assert.equal(last.beside, 50_000)
  assert.ok(last.all - then.all > 9_000)
})

test('a UDP tunnel goes on with a new flow when its punched path is lost', async () => {
  await using tunnel = await createUdpTunnel(['punched'])
  await tunnel.echo(100)
  await tunnel.echo(100)
  const before = tunnel.session()
  assert.equal(before?.datagrams?.sentBytes, 100)
  before?.close(new MeshError('link-closed', 'Session ended: test'))
  // As programs do: the path to one peer is not looked for anew in the first moment.
  await until(() => {
    tunnel.say(200)
    return tunnel.heard.includes(200)
  }, 'an answer comes by the new flow')
  assert.notEqual(tunnel.session(), before)
  const again = tunnel.sent()
  for (let i = 0; i < 10; i++) await tunnel.echo(1_000)
  const last = tunnel.sent()
  const inStream = last.all - last.beside - (again.all - again.beside)
  assert.ok(inStream < 1_000 && last.beside - again.beside >= 10_000)
})

test('datagrams of a UDP tunnel over a relay all go in the stream', async () => {
  await using tunnel = await createUdpTunnel(['relay'])
  for (let i = 0; i < 5; i++) await tunnel.echo(1_000)
  assert.equal(tunnel.session()?.datagrams, undefined)
  assert.ok(tunnel.sent().all > 5_000)
})
