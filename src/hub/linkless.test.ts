import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API, HUB_API } from '../core/api/hub-api.ts'
import { ms } from '../core/model/time.ts'
import { hostEcho } from '../testing/echo-service.ts'
import { openEvents, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'

test('hub notes what a member dials only while it has a link, as nothing else ends the note', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const [early, late] = [await hostEcho(host, 'tcp/early'), await hostEcho(host, 'tcp/late')]
  using visit = await visitHub(mesh.address, await mesh.member())
  await visit.call(CONTROLLER_API.openSession, { body: { service: 'tcp/early' } })
  const next = openEvents(visit)
  await next('hello')
  await visit.call(CONTROLLER_API.openSession, { body: { service: 'tcp/late' } })
  for (const { hosting } of [early, late]) await hosting.update({ users: ['*'], entrances: [] })
  assert.deepEqual((await next('services-changed')).services, ['tcp/late'])
})

test('hub answers nobody whose certificate has ended, be the connection older', async () => {
  let aheadMs = 0
  await using mesh = await createLocalMesh({ clock: { now: () => ms(Date.now() + aheadMs) } })
  using visit = await visitHub(mesh.address, await mesh.member())
  await visit.call(CONTROLLER_API.listServices, {})
  aheadMs = 25 * 3_600_000
  await assertRefused(visit.call(CONTROLLER_API.listServices, {}), 'certificate-expired')
  await assertRefused(visit.call(HUB_API.listHubs, {}), 'certificate-expired')
})
