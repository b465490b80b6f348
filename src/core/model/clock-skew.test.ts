import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_SKEW_MS, refuseSkew } from './clock-skew.ts'

test('refuseSkew() takes clocks as far apart as allowed, and names both times beyond', () => {
  const hubMs = Date.UTC(2026, 6, 1, 12)
  for (const sign of [-1, 1]) {
    refuseSkew('Cannot join', hubMs + sign * MAX_SKEW_MS, hubMs)
    assert.throws(() => refuseSkew('Cannot join', hubMs + sign * (MAX_SKEW_MS + 1), hubMs), {
      code: 'clock-skew',
    })
  }
  assert.throws(() => refuseSkew('Cannot join', hubMs - 600_000, hubMs), {
    message:
      "Cannot join: this computer's clock says 2026-07-01T11:50:00.000Z, the hub's 2026-07-01T12:00:00.000Z, 10 min apart: set the wrong one",
  })
})
