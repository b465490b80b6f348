import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { FAKE_NOW_MS, FAKE_OFFICE } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'

const lab = (t: TestContext) => openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000 })

test('get user lists role, groups, endpoints and when one was seen last', async t => {
  const { ztm } = await lab(t)
  const { stdout } = await ztm('get', 'user')
  assert.equal(
    stdout,
    `NAME     ROLE           GROUPS  ENDPOINTS  ONLINE  LAST SEEN  STATUS
root     administrator  -       2          1       now        admitted
mallory  member         -       0          0       never      evicted
`,
  )
})

test('describe user shows devices, also those that are offline, groups, role and open invitations', async t => {
  const { ztm, daemons } = await lab(t)
  daemons.answer('agent.listEndpoints', () => ({
    endpoints: [FAKE_OFFICE, { ...FAKE_OFFICE, name: 'new', lastSeenMs: 0 }],
    total: 2,
  }))
  const { stdout } = await ztm('describe', 'user', 'bob')
  for (const line of [
    /^User: +bob$/m,
    /^Role: +member$/m,
    /^Groups: +ops$/m,
    /^Last seen: +3 min ago$/m,
    /^Invitations: +1 open$/m,
    /^office +offline +2026-\S+ \S+ \(3 min ago\) /m,
    /^new +offline +never /m,
    /^inv1 +/m,
  ]) {
    assert.match(stdout, line)
  }
  const data = JSON.parse((await ztm('describe', 'user', 'bob', '-o', 'json')).stdout)
  assert.deepEqual([data.endpoints.length, data.invitations.length], [2, 1])
})

test('update user makes an administrator or a plain member', async t => {
  const { ztm, daemons } = await lab(t)
  assert.equal(
    (await ztm('update', 'user', 'bob', '--role', 'admin')).stdout,
    'User bob is an administrator\n',
  )
  assert.equal(
    (await ztm('update', 'user', 'bob', '--role', 'member')).stdout,
    'User bob is a plain member\n',
  )
  assert.equal((await ztm('update', 'user', 'bob', '--role', 'king')).code, 2)
  assert.equal((await ztm('update', 'user', 'bob')).code, 2)
  assert.deepEqual(
    daemons.calls.filter(({ route }) => route === 'agent.updateUser').map(({ body }) => body),
    [{ role: 'admin' }, { role: 'member' }],
  )
})
