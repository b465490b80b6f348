import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type EndpointId, parseEndpointId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import { createEndpointLog } from './endpoint-log.ts'
import { createKindChanges } from './kind-changes.ts'
import { createMeshChanges } from './mesh-changes.ts'
import type { EndpointRecord } from './records.ts'

const ann = idOf(1)
const bob = idOf(2)

suite('createMeshChanges()', () => {
  test('answers at once who asks first, then with what changed since, each once', async () => {
    using rig = openRig()
    rig.change(ann)
    const first = await rig.wait(bob, undefined)
    assert.deepEqual(first, { next: '0a.1.m.0', endpoints: [], isMore: false, kinds: [] })
    for (const id of [ann, bob, ann]) rig.change(id)
    rig.kinds.note(['group'], 'everybody')
    const second = await rig.wait(bob, first.next)
    assert.deepEqual(second, { next: '0a.4.m.1', endpoints: [ann, bob], isMore: false, kinds: ['group'] })
  })

  test('lets wait who is up to date, and tells what comes together', async () => {
    using rig = openRig({ gatherMs: 1 })
    const waited = rig.wait(bob, '0a.0.m.0')
    rig.change(ann)
    rig.change(bob)
    assert.deepEqual(await waited, { next: '0a.2.m.0', endpoints: [bob, ann], isMore: false, kinds: [] })
  })

  test('wakes nobody for what they may not see, and tells who may', async () => {
    using rig = openRig({ gatherMs: 1, admin: 'ann' })
    const member = rig.wait(bob, '0a.0.m.0')
    const admin = rig.wait(ann, '0a.0.a.0')
    rig.kinds.note(['invitation', 'identity'], 'administrators')
    rig.changes.changed()
    assert.deepEqual((await admin).kinds, ['identity', 'invitation'])
    assert.equal(await Promise.race([member, 'waits']), 'waits')
    rig.change(ann)
    assert.deepEqual(await member, { next: '0a.1.m.0', endpoints: [ann], isMore: false, kinds: [] })
  })

  test('ends a wait after its time, by another one of the same endpoint, and by its own end', async () => {
    using rig = openRig({ waitMs: 1 })
    const nothing = { next: '0a.0.m.0', endpoints: [], isMore: false, kinds: [] }
    assert.deepEqual(await rig.wait(bob, '0a.0.m.0'), nothing)
    const patient = openRig()
    const first = patient.wait(bob, '0a.0.m.0')
    const second = patient.wait(bob, '0a.0.m.0')
    assert.deepEqual(await first, nothing)
    patient[Symbol.dispose]()
    assert.deepEqual(await second, nothing)
  })

  test('ends a wait with the error of who may not ask any more', async () => {
    using rig = openRig({ gatherMs: 1 })
    let isMember = true
    const waited = rig.changes.wait(() => {
      if (!isMember) throw new Error('removed')
      return recordOf(bob)
    }, '0a.0.m.0')
    isMember = false
    rig.change(ann)
    await assert.rejects(waited, /removed/)
  })

  test('says that anything may have changed after more than it keeps, after a restart, and to nonsense', async () => {
    using rig = openRig()
    for (let index = 0; index < 501; index += 1) rig.change(idOf(index))
    for (const since of ['0b.501.m.0', '0a.502.m.0', '0a.x', '', '0a.-1', '0a.501', '0a..m.0']) {
      const { next, isMore, kinds } = await rig.wait(bob, since)
      const isOfThisStart = since.startsWith('0a.502')
      assert.deepEqual([next, isMore, kinds.length > 10], ['0a.501.m.0', true, !isOfThisStart], since)
    }
    assert.equal((await rig.wait(bob, '0a.0.m.0')).isMore, true)
    assert.equal((await rig.wait(bob, '0a.1.m.0')).endpoints.length, 500)
  })

  test('refuses who comes when too many wait', async () => {
    const rig = openRig()
    const waits = Array.from({ length: 1_000 }, (_, index) => rig.wait(idOf(index), '0a.0.m.0'))
    await assert.rejects(rig.wait(idOf(1_000), '0a.0.m.0'), { code: 'too-many' })
    rig[Symbol.dispose]()
    await Promise.all(waits)
  })
})

/** A list of changes, of which members see nothing that others do not. */
function openRig({ admin, ...times }: { admin?: string; gatherMs?: number; waitMs?: number } = {}) {
  const endpoints = createEndpointLog()
  const kinds = createKindChanges({ isAdmin: ({ user }) => user === admin, seenBy: () => ({}) })
  const changes = createMeshChanges({
    endpoints,
    kinds,
    random: () => Uint8Array.of(10),
    waitMs: 60_000,
    ...times,
  })
  return {
    kinds,
    changes,
    change(id: EndpointId) {
      endpoints.note(id)
      changes.changed()
    },
    wait: (id: EndpointId, since: string | undefined) => changes.wait(() => recordOf(id), since),
    [Symbol.dispose]: () => changes[Symbol.dispose](),
  }
}

function recordOf(id: EndpointId): EndpointRecord {
  const user = (id === ann ? 'ann' : 'bob') as UserName
  return { id, user } as EndpointRecord
}

function idOf(index: number): EndpointId {
  return parseEndpointId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`)
}
