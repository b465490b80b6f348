import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAKE_IDS, FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'

test('evict --undo takes who was put out, or the id of an eviction, and one of them alone', async t => {
  const { ztm, daemons } = await openLab(t, startFakeDaemons)
  const made = { beforeMs: FAKE_NOW_MS, by: 'root' }
  daemons.answer('agent.listEvictions', () => ({
    evictions: [
      { id: 'ev1', user: 'bob', ...made },
      { id: 'ev2', user: 'bob', endpoint: FAKE_IDS.office, ...made },
      { id: 'ev3', user: 'ann', ...made },
      { id: 'ev4', user: 'bob', ...made },
    ],
  }))
  assert.match((await ztm('evict', '--undo', 'ev9')).stdout, /^Eviction ev9 is undone$/m)
  assert.equal((await ztm('evict', 'bob', '--undo')).code, 0)
  assert.equal((await ztm('evict', '--ep', 'office', '--undo')).code, 0)
  assert.deepEqual(
    daemons.calls.filter(call => call.route === 'agent.undoEviction').map(({ params }) => params.eviction),
    ['ev9', 'ev1', 'ev4', 'ev2'],
  )
  assert.match(
    (await ztm('evict', 'carol', '--undo')).stderr,
    /^ztm: Cannot undo eviction of user "carol": there is none: see `ztm get eviction`$/m,
  )
  for (const words of [['--undo'], ['bob', '--undo', 'ev1'], ['bob', '--ep', 'office', '--undo']])
    assert.equal((await ztm('evict', ...words)).code, 2, words.join(' '))
})
