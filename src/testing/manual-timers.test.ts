import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createManualTimers } from './manual-timers.ts'

it('createManualTimers() calls what is due in order, each at its own time', () => {
  const timers = createManualTimers()
  const startMs = timers.clock.now()
  const calls: [string, number][] = []
  const call = (name: string) => () => calls.push([name, timers.clock.now() - startMs])
  timers.after(20, call('second'))
  timers.after(10, () => {
    call('first')()
    timers.after(5, call('planned by the first'))
  })
  timers.after(15, call('cancelled'))()
  timers.after(31, call('later'))
  timers.advance(30)
  assert.deepEqual(calls, [
    ['first', 10],
    ['planned by the first', 15],
    ['second', 20],
  ])
  assert.deepEqual([timers.clock.now() - startMs, timers.pendingCount], [30, 1])
})
