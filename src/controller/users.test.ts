import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openControllerRig } from '../testing/controller-rig.ts'

test('listUsers() finds by a part of a name, in pages', async () => {
  await using rig = await openControllerRig()
  const bob = await rig.joinAs('bob', 'laptop')
  for (const user of ['Bobby', 'carol']) await rig.invite(user)
  const find = async (query: object) => {
    const { users, total } = await rig.ask('listUsers', bob.caller, { query })
    return [users.map(({ name }) => name), total]
  }
  assert.deepEqual(await find({}), [['Bobby', 'bob', 'carol', 'root'], 4])
  assert.deepEqual(await find({ keyword: 'BOB' }), [['Bobby', 'bob'], 2])
  assert.deepEqual(await find({ limit: '2', offset: '1' }), [['bob', 'carol'], 4])
  assert.deepEqual(await find({ keyword: 'nobody' }), [[], 0])
  assert.deepEqual(await find({ offset: '9' }), [[], 4])
})
