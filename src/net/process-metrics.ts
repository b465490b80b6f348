import { collectDefaultMetrics, type Registry } from 'prom-client'

/**
 * Add to `registry` what is known of this process: processor time, memory, the collector, lag of the event loop.
 *
 * The lag is seen by a timer. At its usual 10 ms it wakes a process that has nothing to do a hundred times a second.
 */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_STEP_MS })
}

const LAG_STEP_MS = 250
