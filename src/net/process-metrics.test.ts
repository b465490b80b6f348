import assert from 'node:assert/strict'
import test from 'node:test'
import { Registry } from 'prom-client'
import { addProcessMetrics } from './process-metrics.ts'

test('addProcessMetrics() tells processor time, memory and lag of the event loop', async () => {
  const registry = new Registry()
  addProcessMetrics(registry)
  const text = await registry.metrics()
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_p99_seconds',
  ])
    assert.match(text, new RegExp(`^${name} `, 'm'))
})
