import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CpuProfile, hotFunctions } from './cpu-profile.ts'

test('hotFunctions() adds up self time within the window, without idle time', () => {
  const frame = (id: number, functionName: string, url = '', lineNumber = 0) => ({
    id,
    callFrame: { functionName, url, lineNumber },
  })
  const profile: CpuProfile = {
    nodes: [
      frame(1, 'splice', 'file:///somewhere/src/net/splice.ts', 25),
      frame(2, '(idle)'),
      frame(3, 'writev', 'node:net', 9),
      // The same function, called from elsewhere.
      frame(4, 'splice', 'file:///somewhere/src/net/splice.ts', 25),
    ],
    startTime: 1_000_000,
    samples: [1, 1, 2, 3, 4, 3],
    timeDeltas: [100, 200, 5_000, 100, 100, 9_000],
  }
  const window = { fromUs: 1_000_150, toUs: 1_006_000 }
  assert.deepEqual(hotFunctions(profile, window), [
    { name: 'splice', place: 'net/splice.ts:26', seconds: 300 / 1e6, share: 0.75 },
    { name: 'writev', place: 'node:net:10', seconds: 100 / 1e6, share: 0.25 },
  ])
})
