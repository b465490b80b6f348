import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseServiceName } from '../core/model/names.ts'
import { type Ms, ms } from '../core/model/time.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { renewLate } from './join.ts'

const SERVICE = parseServiceName('tcp/echo')
const DAY_MS = 86_400_000

/** A clock that goes as the computer's does, and can be put forward. */
function createMovableClock() {
  let aheadMs = 0
  return {
    now: (): Ms => ms(Date.now() + aheadMs),
    pass: (span: number) => {
      aheadMs += span
    },
  }
}

test('a computer that was off for a week comes back by its key, without joining again', async () => {
  const clock = createMovableClock()
  await using mesh = await createLocalMesh({ clock })
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  await home.host.serve(SERVICE, {
    access: { users: [], entrances: [] },
    onStream: incoming => {
      const stream = incoming.accept()
      stream.pipe(stream)
    },
  })
  const before = work.membership.record.expiresAtMs
  await mesh.stopHub()
  clock.pass(7 * DAY_MS)
  await mesh.restartHub()
  for (const { membership } of [home, work]) await membership.link.whenOnline(30_000)
  assert.ok(work.membership.record.expiresAtMs > before)
  const dialing = work.host.dial(SERVICE)
  dialing.write(Buffer.from('back again'))
  const { stream } = await dialing.opened
  assert.equal(String((await once(stream, 'data'))[0]), 'back again')
  stream.destroy()
})

test('a computer that was off for four months, or was evicted meanwhile, does not come back', async () => {
  const clock = createMovableClock()
  await using mesh = await createLocalMesh({ clock })
  const root = await mesh.join('root')
  const bob = await mesh.join('bobs', { permit: await mesh.invite('bob') })
  const carol = await mesh.join('carols', { permit: await mesh.invite('carol') })
  for (const { agent } of [bob, carol]) await agent[Symbol.asyncDispose]()
  const evict = { body: { user: 'bob' } }
  await root.membership.link.call(CONTROLLER_API.evict, evict)

  const comeBack = (key: typeof bob.key) =>
    renewLate([mesh.address], { rootPem: mesh.authority.rootCertificatePem, deviceKey: key, clock })
  // The hub's own certificate in this test lives for a day, and is made anew at each start.
  const passDays = async (days: number) => {
    await mesh.stopHub()
    clock.pass(days * DAY_MS)
    await mesh.restartHub()
  }
  await passDays(2)
  await assert.rejects(
    comeBack(bob.key),
    (error: unknown) => error instanceof MeshError && error.code === 'evicted',
  )
  await comeBack(carol.key)
  await passDays(120)
  await assert.rejects(
    comeBack(carol.key),
    (error: unknown) => error instanceof MeshError && error.code === 'certificate-expired',
  )
  const stranger = await createKeyPair()
  await assert.rejects(
    comeBack(stranger),
    (error: unknown) => error instanceof MeshError && error.code === 'not-trusted',
  )
})
