import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createManualTimers } from '../../testing/manual-timers.ts'
import { openMemoryStore } from '../../testing/memory-store.ts'
import { createRecordedLog } from '../../testing/recorded-log.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { until } from '../../testing/until.ts'
import { MeshError } from '../model/errors.ts'
import type { Store } from '../model/store.ts'
import { openSpool, type Receipt, type SpoolOptions } from './spool.ts'
import { type UsageRecord, usageRecordShape } from './usage.ts'

const DOWN = new MeshError('billing-failed', 'Cannot record usage: connection refused')

function usage(id: string, bytesSent = 1): UsageRecord {
  return { id, service: 'tcp/web', sessionId: 's', bytesSent, bytesReceived: 0, durationMs: 0 }
}

/** A receiver whose answers a test gives, and a spool in front of it. */
async function openRig(store: Store, options: Partial<SpoolOptions<UsageRecord>> = {}) {
  const timers = createManualTimers()
  const log = createRecordedLog()
  const sent: UsageRecord[][] = []
  const receiver = {
    answer: async (batch: readonly UsageRecord[]): Promise<readonly Receipt[]> => batch.map(() => 'taken'),
  }
  const spool = await openSpool<UsageRecord>({
    store,
    prefix: 'usage',
    shape: usageRecordShape,
    batchCount: 2,
    send(batch) {
      sent.push([...batch])
      return receiver.answer(batch)
    },
    after: timers.after,
    random: () => 1,
    log,
    ...options,
  })
  return { timers, log, sent, spool, receiver }
}

suite('openSpool()', () => {
  test('keeps a record before it is sent, and until it was taken', async () => {
    await using store = await openMemoryStore()
    const rig = await openRig(store)
    let stored = 0
    rig.receiver.answer = async () => {
      stored = (await store.list('usage/')).length
      return ['taken']
    }
    await rig.spool.add(usage('a'))
    await until(() => rig.spool.count === 0, 'it was taken')
    assert.equal(stored, 1)
    await until(async () => (await store.list('usage/')).length === 0, 'it is gone')
  })

  test('tries for days, with pauses that grow to five minutes', async () => {
    await using store = await openMemoryStore()
    const rig = await openRig(store)
    rig.receiver.answer = async () => [DOWN]
    await rig.spool.add(usage('a'))
    const pauses: number[] = []
    for (let tries = 0; tries < 12; tries += 1) {
      await until(() => rig.timers.pendingCount === 1, 'it pauses')
      const before = rig.sent.length
      let pauseMs = 0
      while (rig.timers.pendingCount === 1) {
        rig.timers.advance(1_000)
        pauseMs += 1_000
      }
      pauses.push(pauseMs / 1_000)
      await until(() => rig.sent.length > before, 'it tries again')
    }
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
    await until(() => rig.timers.pendingCount === 1, 'it pauses')
    for (let days = 0; days < 3 * 24 * 12; days += 1) {
      rig.timers.advance(300_000)
      await setImmediate()
    }
    assert.deepEqual([rig.spool.count, rig.spool.lastError], [1, DOWN])
    rig.receiver.answer = async () => ['taken']
    rig.spool.hurry()
    await until(() => rig.spool.count === 0, 'it was taken')
    assert.equal(rig.spool.lastError, undefined)
  })

  test('goes on where an earlier run left off, records that were held included', async () => {
    await using store = await openMemoryStore()
    const first = await openRig(store)
    first.receiver.answer = async () => [DOWN]
    await first.spool.add(usage('a', 5))
    await first.spool.hold(usage('b', 1))
    await first.spool.hold(usage('b', 7))
    await until(() => first.timers.pendingCount === 1, 'it pauses')
    await first.spool[Symbol.asyncDispose]()
    assert.deepEqual(first.sent.flat(), [usage('a', 5)])
    const second = await openRig(store)
    await until(() => second.spool.count === 0, 'all was taken')
    assert.deepEqual(second.sent.flat(), [usage('a', 5), usage('b', 7)])
  })

  test('sends what replaced a record while that was under way', async () => {
    await using store = await openMemoryStore()
    const rig = await openRig(store)
    const gate = Promise.withResolvers<Receipt[]>()
    rig.receiver.answer = () => gate.promise
    await rig.spool.add(usage('a', 1))
    await until(() => rig.sent.length === 1, 'it is under way')
    await rig.spool.add(usage('a', 2))
    rig.receiver.answer = async () => ['taken']
    gate.resolve(['taken'])
    await until(() => rig.spool.count === 0, 'it was taken')
    assert.deepEqual(rig.sent.flat(), [usage('a', 1), usage('a', 2)])
  })

  test('does not let one that nobody takes hold up the others', async () => {
    await using store = await openMemoryStore()
    const rig = await openRig(store, { batchCount: 1 })
    rig.receiver.answer = async ([one]) => [one?.id === 'bad' ? DOWN : 'taken']
    await Promise.all([rig.spool.add(usage('bad')), rig.spool.add(usage('good'))])
    await until(() => rig.timers.pendingCount === 1, 'it pauses')
    rig.timers.advance(1_000)
    await until(() => rig.spool.count === 1, 'the other was taken')
  })

  test('drops what is refused for good, and logs it whole', async () => {
    await using store = await openMemoryStore()
    const rig = await openRig(store)
    rig.receiver.answer = async () => ['refused']
    await rig.spool.add(usage('a', 9))
    await until(() => rig.spool.count === 0, 'it is dropped')
    const { record } = rig.log.events.find(({ event }) => event === 'spool.refused')?.fields ?? {}
    assert.deepEqual(JSON.parse(String(record)), usage('a', 9))
  })

  test('takes no more than fit, and passes over what cannot be read', async () => {
    await using store = await openMemoryStore()
    await store.put('usage/torn', { id: 'torn' })
    const rig = await openRig(store, { maxCount: 1 })
    rig.receiver.answer = async batch => batch.map(() => DOWN)
    await rig.spool.add(usage('a'))
    assert.equal(rig.spool.isFull, true)
    await assertRefused(rig.spool.add(usage('b')), 'too-many')
    await rig.spool.add(usage('a', 2))
    assert.deepEqual(
      rig.log.events.filter(({ event }) => event === 'spool.unreadable').map(({ fields }) => fields.key),
      ['usage/torn'],
    )
  })
})
