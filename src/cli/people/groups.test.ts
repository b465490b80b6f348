import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { type FakeDaemons, startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'

const lab = (t: TestContext) => openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000 })

const bodies = (daemons: FakeDaemons, route: string) =>
  daemons.calls.filter(call => call.route === route).map(({ body }) => body)

test('get group lists groups and who is in them', async t => {
  const { ztm } = await lab(t)
  const { code, stdout, stderr } = await ztm('get', 'group')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.equal(stdout, 'GROUP  MEMBERS  LABELS  CHANGED\nops    ann,bob  -       3 min ago\n')
  assert.equal((await ztm('get', 'groups', 'nothing', '-o', 'name')).stdout, '')
  assert.match((await ztm('describe', 'group', 'ops')).stdout, /^Members: +ann\n +bob$/m)
})

test('groups are created, changed and deleted, in two spellings', async t => {
  const { ztm, daemons } = await lab(t)
  const created = await ztm('create', 'group', 'ops', '--add-user', 'ann', 'bob')
  assert.equal(created.stdout, 'Created group ops: ann, bob\n')
  await ztm('update', 'group', 'ops', '--add-user', 'carol', '--remove-user', 'bob', '--rename', 'it')
  await ztm('users', 'group', 'ops', '--add-users', 'carol', '--remove-users', 'bob', '--rename-group', 'it')
  const change = { name: 'it', addUsers: ['carol'], removeUsers: ['bob'], addLabels: [], removeLabels: [] }
  assert.deepEqual(bodies(daemons, 'agent.createGroup'), [{ name: 'ops', users: ['ann', 'bob'], labels: [] }])
  assert.deepEqual(bodies(daemons, 'agent.updateGroup'), [change, change])
  assert.equal(
    (await ztm('delete', 'group', 'ops', 'sales')).stdout,
    'Deleted group ops\nDeleted group sales\n',
  )
  assert.equal((await ztm('users', 'group', 'ops', '--delete-group')).stdout, 'Deleted group ops\n')
  assert.equal((await ztm('users', 'group', 'ops')).stdout, (await ztm('describe', 'group', 'ops')).stdout)
  const both = await ztm('users', 'group', 'ops', '--delete-group', '--add-users', 'ann')
  assert.deepEqual([both.code, /give --delete-group alone/.test(both.stderr)], [2, true])
})

test('groups may have endpoints by their labels', async t => {
  const { ztm, daemons } = await lab(t)
  const created = await ztm('create', 'group', 'kiosks', '--add-label', 'kiosk')
  assert.equal(created.stdout, 'Created group kiosks: endpoints labelled kiosk\n')
  await ztm('update', 'group', 'kiosks', '--add-label', 'a', 'b', '--remove-label', 'kiosk')
  assert.deepEqual(bodies(daemons, 'agent.createGroup'), [{ name: 'kiosks', users: [], labels: ['kiosk'] }])
  assert.deepEqual(bodies(daemons, 'agent.updateGroup'), [
    { addUsers: [], removeUsers: [], addLabels: ['a', 'b'], removeLabels: ['kiosk'] },
  ])
})

test('users list gives users, then groups', async t => {
  const { ztm } = await lab(t)
  const { stdout } = await ztm('users', 'list')
  assert.match(stdout, /^NAME .*\nroot .*\n(?:.+\n)*\nGROUP .*\nops .*\n$/)
  const { users, groups } = JSON.parse((await ztm('users', 'list', '-o', 'json')).stdout)
  assert.deepEqual([users.length, groups[0].name], [2, 'ops'])
})
