import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type EndpointId, parseEndpointId } from '../core/model/ids.ts'
import { createEndpointChanges } from './endpoint-changes.ts'

const ann = idOf(1)
const bob = idOf(2)

suite('createEndpointChanges()', () => {
  test('answers at once who asks first, then with what changed since, each once', async () => {
    using changes = createEndpointChanges({ random: () => Uint8Array.of(10) })
    changes.note(ann)
    const first = await changes.wait(bob, undefined)
    assert.deepEqual(first, { next: '0a.1', endpoints: [], isMore: false })
    for (const id of [ann, bob, ann]) changes.note(id)
    assert.deepEqual(await changes.wait(bob, first.next), {
      next: '0a.4',
      endpoints: [ann, bob],
      isMore: false,
    })
  })

  test('lets wait who is up to date, and tells what comes together', async () => {
    using changes = createEndpointChanges({ random: () => Uint8Array.of(10), gatherMs: 1 })
    const waited = changes.wait(bob, '0a.0')
    changes.note(ann)
    changes.note(bob)
    assert.deepEqual(await waited, { next: '0a.2', endpoints: [bob, ann], isMore: false })
  })

  test('ends a wait after its time, by another one of the same endpoint, and by its own end', async () => {
    const changes = createEndpointChanges({ random: () => Uint8Array.of(10), waitMs: 1 })
    const nothing = { next: '0a.0', endpoints: [], isMore: false }
    assert.deepEqual(await changes.wait(bob, '0a.0'), nothing)
    const patient = createEndpointChanges({ random: () => Uint8Array.of(10), waitMs: 60_000 })
    const first = patient.wait(bob, '0a.0')
    const second = patient.wait(bob, '0a.0')
    assert.deepEqual(await first, nothing)
    patient[Symbol.dispose]()
    assert.deepEqual(await second, nothing)
  })

  test('says that anything may have changed after more than it keeps, after a restart, and to nonsense', async () => {
    using changes = createEndpointChanges({ random: () => Uint8Array.of(11) })
    for (let index = 0; index < 501; index += 1) changes.note(idOf(index))
    const all = { next: '0b.501', endpoints: [], isMore: true }
    for (const since of ['0b.0', '0a.501', '0b.502', '0b.x', '0b.1.5', '', '0b.-1'])
      assert.deepEqual(
        await changes.wait(bob, since),
        since === '0b.1.5' ? await changes.wait(bob, '0b.1') : all,
      )
    assert.equal((await changes.wait(bob, '0b.1')).endpoints.length, 500)
  })

  test('refuses who comes when too many wait', async () => {
    const changes = createEndpointChanges({ random: () => Uint8Array.of(10), waitMs: 60_000 })
    const waits = Array.from({ length: 1_000 }, (_, index) => changes.wait(idOf(index), '0a.0'))
    await assert.rejects(changes.wait(idOf(1_000), '0a.0'), { code: 'too-many' })
    changes[Symbol.dispose]()
    await Promise.all(waits)
  })
})

function idOf(index: number): EndpointId {
  return parseEndpointId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`)
}
