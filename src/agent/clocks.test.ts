import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { type Clock, ms } from '../core/model/time.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'

const MINUTE_MS = 60_000

/** A clock that runs right and shows the wrong time. */
function shiftedClock(shiftMs: number): Clock & { shiftMs: number } {
  const clock = { shiftMs, now: () => ms(Date.now() + clock.shiftMs) }
  return clock
}

/** The times a text names, ms since the epoch. */
function timesIn(text: string): number[] {
  return [...text.matchAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g)].map(([time]) => Date.parse(time))
}

/** Both times are named, as far apart as the clocks are. */
function namesBoth(text: string, shiftMs: number): void {
  const times = timesIn(text)
  const isNear = (wantedMs: number) => times.some(time => Math.abs(time - wantedMs) < 30_000)
  assert.ok(isNear(Date.now() + shiftMs), `our time in: ${text}`)
  assert.ok(isNear(Date.now()), `the hub's time in: ${text}`)
}

for (const minutes of [10, -10, 24 * 60, -24 * 60]) {
  test(`join() names both times when the clock is ${minutes} minutes off`, async () => {
    await using mesh = await createLocalMesh()
    const clock = shiftedClock(minutes * MINUTE_MS)
    const error = await mesh.join('host', { clock }).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof MeshError)
    assert.equal(error.code, 'clock-skew', error.message)
    namesBoth(error.message, clock.shiftMs)
  })
}

test('join() goes well with a clock that is four minutes off', async () => {
  await using mesh = await createLocalMesh()
  for (const minutes of [4, -4]) {
    const { membership } = await mesh.join(`pc${minutes + 4}`, { clock: shiftedClock(minutes * MINUTE_MS) })
    assert.equal(membership.link.state.state, 'online')
  }
})

test('link names both times when the hub’s certificate has not begun or has ended', async () => {
  await using mesh = await createLocalMesh()
  const clock = shiftedClock(0)
  const { membership } = await mesh.join('host', { clock })
  for (const hours of [-1, 48]) {
    clock.shiftMs = hours * 60 * MINUTE_MS
    mesh.events.length = 0
    await mesh.stopHub()
    await mesh.restartHub()
    const isRefused = ({ code }: { code?: unknown }) =>
      code === 'certificate-expired' || code === 'clock-skew'
    while (!isRefused((await mesh.logged('link.lost', 'host')).fields)) mesh.events.shift()
    const { fields } = await mesh.logged('link.lost', 'host')
    const [first, second] = timesIn(String(fields.reason))
    assert.ok(first !== undefined && second !== undefined, String(fields.reason))
    assert.ok(Math.abs(second - clock.now()) < 30_000 || Math.abs(first - clock.now()) < 30_000)
    clock.shiftMs = 0
    membership.link.networkChanged({ gone: new Set() })
    await membership.link.whenOnline(30_000)
  }
})
