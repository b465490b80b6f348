import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { parseName } from '../core/model/names.ts'
import { createLocalMesh, MESH_NAME } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'

test('agent that leaves a mesh forgets nothing of one whose name begins alike', async () => {
  await using mesh = await createLocalMesh()
  const { agent, store } = await mesh.join('host')
  const others = ['evictions/test-2', 'app/test-2/ztm/tunnel/inbound/tcp/web', 'mesh/test-2']
  for (const key of others) await store.put(key, ['kept'])
  await store.put(`evictions/${MESH_NAME}`, [])
  await agent.leave(MESH_NAME)
  for (const key of others) assert.deepEqual((await store.get(key))?.value, ['kept'], key)
  assert.equal(await store.get(`evictions/${MESH_NAME}`), undefined)
})

test('agent uses up no invitation for a join that it refuses itself', async () => {
  await using mesh = await createLocalMesh()
  await using other = await createLocalMesh()
  await mesh.join('root-pc')
  const { agent } = await other.join('host')
  const permit = await mesh.invite('bob')
  await assertRefused(agent.join(MESH_NAME, parseName('bob-pc'), permit, false), 'conflict')
  const second = parseName('second')
  await agent.join(second, parseName('bob-pc'), permit, false)
  const again = await mesh.invite('bob')
  await assertRefused(agent.join(parseName('third'), parseName('bob-2'), again, false), 'conflict')
  const { invitations } = await (await mesh.join('admin')).membership.link.call(
    CONTROLLER_API.listInvitations,
    {},
  )
  assert.deepEqual(invitations.map(({ state }) => state).sort(), ['open', 'used'])
})

test('agent takes from its certificate whose it is, not from what the hub says beside it', async () => {
  await using mesh = await createLocalMesh({
    corrupt: controller => ({
      ...controller,
      handlers: {
        ...controller.handlers,
        enroll: async call => ({ ...(await controller.handlers.enroll(call)), user: 'mallory' as never }),
      },
    }),
  })
  await assertRefused(mesh.member(), 'not-trusted')
})
