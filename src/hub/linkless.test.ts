import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { hostEcho } from '../testing/echo-service.ts'
import { openEvents, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'

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
