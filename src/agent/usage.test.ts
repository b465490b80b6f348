import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseServiceName } from '../core/model/names.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { createCommerceClient } from '../net/commerce-client.ts'
import { startCommerceServer } from '../testing/commerce-server.ts'
import { echo, echoOver, hostEcho, openStream } from '../testing/echo-service.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { until } from '../testing/until.ts'

const EVERYBODY = { users: ['*' as const] }

/** A mesh where dials are paid for: alice's agent hosts, bob's dials. Balances are asked for again each second. */
async function createRig({ settleMs = 60_000, paths }: { settleMs?: number; paths?: PathKind[] } = {}) {
  const folder = makeScratchFolder()
  const server = await startCommerceServer({ file: folder.file('commerce.db') })
  const mesh = await createLocalMesh({
    ...(paths && { paths }),
    billing: () => ({
      commerce: createCommerceClient({ url: server.url, token: async () => 'mesh-token' }),
      recheckMs: 1_000,
      settleMs,
      after(ms, call) {
        const timer = setTimeout(call, ms)
        return () => clearTimeout(timer)
      },
      random: Math.random,
    }),
  })
  const root = await mesh.join('root')
  const host = await mesh.join('host', { permit: await mesh.invite('alice') })
  const guest = await mesh.join('guest', { permit: await mesh.invite('bob') })
  return {
    server,
    mesh,
    root,
    host,
    guest,
    usage: async () => (await root.membership.link.call(CONTROLLER_API.listUsage, {})).usage,
    charged: () =>
      server.books
        .charged()
        .map(({ user, service, bytesSent, bytesReceived }) => [user, service, bytesSent, bytesReceived]),
    async [Symbol.asyncDispose]() {
      await mesh[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

const reportsKept = async ({ store }: LocalAgent) => (await store.list('usage/')).length

suite('a metered stream', { concurrency: 3 }, () => {
  for (const name of ['tcp/echo', 'udp/echo']) {
    test(`of ${name} is counted by both ends to the byte, early bytes included, and charged once`, async () => {
      await using rig = await createRig()
      const { service } = await hostEcho(rig.host, name, EVERYBODY)
      assert.equal(await echo(rig.guest, service, 'x'.repeat(30_000)), 'x'.repeat(30_000))
      await until(() => rig.charged().length > 0, 'it is charged')
      assert.deepEqual(rig.charged(), [['bob', name, 30_000, 30_000]])
      const [one] = await rig.usage()
      assert.deepEqual(
        [one?.verdict, one?.dialler.user, one?.host?.user, one?.isOpen],
        ['agree', 'bob', 'alice', false],
      )
      await until(async () => {
        const { pairs } = await rig.root.membership.link.call(CONTROLLER_API.listUsage, {})
        // The hub copied it all, with TLS around it.
        const [pair] = pairs
        return pair?.endBytes === 60_000 && pair.withoutHub === 0 && pair.hubOnly > 0
      }, 'the hub has said what it copied')
      await until(
        async () => (await reportsKept(rig.guest)) + (await reportsKept(rig.host)) === 0,
        'none waits',
      )
    })
  }

  test('that is broken by the dialler is charged by what was counted', async () => {
    await using rig = await createRig()
    const { service } = await hostEcho(rig.host, 'tcp/echo', EVERYBODY)
    const stream = await openStream(rig.guest, service)
    await echoOver(stream, 'hello')
    stream.destroy()
    await until(() => rig.charged().length > 0, 'it is charged')
    assert.deepEqual(rig.charged(), [['bob', 'tcp/echo', 5, 5]])
  })

  test('that outlives its path is counted to the byte, what was sent again once', async () => {
    await using rig = await createRig()
    const { service } = await hostEcho(rig.host, 'tcp/echo', EVERYBODY)
    const stream = await openStream(rig.guest, service)
    const text = 'x'.repeat(200_000)
    for (let round = 0; round < 5; round += 1) {
      const back = echoOver(stream, text)
      rig.guest.membership.peers.drop(() => true, new MeshError('link-closed', 'Dropped'))
      assert.equal((await back).length, text.length)
    }
    stream.end()
    await once(stream.resume(), 'end')
    await until(
      () => rig.charged().reduce((sum, [, , sent]) => sum + Number(sent), 0) >= 1_000_000,
      'it is charged',
    )
    await until(async () => (await rig.usage()).every(({ isOpen }) => !isOpen), 'both ends have reported')
    const [one, ...more] = await rig.usage()
    assert.deepEqual(
      [one?.verdict, one?.charged.bytesSent, one?.charged.bytesReceived, more],
      ['agree', 1_000_000, 1_000_000, []],
    )
  })

  test('of datagrams counts those beside it', async () => {
    await using rig = await createRig({ paths: ['punched'] })
    const service = parseServiceName('udp/echo')
    await rig.host.host.serve(service, {
      access: { users: ['*'], entrances: [] },
      onStream(incoming) {
        const { datagrams } = incoming
        if (datagrams !== undefined) datagrams.onDatagram = bytes => void datagrams.send(bytes)
        incoming.accept().on('error', () => {})
      },
    })
    const { stream, datagrams } = await rig.guest.host.dial(service, { takesDatagrams: true }).opened
    stream.on('error', () => {})
    assert.ok(datagrams !== undefined)
    let backBytes = 0
    datagrams.onDatagram = bytes => {
      backBytes += bytes.length
    }
    assert.equal(datagrams.send(Buffer.alloc(1_000)), true)
    await until(() => backBytes === 1_000, 'it is back')
    stream.destroy()
    await until(() => rig.charged().length > 0, 'it is charged')
    assert.deepEqual(rig.charged(), [['bob', 'udp/echo', 1_000, 1_000]])
    assert.equal((await rig.usage())[0]?.verdict, 'agree')
  })

  test('whose dialler reports nothing is charged by what the host says', async () => {
    await using rig = await createRig({ settleMs: 100 })
    const { service } = await hostEcho(rig.host, 'tcp/echo', EVERYBODY)
    const stream = await openStream(rig.guest, service)
    await echoOver(stream, 'hello')
    // As if it were killed: nothing it does from now on reaches the hub.
    const { link } = rig.guest.membership
    Object.assign(link, { call: () => Promise.reject(new Error('killed')) })
    stream.destroy()
    await until(() => rig.charged().length > 0, 'it is charged')
    assert.deepEqual(rig.charged(), [['bob', 'tcp/echo', 5, 5]])
    assert.equal((await rig.usage())[0]?.verdict, 'no-dialler')
    assert.equal(await reportsKept(rig.guest), 1)
  })

  test('that ends while the hub is away is reported when it is back', async () => {
    await using rig = await createRig()
    const { service } = await hostEcho(rig.host, 'tcp/echo', EVERYBODY)
    const stream = await openStream(rig.guest, service)
    await echoOver(stream, 'hello')
    await rig.mesh.stopHub()
    stream.destroy()
    await until(
      async () => (await reportsKept(rig.guest)) + (await reportsKept(rig.host)) === 2,
      'both keep it',
    )
    assert.deepEqual(rig.charged(), [])
    await rig.mesh.restartHub()
    await until(() => rig.charged().length > 0, 'it is charged')
    assert.deepEqual(rig.charged(), [['bob', 'tcp/echo', 5, 5]])
  })

  test('ends at both ends when the balance is gone, and nobody dials again before it is back', async () => {
    await using rig = await createRig()
    const web = await hostEcho(rig.host, 'tcp/echo', EVERYBODY)
    const stream = await openStream(rig.guest, web.service)
    await echoOver(stream, 'hello')
    rig.server.books.set('bob', { balance: 0 })
    const [error] = (await once(stream, 'error')) as [MeshError]
    assert.equal(error.code, 'insufficient-balance')
    await until(() => web.open.size === 0, 'it ended at the host')
    await assertRefused(openStream(rig.guest, web.service), 'insufficient-balance')
    await until(() => rig.charged().length > 0, 'what it used is charged')
    rig.server.books.set('bob', { balance: 1 })
    await until(async () => {
      const text = await echo(rig.guest, web.service, 'again').catch(() => '')
      return text === 'again'
    }, 'dials are let through again')
  })

  test('is charged while it lasts, and the balance that it uses up ends it', async () => {
    await using rig = await createRig()
    const { service } = await hostEcho(rig.host, 'tcp/echo', EVERYBODY)
    // One unit a gigabyte: this pays for a megabyte, and the dial.
    rig.server.books.set('bob', { balance: 0.011 })
    const stream = await openStream(rig.guest, service)
    const ended = once(stream, 'error') as Promise<[MeshError]>
    stream.resume()
    stream.write(Buffer.alloc(1_000_000))
    const [error] = await ended
    assert.equal(error.code, 'insufficient-balance')
    await until(() => rig.charged().length > 0, 'it is charged')
    const total = rig.server.books.charged().reduce((sum, { bytesSent }) => sum + bytesSent, 0)
    assert.equal(total, 1_000_000)
  })
})

test('where dials are free nothing is metered, and nothing is kept', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const guest = await mesh.join('guest')
  const { service } = await hostEcho(host, 'tcp/echo')
  assert.equal(await echo(guest, service, 'hello'), 'hello')
  assert.deepEqual([await reportsKept(host), await reportsKept(guest)], [0, 0])
})
