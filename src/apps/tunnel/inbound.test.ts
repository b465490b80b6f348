import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { type HostConnection, listenTcp } from '../../net/host-sockets.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { createTunnelRig, fateOf, readAll, type TunnelRig } from '../../testing/tunnel-rig.ts'
import { until } from '../../testing/until.ts'
import { TUNNEL_API } from './messages.ts'

const echo = (connection: HostConnection) => connection.pipe(connection)
const KEY = 'inbound/tcp/web'
const closeParams = { endpoint: 'near', protocol: 'tcp', name: 'web' } as const

/** A rig with an outbound `tcp/web` to an echo server. */
async function createEchoRig(): Promise<TunnelRig> {
  const rig = await createTunnelRig()
  const target = await rig.target(echo)
  // Without probes no timer runs but those of the inbound.
  await rig.outbound('web', { targets: [{ port: target.address.port }], isProbed: false })
  return rig
}

async function echoes(rig: TunnelRig, port: number, host?: string): Promise<string> {
  const client = await rig.connect(port, host)
  client.end('hello')
  return readAll(client)
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  await using listener = await listenTcp({ host: '127.0.0.1', port: 0 }, () => {})
  return listener.address.port
}

const listensOf = async (rig: TunnelRig) => (await rig.showInbound('web')).listens

describe('openInbound', () => {
  it('tells the port that was chosen and prepares to dial', async () => {
    await using rig = await createEchoRig()
    const { listens, exits, owner } = await rig.inbound('web', { listens: [{ port: 0 }] })
    const port = listens[0]?.port ?? 0
    assert.deepEqual(
      { listens, exits, owner, prepared: rig.near.prepared },
      {
        listens: [{ ip: '127.0.0.1', port, isOpen: true, connectionCount: 0 }],
        exits: [],
        owner: undefined,
        prepared: ['tcp/web'],
      },
    )
    assert.ok(port > 0)
    assert.equal(await echoes(rig, port), 'hello')
  })

  it('listens on IPv6, and on both families for `*`', async () => {
    await using rig = await createEchoRig()
    const { listens } = await rig.inbound('web', {
      listens: [
        { ip: '::1', port: 0 },
        { ip: '*', port: 0 },
      ],
    })
    const [six, both] = listens.map(({ port }) => port)
    assert.equal(await echoes(rig, six ?? 0, '::1'), 'hello')
    assert.equal(await echoes(rig, both ?? 0, '::1'), 'hello')
    assert.equal(await echoes(rig, both ?? 0, '127.0.0.1'), 'hello')
  })

  it('throws `port-in-use` with the address, and keeps nothing, when no listen can be opened', async () => {
    await using rig = await createEchoRig()
    const other = await rig.target(() => {})
    const { port } = other.address
    await assertRefused(
      rig.inbound('web', { listens: [{ port }] }),
      'port-in-use',
      new RegExp(`127\\.0\\.0\\.1:${port}`),
    )
    assert.equal(rig.near.records.has(KEY), false)
    await assertRefused(rig.showInbound('web'), 'not-found')
    await other[Symbol.asyncDispose]()
    rig.mesh.timers.advance(60_000)
    await listenTcp({ host: '127.0.0.1', port }, () => {}).then(listener => listener[Symbol.asyncDispose]())
  })

  it('opens what it can and tries the others again', async () => {
    await using rig = await createEchoRig()
    const other = await rig.target(() => {})
    const { port } = other.address
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }, { port }] })
    assert.deepEqual(
      listens.map(({ isOpen, error }) => [isOpen, error]),
      [
        [true, undefined],
        [false, `Cannot listen on 127.0.0.1:${port}: the port is in use by another program: choose another`],
      ],
    )
    await other[Symbol.asyncDispose]()
    rig.mesh.timers.advance(1_000)
    await until(async () => (await listensOf(rig)).every(({ isOpen }) => isOpen), 'both are open')
    assert.equal(await echoes(rig, port), 'hello')
  })

  it('changes an inbound without dropping connections of listens that stay', async () => {
    await using rig = await createEchoRig()
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }, { ip: '::1', port: 0 }] })
    const [stays, goes] = listens.map(({ port }) => port)
    const kept = await rig.connect(stays ?? 0)
    const dropped = await rig.connect(goes ?? 0, '::1')
    dropped.write('x')
    await until(
      async () => (await listensOf(rig)).every(({ connectionCount }) => connectionCount === 1),
      'both are there',
    )
    const exits = [rig.far.identity.endpoint]
    const changed = await rig.inbound('web', { listens: [{ port: stays ?? 0 }], exits })
    assert.equal(await fateOf(dropped), 'reset')
    kept.end('still here')
    assert.equal(await readAll(kept), 'still here')
    assert.deepEqual([changed.listens.map(({ port }) => port), changed.exits], [[stays], exits])
    await assertRefused(rig.connect(goes ?? 0, '::1'), 'unreachable')
    assert.equal(await echoes(rig, stays ?? 0), 'hello')
    assert.deepEqual(rig.near.dials.at(-1)?.options, { exits, owner: 'root' })
  })

  it('moves to another address of the same port', async () => {
    await using rig = await createEchoRig()
    const port = await freePort()
    await rig.inbound('web', { listens: [{ port }] })
    const { listens } = await rig.inbound('web', { listens: [{ ip: '0.0.0.0', port }] })
    assert.deepEqual(listens, [{ ip: '0.0.0.0', port, isOpen: true, connectionCount: 0 }])
    assert.equal(await echoes(rig, port), 'hello')
  })

  it('stays as it was when the change cannot be made, or not be kept', async () => {
    await using rig = await createEchoRig()
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
    const port = listens[0]?.port ?? 0
    const before = structuredClone(rig.near.records.get(KEY))
    const other = await rig.target(() => {})
    await assertRefused(rig.inbound('web', { listens: [{ port: other.address.port }] }), 'port-in-use')
    rig.near.faults.storage = new MeshError('storage-full', 'Cannot write: the disk is full')
    const next = await freePort()
    await assertRefused(rig.inbound('web', { listens: [{ port: next }] }), 'storage-full')
    await assertRefused(rig.inbound('new', { listens: [{ port: next }] }), 'storage-full')
    await assertRefused(rig.connect(next), 'unreachable')
    assert.deepEqual(await listensOf(rig), listens)
    assert.deepEqual(rig.near.records.get(KEY), before)
    assert.equal(await echoes(rig, port), 'hello')
  })

  it('refuses the same address twice, and both families beside IPv4', async () => {
    await using rig = await createEchoRig()
    const listens = [{ port: 9 }, { ip: '127.0.0.1', port: 9 }]
    await assertRefused(rig.inbound('web', { listens }), 'bad-input', /127\.0\.0\.1:9 twice/)
    const families = [
      { ip: '::', port: 9 },
      { ip: '0.0.0.0', port: 9 },
    ]
    await assertRefused(rig.inbound('web', { listens: families }), 'bad-input', /\[::\] takes IPv4 too/)
  })

  it('refuses hosts that are none', async () => {
    await using rig = await createEchoRig()
    for (const ip of ['', ' ', 'a\0b', 'a b', '../x', '127.0.0.1\n', '$(id)', '[::1]', 'x'.repeat(65)]) {
      await assertRefused(rig.inbound('web', { listens: [{ ip, port: 0 }] }), 'bad-input')
    }
  })

  it('takes two changes at once one after the other', async () => {
    await using rig = await createEchoRig()
    const port = await freePort()
    await Promise.all([
      rig.inbound('web', { listens: [{ port }] }),
      rig.inbound('web', { listens: [{ port }, { ip: '::1', port: 0 }] }),
      rig.inbound('web', { listens: [{ port }] }),
    ])
    assert.deepEqual(await listensOf(rig), [{ ip: '127.0.0.1', port, isOpen: true, connectionCount: 0 }])
  })

  it('leaves no port open when the app stops meanwhile', async () => {
    await using rig = await createEchoRig()
    const port = await freePort()
    const opening = rig.inbound('web', { listens: [{ port }] })
    await Promise.all([opening.catch(() => {}), rig.nearApp[Symbol.asyncDispose]()])
    await assertRefused(rig.connect(port), 'unreachable')
    await assertRefused(rig.inbound('new', { listens: [{ port }] }), 'offline', /the app is stopping/)
  })

  it('refuses one over the limit', async () => {
    await using rig = await createTunnelRig({ maxEnds: 1 })
    await rig.inbound('one', { listens: [{ port: 0 }] })
    await rig.inbound('one', { listens: [{ port: 0 }] })
    await assertRefused(rig.inbound('two', { listens: [{ port: 0 }] }), 'too-many', /close one first/)
  })
})

describe('closeInbound', () => {
  it('closes the port and resets its connections', async () => {
    await using rig = await createEchoRig()
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
    const port = listens[0]?.port ?? 0
    const client = await rig.connect(port)
    client.write('x')
    await until(async () => (await rig.showInbound('web')).owner === 'root', 'it is open')
    await rig.nearApp.call(TUNNEL_API.closeInbound, { params: closeParams })
    assert.equal(await fateOf(client), 'reset')
    await assertRefused(rig.connect(port), 'unreachable')
    await assertRefused(rig.nearApp.call(TUNNEL_API.closeInbound, { params: closeParams }), 'not-found')
    assert.equal(rig.near.records.size, 0)
  })

  it('is not undone by an owner who is met while it closes', async () => {
    await using rig = await createEchoRig()
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
    const release = rig.mesh.holdDials()
    await rig.connect(listens[0]?.port ?? 0)
    await until(() => rig.near.dials.length === 1, 'it is dialled')
    release()
    await rig.nearApp.call(TUNNEL_API.closeInbound, { params: closeParams })
    await until(() => rig.near.records.size === 0, 'nothing is kept')
    await rig.restartNear()
    await assertRefused(rig.showInbound('web'), 'not-found')
  })
})

describe('an inbound that was kept', () => {
  it('comes back at the same ports, chosen ones too', async () => {
    await using rig = await createEchoRig()
    const fixed = await freePort()
    const before = await rig.inbound('web', { listens: [{ port: 0 }, { port: fixed }] })
    await rig.restartNear()
    assert.deepEqual((await rig.showInbound('web')).listens, before.listens)
    assert.equal(await echoes(rig, before.listens[0]?.port ?? 0), 'hello')
    assert.equal(await echoes(rig, fixed), 'hello')
  })

  it('takes another port when the chosen one is gone', async () => {
    await using rig = await createEchoRig()
    const before = (await rig.inbound('web', { listens: [{ port: 0 }] })).listens[0]?.port ?? 0
    await rig.nearApp[Symbol.asyncDispose]()
    await rig.target(() => {}, { host: '127.0.0.1', port: before })
    rig.nearApp = await rig.near.start(rig.app)
    const [listen] = await listensOf(rig)
    assert.equal(listen?.isOpen, true)
    assert.notEqual(listen?.port, before)
    assert.equal(await echoes(rig, listen?.port ?? 0), 'hello')
  })

  it('is there with an error while its port is taken, and opens when it is free', async () => {
    await using rig = await createEchoRig()
    const port = await freePort()
    await rig.inbound('web', { listens: [{ port }] })
    await rig.nearApp[Symbol.asyncDispose]()
    const other = await rig.target(() => {}, { host: '127.0.0.1', port })
    rig.nearApp = await rig.near.start(rig.app)
    const [listen] = await listensOf(rig)
    assert.equal(listen?.isOpen, false)
    assert.match(listen?.error ?? '', /in use by another program/)
    assert.equal(rig.near.log.fieldsOf('tunnel.listen-failed')[0]?.code, 'port-in-use')
    await other[Symbol.asyncDispose]()
    rig.mesh.timers.advance(1_000)
    await until(async () => (await listensOf(rig))[0]?.isOpen === true, 'it is open')
    assert.equal((await listensOf(rig))[0]?.error, undefined)
    assert.equal(await echoes(rig, port), 'hello')
  })

  it('is tried again at most every 30 s', async () => {
    await using rig = await createEchoRig()
    const port = await freePort()
    await rig.inbound('web', { listens: [{ port }] })
    await rig.nearApp[Symbol.asyncDispose]()
    const other = await rig.target(() => {}, { host: '127.0.0.1', port })
    rig.nearApp = await rig.near.start(rig.app)
    // Each try waits for its timer: 1, 2, 4, 8, 16, 30, 30 s.
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000]) {
      rig.mesh.timers.advance(waitMs)
      await until(() => rig.mesh.timers.pendingCount > 0, 'the next try is planned')
    }
    await other[Symbol.asyncDispose]()
    rig.mesh.timers.advance(30_000)
    await until(async () => (await listensOf(rig))[0]?.isOpen === true, 'it is open')
  })
})

describe('the owner of a service', () => {
  it('is kept after the first dial, and another is refused from then on', async () => {
    await using rig = await createTunnelRig()
    const alice = rig.mesh.addEndpoint('hers', 'alice')
    const aliceApp = await alice.start(rig.app)
    const target = await rig.target(echo)
    const body = { targets: [{ port: target.address.port }], users: ['*' as const] }
    const at = (endpoint: string) => ({ endpoint, protocol: 'tcp', name: 'web' }) as const
    await aliceApp.call(TUNNEL_API.openOutbound, { params: at('hers'), body })
    const port = (await rig.inbound('web', { listens: [{ port: 0 }] })).listens[0]?.port ?? 0
    assert.equal(await echoes(rig, port), 'hello')
    await until(
      () => (rig.near.records.get(KEY) as { owner?: string }).owner === 'alice',
      'the owner is kept',
    )

    await aliceApp.call(TUNNEL_API.closeOutbound, { params: at('hers') })
    const mallory = rig.mesh.addEndpoint('his', 'mallory')
    const malloryApp = await mallory.start(rig.app)
    await malloryApp.call(TUNNEL_API.openOutbound, { params: at('his'), body })
    await rig.restartNear()
    assert.equal(await rig.fateOfNext(port), 'reset')
    const { owner, lastError } = await rig.showInbound('web')
    assert.deepEqual([owner, lastError], ['alice', `Cannot dial "tcp/web": it is mallory's now`])

    await rig.nearApp.call(TUNNEL_API.closeInbound, { params: closeParams })
    await rig.inbound('web', { listens: [{ port }] })
    assert.equal(await echoes(rig, port), 'hello')
    assert.equal((await rig.showInbound('web')).owner, 'mallory')
  })
})
