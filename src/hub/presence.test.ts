import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'

async function onlineNames({ membership }: LocalAgent): Promise<string[]> {
  const { endpoints } = await membership.link.call(CONTROLLER_API.listEndpoints, {})
  return endpoints.filter(({ isOnline }) => isOnline).map(({ name }) => name)
}

test('an endpoint whose link the hub has no room for does not count as online', {
  timeout: 20_000,
}, async () => {
  await using mesh = await createLocalMesh({ hubLimits: { registry: { maxLinks: 1 } } })
  const first = await mesh.join('first')
  void mesh.join('second').catch(() => {})
  await mesh.logged('link.lost', 'second')
  assert.deepEqual(await onlineNames(first), ['first'])
})

test('an endpoint that was evicted does not count as online', { timeout: 20_000 }, async () => {
  await using mesh = await createLocalMesh()
  const root = await mesh.join('root')
  await mesh.join('guest', { permit: await mesh.invite('bob') })
  assert.deepEqual(await onlineNames(root), ['guest', 'root'])
  await root.membership.link.call(CONTROLLER_API.evict, { body: { user: 'bob' } })
  await mesh.logged('link.closed', 'hub')
  assert.deepEqual(await onlineNames(root), ['root'])
})
