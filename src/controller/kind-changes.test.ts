import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CHANGE_KINDS } from '../core/edge/change-kinds.ts'
import type { UserName } from '../core/model/names.ts'
import { createKindChanges } from './kind-changes.ts'
import type { EndpointRecord } from './records.ts'

const [ann, bob] = ['ann', 'bob'].map(user => ({ user: user as UserName }) as EndpointRecord) as [
  EndpointRecord,
  EndpointRecord,
]

suite('createKindChanges()', () => {
  test('tells administrators by name, others what is shown to everybody, and what they see as another', () => {
    const { changes, see } = openRig()
    const [a, m] = [changes.since(ann, '').mark, changes.since(bob, '').mark]
    assert.deepEqual([a, m], ['a.0', 'm.0.service=1'])
    changes.note(['signer', 'service'], 'administrators')
    changes.note(['group'], 'everybody')
    assert.deepEqual(changes.since(ann, a), { kinds: ['service', 'signer', 'group'], mark: 'a.2' })
    assert.deepEqual(changes.since(bob, m), { kinds: ['group'], mark: 'm.1.service=1' })
    see('2')
    assert.deepEqual(changes.since(bob, m), { kinds: ['service', 'group'], mark: 'm.1.service=2' })
    assert.deepEqual(changes.since(bob, 'm.1.service=2'), { kinds: [], mark: 'm.1.service=2' })
  })

  test('leaves no trace of what a member may not see, not of how much it was either', () => {
    const { changes } = openRig()
    const before = changes.since(bob, '')
    for (let count = 0; count < 1_000; count += 1) changes.note(['identity'], 'administrators')
    assert.deepEqual(changes.since(bob, before.mark), { kinds: [], mark: before.mark })
  })

  test('says that all may have changed to who was another, and to nonsense', () => {
    const { changes } = openRig()
    changes.note(['group'], 'everybody')
    for (const mark of ['', 'a.1', 'm', 'm.', 'm.2', 'm.-1', 'm.1e0', 'x.1', `m.${'9'.repeat(99)}`])
      assert.deepEqual(changes.since(bob, mark).kinds, CHANGE_KINDS, mark)
    for (const mark of ['m.1.service=1', 'a.2'])
      assert.deepEqual(changes.since(ann, mark).kinds, CHANGE_KINDS)
  })
})

/** Ann administers; what bob sees of services is a text that a test says. */
function openRig() {
  let services = '1'
  const changes = createKindChanges({
    isAdmin: ({ user }) => user === 'ann',
    seenBy: () => ({ service: services }),
  })
  return {
    changes,
    see(text: string) {
      services = text
    },
  }
}
