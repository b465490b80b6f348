import assert from 'node:assert/strict'
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { tuneCollector } from './garbage-collector.ts'

test('tuneCollector() has memory outside the heap freed by minor collections', async () => {
  const before = await countMajor()
  tuneCollector()
  // The limit that V8 has now is still that of before: the next major collection sets a new one.
  await countMajor()
  const after = await countMajor()
  assert.ok(before >= 5, `V8 as it is needs ${before} major collections for 1 GiB: is this still of use?`)
  assert.ok(after <= 2, `${after} major collections for 1 GiB, ${before} without`)
})

/** Fill 1 GiB of buffers as sockets do, each forgotten soon. @returns the major collections that this took */
async function countMajor(): Promise<number> {
  let count = 0
  const observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as PerformanceEntry & { readonly detail: { readonly kind: number } }
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) count += 1
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  const held: Buffer[] = []
  for (let turn = 0; turn < 16_384; turn += 1) {
    held[turn % 16] = Buffer.allocUnsafeSlow(65_536)
    if (turn % 4 === 0) await nextTurn()
  }
  await nextTurn()
  observer.disconnect()
  return count
}
