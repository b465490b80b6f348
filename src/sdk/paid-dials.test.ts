import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createCommerceClient } from '../net/commerce-client.ts'
import { startCommerceServer } from '../testing/commerce-server.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { createSdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'
import { ZtmError } from './ztm-error.ts'

/** A program that hosts an echo, and one that pays for its dials. @param isMeshPaid  the mesh asks for money too */
async function createRig({ isMeshPaid }: { isMeshPaid: boolean }) {
  const folder = makeScratchFolder()
  const server = await startCommerceServer({ file: folder.file('commerce.db') })
  const billing = () => ({
    commerce: createCommerceClient({ url: server.url, token: async () => 'mesh-token' }),
    recheckMs: 1_000,
    after(ms: number, call: () => void) {
      const timer = setTimeout(call, ms)
      return () => clearTimeout(timer)
    },
    random: Math.random,
  })
  const lab = await createSdkLab(isMeshPaid ? { billing } : {})
  await lab.service('echo')
  const host = lab.context(await lab.identity('host', 'host'))
  const listener = await host.listen('echo')
  listener.onConnection(connection => connection.pipe(connection))
  const ann = await lab.identity('ann', 'dialler')
  await lab.manage('PATCH', `/identities/${ann.id}`, { externalId: 'acme/ann' })
  server.tokens.set(ann.apiKey, 'acme/ann')
  const guest = lab.context(ann, { commerceUrl: server.url, billing: true })
  const charged = () =>
    server.books
      .charged()
      .map(({ user, service, bytesSent, bytesReceived }) => [user, service, bytesSent, bytesReceived])
  return {
    server,
    guest,
    charged,
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

for (const isMeshPaid of [false, true]) {
  test(`a program pays for a dial once, where the mesh is ${isMeshPaid ? 'paid for too' : 'free'}`, async () => {
    await using rig = await createRig({ isMeshPaid })
    const connection = await rig.guest.dial('echo')
    connection.end('hello')
    assert.equal(await text(connection), 'hello')
    await until(() => rig.charged().length > 0, 'it is charged')
    await rig.guest.close()
    const [one, ...more] = rig.charged()
    assert.deepEqual([one?.[0], one?.slice(2), more], ['acme/ann', [5, 5], []])
  })
}

test('a program without a balance dials nothing, and is told what is short', async () => {
  await using rig = await createRig({ isMeshPaid: false })
  rig.server.books.set('acme/ann', { balance: 0.5, minimum: 1 })
  const error = await rig.guest.dial('echo').catch(thrown => thrown)
  assert.ok(error instanceof ZtmError, String(error))
  assert.equal(error.reason, 'insufficient-balance')
})

test('a connection of a program ends when the balance is gone, and says why', async () => {
  await using rig = await createRig({ isMeshPaid: true })
  const connection = await rig.guest.dial('echo')
  connection.write('hello')
  await once(connection, 'data')
  const failed = once(connection, 'error')
  rig.server.books.set('acme/ann', { balance: 0 })
  const [error] = await failed
  assert.equal(error.reason, 'insufficient-balance')
})
