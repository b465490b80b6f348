import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { EndpointId } from '../core/model/ids.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { limitStore } from '../testing/limited-store.ts'
import { createManualClock } from '../testing/manual-clock.ts'
import { createRecordedLog } from '../testing/recorded-log.ts'
import { openPresence } from './presence.ts'

const LAPTOP = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
const PHONE = 'aa2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId

async function openAll() {
  const context = {
    store: limitStore(await openSqliteStore(':memory:')),
    log: createRecordedLog(),
    clock: createManualClock(1_000_000),
  }
  return { ...context, open: () => openPresence(context) }
}

suite('openPresence()', () => {
  test('knows where an endpoint is while it is connected', async () => {
    const { open } = await openAll()
    await using presence = await open()
    presence.connected(LAPTOP, '192.0.2.1:1', 1_000_000)
    presence.connected(LAPTOP, '192.0.2.2:2', 1_000_001)
    assert.equal(presence.addressOf(LAPTOP), '192.0.2.2:2')
    assert.equal(presence.lastSeenMs(LAPTOP, 1_000_005), 1_000_005)
    presence.disconnected(LAPTOP, 1_000_010)
    assert.equal(presence.addressOf(LAPTOP), undefined)
    assert.equal(presence.lastSeenMs(LAPTOP, 1_000_015), 1_000_010)
    assert.equal(presence.lastSeenMs(PHONE, 1_000_015), 0)
  })

  test('keeps over a restart when each was last seen', async () => {
    const { open, clock } = await openAll()
    const before = await open()
    before.connected(LAPTOP, '192.0.2.1:1', clock.now())
    before.connected(PHONE, '192.0.2.2:1', clock.now())
    clock.advance(5_000)
    before.disconnected(LAPTOP, clock.now())
    const leftAtMs = clock.now()
    clock.advance(5_000)
    await before[Symbol.asyncDispose]()
    const after = await open()
    assert.equal(after.lastSeenMs(LAPTOP, 0), leftAtMs)
    assert.equal(after.lastSeenMs(PHONE, 0), clock.now())
    assert.equal(after.addressOf(PHONE), undefined)
  })

  test('writes at most once a minute for those who stay, and few times for one who flaps', async () => {
    const { open, clock, store } = await openAll()
    const presence = await open()
    for (let i = 0; i < 100; i += 1) {
      presence.connected(LAPTOP, '192.0.2.1:1', clock.now())
      clock.advance(10)
      presence.disconnected(LAPTOP, clock.now())
    }
    await presence[Symbol.asyncDispose]()
    assert.ok(store.writeCount <= 3, `${store.writeCount} writes`)
    assert.equal((await open()).lastSeenMs(LAPTOP, 0), clock.now())
  })

  test('goes on when the store is full', async () => {
    const { open, clock, store, log } = await openAll()
    const presence = await open()
    store.writesLeft = 0
    presence.connected(LAPTOP, '192.0.2.1:1', clock.now())
    presence.disconnected(LAPTOP, clock.now())
    await presence[Symbol.asyncDispose]()
    assert.equal(presence.lastSeenMs(LAPTOP, 0), clock.now())
    assert.ok(log.fieldsOf('presence.not-saved').length > 0)
  })

  test('forgets what was removed', async () => {
    const { open, clock } = await openAll()
    const presence = await open()
    presence.connected(LAPTOP, '192.0.2.1:1', clock.now())
    presence.forget(LAPTOP)
    presence.disconnected(LAPTOP, clock.now())
    await presence[Symbol.asyncDispose]()
    assert.equal((await open()).lastSeenMs(LAPTOP, 0), 0)
  })
})
