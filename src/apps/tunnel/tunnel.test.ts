import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../../core/model/errors.ts'
import { parseName } from '../../core/model/names.ts'
import type { HostConnection } from '../../net/host-sockets.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { createTunnelRig, readAll, type TunnelRig } from '../../testing/tunnel-rig.ts'
import { TUNNEL_API } from './messages.ts'

const echo = (connection: HostConnection) => connection.pipe(connection)
const web = { protocol: 'tcp', name: 'web' } as const

describe('the API for another endpoint', () => {
  it('passes a setting on whole: users and entrances too', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(echo)
    const body = {
      targets: [{ host: 'localhost', port: target.address.port }],
      users: ['bob', 'carol'],
      entrances: [rig.near.identity.endpoint],
      balance: 'least-connections',
      isRange: true,
      isProbed: false,
    } as const
    for (const endpoint of ['far', rig.far.identity.endpoint]) {
      const answer = await rig.nearApp.call(TUNNEL_API.openOutbound, {
        params: { endpoint, ...web },
        body: structuredClone(body) as never,
      })
      const { users, entrances, balance, isRange, isProbed } = answer
      assert.deepEqual(
        { users, entrances, balance, isRange, isProbed },
        {
          users: body.users,
          entrances: body.entrances,
          balance: body.balance,
          isRange: true,
          isProbed: false,
        },
      )
    }
    assert.deepEqual(rig.far.hosted.get('tcp/web' as never)?.options.access, {
      users: body.users,
      entrances: body.entrances,
    })
    assert.deepEqual(rig.far.records.get('outbound/tcp/web'), { version: 1, setting: structuredClone(body) })
    assert.equal(rig.near.records.size, 0)
  })

  it('shows, lists and closes the ends there', async () => {
    await using rig = await createTunnelRig()
    const exits = [rig.near.identity.endpoint]
    const params = { endpoint: 'far', ...web }
    const opened = await rig.nearApp.call(TUNNEL_API.openInbound, {
      params,
      body: { listens: [{ port: 0 }], exits },
    })
    assert.deepEqual(opened.exits, exits)
    assert.deepEqual(await rig.nearApp.call(TUNNEL_API.showInbound, { params }), opened)
    assert.deepEqual(await rig.nearApp.call(TUNNEL_API.listInbounds, { params: { endpoint: 'far' } }), {
      inbounds: [opened],
    })
    assert.deepEqual(await rig.nearApp.call(TUNNEL_API.listInbounds, { params: { endpoint: 'near' } }), {
      inbounds: [],
    })
    assert.equal(await rig.nearApp.call(TUNNEL_API.closeInbound, { params }), undefined)
    await assertRefused(
      rig.nearApp.call(TUNNEL_API.showInbound, { params }),
      'not-found',
      /at endpoint "far"/,
    )
    await assertRefused(rig.nearApp.call(TUNNEL_API.closeOutbound, { params }), 'not-found')
  })

  it('passes on the errors of that endpoint', async () => {
    await using rig = await createTunnelRig()
    const { port } = (await rig.target(() => {})).address
    const params = { endpoint: 'far', ...web }
    const body = { listens: [{ port }] }
    await assertRefused(rig.nearApp.call(TUNNEL_API.openInbound, { params, body }), 'port-in-use')
    rig.far.isOnline = false
    await assertRefused(rig.nearApp.call(TUNNEL_API.openInbound, { params, body }), 'offline')
    const nobody = { params: { ...params, endpoint: 'nobody' }, body }
    await assertRefused(rig.nearApp.call(TUNNEL_API.openInbound, nobody), 'not-found')
    rig.mesh.addEndpoint('hers', 'alice')
    const hers = { params: { ...params, endpoint: 'hers' }, body }
    await assertRefused(rig.nearApp.call(TUNNEL_API.openInbound, hers), 'denied')
  })

  it('never passes on what another endpoint passed on', async () => {
    await using rig = await createTunnelRig()
    const caller = { source: 'peer', identity: rig.far.identity } as const
    const third = rig.mesh.addEndpoint('third')
    const thirdApp = await third.start(rig.app)
    const body = { targets: [{ port: 9 }] }
    for (const endpoint of ['third', third.identity.endpoint]) {
      const path = `/api/endpoints/${endpoint}/outbound/tcp/web`
      await assertRefused(
        rig.nearApp.request(caller, { method: 'POST', path, body }),
        'denied',
        /ask it directly/,
      )
    }
    assert.deepEqual(await thirdApp.call(TUNNEL_API.listOutbounds, { params: { endpoint: 'third' } }), {
      outbounds: [],
    })
    const own = `/api/endpoints/${rig.near.identity.endpoint}/outbound/tcp/web`
    await rig.nearApp.request(caller, { method: 'POST', path: own, body })
    assert.equal(rig.near.records.size, 1)
  })
})

describe('listTunnels', () => {
  it('joins what others host with what is open here', async () => {
    await using rig = await createTunnelRig()
    const alice = rig.mesh.addEndpoint('hers', 'alice')
    const aliceApp = await alice.start(rig.app)
    await aliceApp.call(TUNNEL_API.openOutbound, {
      params: { endpoint: 'hers', protocol: 'udp', name: 'dns' },
      body: { targets: [{ port: 53 }], users: ['*'] },
    })
    await aliceApp.call(TUNNEL_API.openOutbound, {
      params: { endpoint: 'hers', protocol: 'tcp', name: 'secret' },
      body: { targets: [{ port: 9 }] },
    })
    await rig.outbound('web', { targets: [{ port: 9 }] })
    await rig.inbound('web', { listens: [{ port: 0 }] })
    await rig.inbound('lonely', { listens: [{ port: 0 }] })
    const near = { id: rig.near.identity.endpoint, name: 'near' }
    const far = { id: rig.far.identity.endpoint, name: 'far' }
    const hers = { id: alice.identity.endpoint, name: 'hers' }
    const tunnels = [
      { protocol: 'tcp', name: 'lonely', inbound: [near], outbound: [] },
      {
        protocol: 'tcp',
        name: 'web',
        owner: 'root',
        inbound: [near],
        outbound: [{ ...far, isOnline: true, health: 'unknown' }],
      },
      {
        protocol: 'udp',
        name: 'dns',
        owner: 'alice',
        inbound: [],
        outbound: [{ ...hers, isOnline: true, health: 'unknown' }],
      },
    ]
    assert.deepEqual(await rig.nearApp.call(TUNNEL_API.listTunnels, {}), { tunnels })
    assert.deepEqual(
      await rig.nearApp.call(TUNNEL_API.showTunnel, { params: { protocol: 'tcp', name: 'web' } }),
      tunnels[1],
    )
    const secret = { params: { protocol: 'tcp', name: 'secret' } } as const
    await assertRefused(rig.nearApp.call(TUNNEL_API.showTunnel, secret), 'not-found')
  })

  it('shows what is at this endpoint while no hub can be reached', async () => {
    await using rig = await createTunnelRig()
    await rig.outbound('web', { targets: [{ port: 9 }] })
    rig.far.isOnline = false
    const { tunnels } = await rig.farApp.call(TUNNEL_API.listTunnels, {})
    const far = { id: rig.far.identity.endpoint, name: 'far', isOnline: true, health: 'unknown' }
    assert.deepEqual(tunnels, [{ ...web, owner: 'root', inbound: [], outbound: [far] }])
  })
})

describe('what is kept', () => {
  it('is opened again at the next start, outbounds with who may dial', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(echo)
    const body = { targets: [{ port: target.address.port }], users: ['bob' as never] }
    const before = await rig.outbound('web', body)
    await rig.farApp[Symbol.asyncDispose]()
    assert.equal(rig.far.hosted.size, 0)
    await using again = await rig.far.start(rig.app)
    const after = await again.call(TUNNEL_API.showOutbound, { params: { endpoint: 'far', ...web } })
    assert.deepEqual(after, before)
    assert.deepEqual(rig.far.hosted.get('tcp/web' as never)?.options.access, {
      users: ['bob'],
      entrances: [],
    })
  })

  it('is left alone and logged where it cannot be read', async () => {
    await using rig = await createTunnelRig()
    const { listens } = await rig.inbound('good', { listens: [{ port: 0 }] })
    const bad = {
      'inbound/tcp/newer': { version: 2, setting: { listens: [{ port: 1 }] } },
      'inbound/tcp/empty': null,
      'inbound/sctp/x': { version: 1, setting: { listens: [{ port: 1 }], exits: [] }, chosenPorts: [] },
      'outbound/tcp/extra': { version: 1, setting: { targets: [{ port: 1 }] }, unknown: true },
      'outbound/tcp/bad': { version: 1, setting: { targets: [{ host: 'a b', port: 1 }] } },
      'outbound/udp/unix': { version: 1, setting: { targets: [{ unix: '/x' }] } },
    }
    for (const [key, value] of Object.entries(bad)) rig.near.records.set(key, value)
    await rig.restartNear()
    assert.deepEqual((await rig.showInbound('good')).listens, listens)
    assert.deepEqual(
      rig.near.log.fieldsOf('tunnel.record-unreadable').map(({ key }) => key),
      [
        'inbound/sctp/x',
        'inbound/tcp/empty',
        'inbound/tcp/newer',
        'outbound/tcp/bad',
        'outbound/tcp/extra',
        'outbound/udp/unix',
      ],
    )
    for (const [key, value] of Object.entries(bad)) assert.deepEqual(rig.near.records.get(key), value)
  })

  it('is not opened at all when the storage cannot be read: the start fails', async () => {
    await using rig = await createTunnelRig()
    const host = rig.near.host(rig.app)
    const storage = {
      ...host.storage,
      list: async () => {
        throw new MeshError('storage-failed', 'Cannot read')
      },
    }
    await assertRefused(rig.app.start({ ...host, storage }), 'storage-failed')
  })
})

describe('names', () => {
  it('of any script go through the path, the records and a restart', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(echo)
    for (const name of [
      'база данных',
      '数据库',
      'a?b#c%2F&d',
      '__proto__',
      'constructor',
      'x'.repeat(64),
      "'; drop",
    ]) {
      const port = await rig.tunnel(name, target.address.port)
      await rig.restartNear()
      const client = await rig.connect(port)
      client.end(name)
      assert.equal(await readAll(client), name)
      assert.equal((await rig.showInbound(name)).name, name)
    }
  })

  it('that are none are refused, whatever they are', async () => {
    await using rig = await createTunnelRig()
    const isBad = (name: string) => {
      try {
        return parseName(name) === undefined
      } catch {
        return true
      }
    }
    const path = (name: string) => `/api/endpoints/near/inbound/tcp/${encodeURIComponent(name)}`
    const body = { listens: [{ port: 0 }] }
    const refuses = async (name: string) => {
      await assert.rejects(post(rig, path(name), body))
      assert.equal(rig.near.records.size, 0)
    }
    for (const name of ['', '.', '..', 'a/b', '../x', ' x', 'x\n', 'x\0', 'a\u202eb', 'x'.repeat(65)])
      await refuses(name)
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 70 }).filter(isBad), refuses), {
      numRuns: 50,
    })
  })
})

/** Ask the API with anything; what is not text that HTTP can carry fails on the way. */
async function post(rig: TunnelRig, path: string, body: unknown): Promise<unknown> {
  return rig.nearApp.request({ source: 'user' }, { method: 'POST', path, body })
}
