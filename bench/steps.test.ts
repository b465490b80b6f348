import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseWrk } from './steps.ts'

test('parseWrk() reads speed, latency and every kind of failure', () => {
  const text = `  Latency Distribution
     50%  950.00us
     75%    1.40ms
     99%    1.20s
  120 requests in 1.00s, 148.00KB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 4
Requests/sec:  48211.97
`
  assert.deepEqual(parseWrk(text), { perSecond: 48_211.97, p50Ms: 0.95, p99Ms: 1_200, failureCount: 10 })
})
