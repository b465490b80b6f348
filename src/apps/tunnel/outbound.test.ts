import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { type HostConnection, listenTcp } from '../../net/host-sockets.ts'
import { listen } from '../../net/hub-port.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { createTunnelRig, fateOf, readAll, type TunnelRig } from '../../testing/tunnel-rig.ts'
import { until } from '../../testing/until.ts'
import { TUNNEL_API } from './messages.ts'

const params = { endpoint: 'far', protocol: 'tcp', name: 'web' } as const
const echo = (connection: HostConnection) => connection.pipe(connection)
const says = (text: string) => (connection: HostConnection) => connection.end(text)

async function deadPort(): Promise<number> {
  await using listener = await listenTcp({ host: '127.0.0.1', port: 0 }, () => {})
  return listener.address.port
}

async function ask(rig: TunnelRig, port: number): Promise<string> {
  const client = await rig.connect(port)
  const answer = await readAll(client)
  client.end()
  return answer
}

describe('an outbound with several targets', () => {
  it('goes round them', async () => {
    await using rig = await createTunnelRig()
    const targets = [await rig.target(says('a')), await rig.target(says('b'))]
    const port = await rig.tunnel('web', ...targets.map(({ address }) => address.port))
    assert.deepEqual(
      [await ask(rig, port), await ask(rig, port), await ask(rig, port), await ask(rig, port)],
      ['a', 'b', 'a', 'b'],
    )
  })

  it('takes the one with the fewest connections when told to', async () => {
    await using rig = await createTunnelRig()
    const held: HostConnection[] = []
    const busy = await rig.target(connection => held.push(connection))
    const port = await rig.tunnel('web', busy.address.port)
    const first = await rig.connect(port)
    first.write('x')
    await until(() => held.length === 1, 'the first is connected')
    const free = await rig.target(says('free'))
    const targets = [{ port: busy.address.port }, { port: free.address.port }]
    await rig.outbound('web', { targets, balance: 'least-connections', isProbed: false })
    const second = await rig.connect(port)
    second.write('x')
    await until(() => held.length === 2, 'the second is connected: counting began with the method')
    for (let i = 0; i < 3; i++) {
      assert.equal(await ask(rig, port), 'free')
      await until(async () => (await rig.showOutbound('web')).connectionCount === 2, 'it has ended')
    }
  })

  it('passes over one that is down within the same attempt, early bytes included', async () => {
    await using rig = await createTunnelRig()
    const dead = await deadPort()
    const target = await rig.target(echo)
    const port = await rig.tunnel('web', dead, target.address.port)
    const client = await rig.connect(port)
    client.end('not lost')
    assert.equal(await readAll(client), 'not lost')
    const { targets, health, failedCount } = await rig.showOutbound('web')
    assert.deepEqual(
      { targets, health, failedCount },
      {
        targets: [
          {
            target: { host: '127.0.0.1', port: dead },
            health: 'down',
            connectionCount: 0,
            lastError: `Cannot connect to 127.0.0.1:${dead}: nothing listens there`,
          },
          {
            target: { host: '127.0.0.1', port: target.address.port },
            health: 'up',
            connectionCount: targets[1]?.connectionCount ?? -1,
          },
        ],
        health: 'partly',
        failedCount: 0,
      },
    )
    assert.equal(rig.far.hosted.get('tcp/web' as never)?.health, 'partly')
  })

  it('says what was tried and why when all are down', async () => {
    await using rig = await createTunnelRig()
    const [one, other] = [await deadPort(), await deadPort()]
    const port = await rig.tunnel('web', one, other)
    assert.equal(await rig.fateOfNext(port), 'reset')
    const reason = `Cannot reach a target of "tcp/web": 127.0.0.1:${one} (nothing listens there), 127.0.0.1:${other} (nothing listens there)`
    assert.equal((await rig.showInbound('web')).lastError, reason)
    const { health, lastError, failedCount, totalCount } = await rig.showOutbound('web')
    assert.deepEqual(
      { health, lastError, failedCount, totalCount },
      { health: 'down', lastError: reason, failedCount: 1, totalCount: 1 },
    )
    assert.equal(rig.far.hosted.get('tcp/web' as never)?.health, 'down')
    assert.deepEqual(rig.far.log.fieldsOf('tunnel.stream-refused'), [
      { service: 'tcp/web', code: 'target-refused', reason },
    ])
  })
})

describe('targets', () => {
  it('may be unix sockets', async () => {
    await using rig = await createTunnelRig()
    using folder = makeScratchFolder()
    const sockets = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, socket => {
      sockets.add(socket.on('error', () => {}))
      socket.pipe(socket)
    })
    await listen(server, { path: folder.file('app') })
    await rig.outbound('web', { targets: [{ unix: folder.file('app') }] })
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
    const client = await rig.connect(listens[0]?.port ?? 0)
    client.end('through a file')
    assert.equal(await readAll(client), 'through a file')
    const broken = await rig.connect(listens[0]?.port ?? 0)
    broken.write('x')
    await until(() => sockets.size === 2, 'it is connected')
    const closed = Promise.all(
      [...sockets].map(
        socket => new Promise(resolve => (socket.closed ? resolve(0) : socket.once('close', resolve))),
      ),
    )
    broken.reset()
    await closed
    await new Promise(resolve => server.close(resolve))
  })

  it('may be IPv6 addresses and names', async () => {
    await using rig = await createTunnelRig()
    const six = await rig.target(says('six'), { host: '::1', port: 0 })
    await rig.outbound('web', { targets: [{ host: '::1', port: six.address.port }] })
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
    assert.equal(await ask(rig, listens[0]?.port ?? 0), 'six')
    const named = await rig.target(says('named'))
    await rig.outbound('web', { targets: [{ host: 'localhost', port: named.address.port }] })
    assert.equal(await ask(rig, listens[0]?.port ?? 0), 'named')
  })

  it('are refused when they are none', async () => {
    await using rig = await createTunnelRig()
    const bad = [
      { host: '', port: 1 },
      { host: 'a b', port: 1 },
      { host: 'a\n', port: 1 },
      { host: 'a/b', port: 1 },
      { host: 'x'.repeat(254), port: 1 },
      { port: 0 },
      { port: 65_536 },
      { unix: 'relative' },
      { unix: '/a\0b' },
      { unix: `/${'x'.repeat(107)}` },
      { unix: '/x', port: 1 },
    ]
    for (const target of bad) await assertRefused(rig.outbound('web', { targets: [target] }), 'bad-input')
    await assertRefused(rig.outbound('web', { targets: [] }), 'bad-input')
    await assertRefused(
      rig.outbound('web', { targets: [{ unix: '/x' }] }, 'udp'),
      'bad-input',
      /UDP has none/,
    )
  })
})

describe('a range of ports', () => {
  it('goes to a range of targets one by one', async () => {
    await using rig = await createTunnelRig()
    const targets = [await rig.target(says('0')), await rig.target(says('1')), await rig.target(says('2'))]
    await rig.outbound('web', {
      targets: targets.map(({ address }) => ({ port: address.port })),
      isRange: true,
    })
    const { listens } = await rig.inbound('web', {
      listens: [{ port: 0 }, { ip: '::1', port: 0 }, { port: 0 }],
    })
    const answers: string[] = []
    for (const { ip, port } of [...listens, ...listens]) {
      const client = await rig.connect(port, ip)
      answers.push(await readAll(client))
      client.end()
    }
    // Ports of one address are a range; `::1` has one port alone, which goes round.
    assert.deepEqual([answers[0], answers[2], answers[3], answers[5]], ['0', '1', '0', '1'])
    assert.deepEqual(
      rig.near.dials.slice(0, 3).map(({ options }) => options.port),
      [0, undefined, 1],
    )
  })

  it('never takes the target of another port, even when its own is down', async () => {
    await using rig = await createTunnelRig()
    const [dead, alive] = [await deadPort(), await rig.target(says('alive'))]
    await rig.outbound('web', { targets: [{ port: dead }, { port: alive.address.port }], isRange: true })
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }, { port: 0 }] })
    assert.equal(await rig.fateOfNext(listens[0]?.port ?? 0), 'reset')
    assert.equal(await ask(rig, listens[1]?.port ?? 0), 'alive')
  })

  it('is spread over targets that are no range', async () => {
    await using rig = await createTunnelRig()
    const targets = [await rig.target(says('a')), await rig.target(says('b'))]
    await rig.outbound('web', { targets: targets.map(({ address }) => ({ port: address.port })) })
    const { listens } = await rig.inbound('web', { listens: [{ port: 0 }, { port: 0 }] })
    const first = listens[0]?.port ?? 0
    assert.deepEqual([await ask(rig, first), await ask(rig, first)], ['a', 'b'])
  })
})

describe('the health of targets', () => {
  it('is found out by probes: 30 s without use, then 1 s, 2 s after failures', async () => {
    await using rig = await createTunnelRig()
    const port = await deadPort()
    await rig.outbound('web', { targets: [{ port }] })
    const health = () => rig.far.hosted.get('tcp/web' as never)?.health
    rig.mesh.timers.advance(29_999)
    assert.deepEqual([health(), (await rig.showOutbound('web')).health], ['unknown', 'unknown'])
    rig.mesh.timers.advance(1)
    await until(() => health() === 'down', 'it is known to be down')
    assert.equal((await rig.showOutbound('web')).targets[0]?.health, 'down')
    const target = await rig.target(() => {}, { host: '127.0.0.1', port })
    rig.mesh.timers.advance(1_000)
    await until(() => health() === 'up', 'it is known to be up')
    await target[Symbol.asyncDispose]()
    rig.mesh.timers.advance(30_000)
    await until(() => health() === 'down', 'it is known to be down again')
    assert.deepEqual(
      rig.far.log.fieldsOf('tunnel.health').map(({ health }) => health),
      ['down', 'up', 'down'],
    )
    assert.equal((await rig.showOutbound('web')).totalCount, 0)
  })

  it('is not probed while connections are open, nor when that is turned off, nor of too many', async () => {
    await using rig = await createTunnelRig({ maxProbedTargets: 2 })
    let acceptedCount = 0
    const target = await rig.target(connection => {
      acceptedCount += 1
      connection.resume().once('end', () => connection.end())
    })
    const { port } = target.address
    const listen = await rig.tunnel('web', port)
    const client = await rig.connect(listen)
    client.write('x')
    await until(() => acceptedCount === 1, 'it is connected')
    rig.mesh.timers.advance(120_000)
    await rig.outbound('web', { targets: [{ port }], isProbed: false })
    client.end()
    await until(async () => (await rig.showOutbound('web')).connectionCount === 0, 'it has ended')
    rig.mesh.timers.advance(120_000)
    await rig.outbound('web', { targets: [{ port }, { port: 1 }, { port: 2 }] })
    rig.mesh.timers.advance(120_000)
    // A connection of our own comes after any probe that was begun.
    const last = await rig.connect(port)
    await until(() => acceptedCount >= 2, 'the last is accepted')
    assert.equal(acceptedCount, 2)
    last.destroy()
  })
})

describe('openOutbound', () => {
  it('throws `name-taken` and keeps nothing when the name is another user’s', async () => {
    await using rig = await createTunnelRig()
    await rig.outbound('web', { targets: [{ port: 9 }] })
    const other = rig.mesh.addEndpoint('other', 'bob')
    const app = await other.start(rig.app)
    await assertRefused(
      app.call(TUNNEL_API.openOutbound, {
        params: { ...params, endpoint: 'other' },
        body: { targets: [{ port: 9 }] },
      }),
      'name-taken',
    )
    assert.equal(other.records.size, 0)
    assert.equal(rig.mesh.timers.pendingCount, 1, 'nothing but the probe of the first outbound is planned')
  })

  it('hosts nothing when it cannot be kept', async () => {
    await using rig = await createTunnelRig()
    rig.far.faults.storage = new MeshError('storage-full', 'Cannot write: the disk is full')
    await assertRefused(rig.outbound('web', { targets: [{ port: 9 }] }), 'storage-full')
    assert.equal(rig.far.hosted.size, 0)
  })

  it('changes who may dial and where to, and keeps open connections', async () => {
    await using rig = await createTunnelRig()
    const [old, next] = [await rig.target(echo), await rig.target(says('next'))]
    const port = await rig.tunnel('web', old.address.port)
    const client = await rig.connect(port)
    client.write('x')
    await until(async () => (await rig.showOutbound('web')).connectionCount === 1, 'it is connected')
    const changed = await rig.outbound('web', {
      targets: [{ port: next.address.port }],
      users: ['bob' as never],
      entrances: [rig.near.identity.endpoint],
    })
    assert.deepEqual(
      { users: changed.users, entrances: changed.entrances },
      { users: ['bob'], entrances: [rig.near.identity.endpoint] },
    )
    assert.deepEqual(rig.far.hosted.get('tcp/web' as never)?.options.access, {
      users: ['bob'],
      entrances: [rig.near.identity.endpoint],
    })
    assert.equal(await ask(rig, port), 'next')
    client.end('y')
    assert.equal(await readAll(client), 'xy')
  })

  it('closes: nothing is hosted, connections are reset', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(echo)
    const client = await rig.connect(await rig.tunnel('web', target.address.port))
    client.write('x')
    await until(async () => (await rig.showOutbound('web')).connectionCount === 1, 'it is connected')
    await rig.farApp.call(TUNNEL_API.closeOutbound, { params })
    assert.equal(await fateOf(client), 'reset')
    assert.deepEqual([rig.far.hosted.size, rig.far.records.size, rig.mesh.timers.pendingCount], [0, 0, 0])
    await assertRefused(rig.showOutbound('web'), 'not-found')
  })

  it('breaks off what is being connected when it closes', async () => {
    await using rig = await createTunnelRig()
    const connected: HostConnection[] = []
    const target = await rig.target(connection => connected.push(connection))
    const client = await rig.connect(await rig.tunnel('web', target.address.port))
    client.on('error', () => {})
    await until(() => rig.near.dials.length === 1, 'it is dialled')
    await rig.farApp.call(TUNNEL_API.closeOutbound, { params })
    assert.equal(await fateOf(client), 'reset')
    await until(() => connected.every(({ closed }) => closed), 'the target is let go')
  })

  it('refuses streams over the limit', async () => {
    await using rig = await createTunnelRig({ maxConnections: 1 })
    const other = rig.mesh.addEndpoint('other')
    const otherApp = await other.start(rig.app)
    const target = await rig.target(echo)
    const port = await rig.tunnel('web', target.address.port)
    const client = await rig.connect(port)
    client.write('x')
    await until(async () => (await rig.showOutbound('web')).connectionCount === 1, 'it is connected')
    const { listens } = await otherApp.call(TUNNEL_API.openInbound, {
      params: { ...params, endpoint: 'other' },
      body: { listens: [{ port: 0 }] },
    })
    assert.equal(await rig.fateOfNext(listens[0]?.port ?? 0), 'reset')
    assert.match((await rig.showOutbound('web')).lastError ?? '', /1 are open at its endpoint/)
  })
})

describe('an outbound that was kept', () => {
  it('is there with an error while it cannot be hosted, and is tried again', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(says('back'))
    const port = await rig.tunnel('web', target.address.port)
    await rig.farApp[Symbol.asyncDispose]()
    rig.far.faults.serve = new MeshError('name-taken', `Cannot host "tcp/web": it is bob's`)
    await using again = await rig.far.start(rig.app)
    const { error } = await again.call(TUNNEL_API.showOutbound, { params })
    assert.equal(error, `Cannot host "tcp/web": it is bob's`)
    rig.far.faults.serve = undefined
    rig.mesh.timers.advance(1_000)
    const shown = () => again.call(TUNNEL_API.showOutbound, { params })
    await until(async () => (await shown()).error === undefined, 'it is hosted')
    assert.equal(await ask(rig, port), 'back')
  })

  it('may be changed while hosting it is tried again', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(says('changed'))
    const port = await rig.tunnel('web', 9)
    await rig.farApp[Symbol.asyncDispose]()
    rig.far.faults.serve = new MeshError('offline', 'Cannot host "tcp/web": no hub')
    await using again = await rig.far.start(rig.app)
    rig.far.faults.serve = undefined
    rig.mesh.timers.advance(1_000)
    const body = { targets: [{ port: target.address.port }], entrances: [rig.near.identity.endpoint] }
    const changed = await again.call(TUNNEL_API.openOutbound, { params, body })
    assert.equal(changed.error, undefined)
    assert.deepEqual(rig.far.hosted.get('tcp/web' as never)?.options.access, {
      users: [],
      entrances: body.entrances,
    })
    assert.equal(await ask(rig, port), 'changed')
    rig.mesh.timers.advance(10_000)
    assert.equal((await again.call(TUNNEL_API.showOutbound, { params })).error, undefined)
  })
})
