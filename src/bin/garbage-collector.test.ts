import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { tuneCollector } from './garbage-collector.ts'

test('tuneCollector() has memory outside the heap freed by minor collections, and tidies up when all is quiet', async () => {
  const before = await countMajor()
  tuneCollector()
  // The limit that V8 has now is still that of before: the next major collection sets a new one.
  await countMajor()
  const after = await countMajor()
  assert.ok(before >= 5, `V8 as it is needs ${before} major collections for 1 GiB: is this still of use?`)
  assert.ok(after <= 2, `${after} major collections for 1 GiB, ${before} without`)

  const garbage = Array.from({ length: 1_000 }, () => Buffer.allocUnsafeSlow(65_536))
  garbage.length = 0
  await nextMajor()
  // When nothing at all goes on, less is worth it.
  const less = Array.from({ length: 250 }, () => Buffer.allocUnsafeSlow(65_536))
  less.length = 0
  await nextMajor()
})

/** Wait, with nothing to do, for a major collection. */
async function nextMajor(): Promise<void> {
  const seen = new EventTarget()
  const observer = new PerformanceObserver(list => {
    if (list.getEntries().some(isMajor)) seen.dispatchEvent(new Event('major'))
  })
  observer.observe({ entryTypes: ['gc'] })
  // Neither the observer nor what it waits for keeps a process.
  const alive = setInterval(() => {}, 1_000)
  await once(seen, 'major', { signal: AbortSignal.timeout(30_000) })
  clearInterval(alive)
  observer.disconnect()
}

/** Fill 1 GiB of buffers as sockets do, each forgotten soon. @returns the major collections that this took */
async function countMajor(): Promise<number> {
  let count = 0
  const observer = new PerformanceObserver(list => {
    count += list.getEntries().filter(isMajor).length
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

function isMajor(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail: { readonly kind: number } }
  return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}
