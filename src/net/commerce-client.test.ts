import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import type { UsageRecord } from '../core/billing/usage.ts'
import { type CommerceFault, startCommerceServer } from '../testing/commerce-server.ts'
import { assertRefused } from '../testing/refusal.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { createCommerceClient, parseCommerceUrl } from './commerce-client.ts'

const USAGE: UsageRecord = {
  id: 's1.a.0',
  service: 'tcp/web',
  sessionId: 's1',
  bytesSent: 500_000_000,
  bytesReceived: 1_500_000_000,
  durationMs: 30,
}

async function openRig(timeoutMs = 10_000) {
  const folder = makeScratchFolder()
  const server = await startCommerceServer({ file: folder.file('commerce.db') })
  const clientOf = (token: string) =>
    createCommerceClient({ url: server.url, token: async () => token, timeoutMs })
  const client = clientOf('user:bob')
  return {
    server,
    client,
    clientOf,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]()
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

suite('createCommerceClient()', () => {
  test('asks for the balance of a service, and of a user for the mesh', async () => {
    await using rig = await openRig()
    rig.server.books.set('bob', { balance: 12.5, holds: 2, minimum: 1 })
    const balance = { available: 10_500_000, minimum: 1_000_000, currency: 'USD' }
    assert.deepEqual(await rig.client.balance({ service: 'tcp/wéb x' }), balance)
    using mesh = rig.clientOf('mesh-token')
    assert.deepEqual(await mesh.balance({ service: 'tcp/web', user: 'bob' }), balance)
    assert.deepEqual(rig.server.requests, [
      'GET /v1/billing/balance?service=tcp%2Fw%C3%A9b+x',
      'GET /v1/billing/balance?service=tcp%2Fweb&user=bob',
    ])
  })

  test('records usage once for each key, also when two come at once', async () => {
    await using rig = await openRig()
    rig.server.delayMs = 20
    const both = await Promise.allSettled([rig.client.record(USAGE), rig.client.record(USAGE)])
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    rig.server.delayMs = 0
    assert.equal(await rig.client.record(USAGE), 'recorded')
    assert.equal(await rig.client.record({ ...USAGE, id: 's1.b.0' }), 'recorded')
    assert.deepEqual(
      rig.server.books.charged().map(({ key, user, amountMicros }) => [key, user, amountMicros]),
      [
        ['s1.a.0', 'bob', 2_010_000],
        ['s1.b.0', 'bob', 2_010_000],
      ],
    )
    assert.equal((await rig.client.balance({ service: 'tcp/web' })).available, 5_980_000)
  })

  test('says billing-failed for a token that is refused, or none', async () => {
    await using rig = await openRig()
    using stranger = rig.clientOf('nobody')
    await assertRefused(stranger.balance({ service: 'tcp/web' }), 'billing-failed', /answers 401.*token/)
    using forging = rig.clientOf('a\r\nx-user: root')
    await assertRefused(forging.balance({ service: 'tcp/web' }), 'billing-failed', /token/)
    await assertRefused(rig.client.balance({ service: 'tcp/web', user: 'alice' }), 'billing-failed', /403/)
    assert.equal(rig.server.books.charged().length, 0)
  })

  test('takes what will never be taken for refused', async () => {
    await using rig = await openRig()
    assert.equal(await rig.client.record({ ...USAGE, bytesSent: -1 }), 'refused')
  })

  for (const fault of [
    'down',
    'silent',
    'trickle',
    'error',
    'not-json',
    'huge',
    'redirect',
    'unlogged',
  ] satisfies CommerceFault[]) {
    test(`says billing-failed when Commerce is ${fault}`, async () => {
      await using rig = await openRig(fault === 'silent' || fault === 'trickle' ? 1_000 : 10_000)
      rig.server.fault = fault
      await assertRefused(rig.client.balance({ service: 'tcp/web' }), 'billing-failed')
      await assertRefused(rig.client.record(USAGE), 'billing-failed')
      rig.server.fault = undefined
      assert.equal((await rig.client.balance({ service: 'tcp/web' })).available, 10_000_000)
    })
  }

  test('says billing-failed when nothing listens there', async () => {
    await using rig = await openRig()
    await rig.server[Symbol.asyncDispose]()
    await assertRefused(rig.client.balance({ service: 'tcp/web' }), 'billing-failed', /nothing listens/)
    rig.server[Symbol.asyncDispose] = async () => {}
  })

  test('asks again where a connection that was kept open had ended', async () => {
    let count = 0
    const server = http.createServer((request, response) => {
      count += 1
      // The second request on a connection meets its end.
      if (count === 2) request.socket.destroy()
      else response.end('{"balance": 1}')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    using client = createCommerceClient({ url: `http://127.0.0.1:${port}`, token: async () => 't' })
    await client.balance({ service: 'tcp/web' })
    assert.equal((await client.balance({ service: 'tcp/web' })).available, 1_000_000)
    assert.equal(count, 3)
    client[Symbol.dispose]()
    await new Promise(resolve => server.close(resolve))
  })
})

test('parseCommerceUrl() takes https, and http to this computer alone', () => {
  assert.equal(parseCommerceUrl('https://api.example/commerce').href, 'https://api.example/commerce/')
  assert.equal(parseCommerceUrl('http://localhost:9/').href, 'http://localhost:9/')
  assert.equal(parseCommerceUrl('http://[::1]:9').href, 'http://[::1]:9/')
  const wrong = [
    '',
    'api.example',
    'http://api.example',
    'http://127.0.0.1.example',
    'https://me:secret@api.example',
    'https://api.example/?x=1',
    'file:///etc/passwd',
  ]
  for (const text of wrong) assert.throws(() => parseCommerceUrl(text), { code: 'bad-input' }, text)
})
