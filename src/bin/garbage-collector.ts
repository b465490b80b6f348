import { constants, type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks'
import v8 from 'node:v8'
import vm from 'node:vm'

/**
 * Set V8's collector up for a daemon that moves bytes. To be called once, before it has work.
 *
 * Node reads a socket into fresh memory outside V8's heap. For each 64 MiB of that V8 makes a major collection, which looks
 * at every object there is, though a minor one would free it as well: that comes by itself at 128 MiB and takes a
 * millisecond, if no major one came before. So this memory is counted together with the heap, and both together may
 * grow by `SPARE_BYTES` before a major collection is due. When there is little to do, one is made all the same; V8 then
 * gives memory back by itself in the next seconds.
 *
 * @see docs/decisions/0019-collector-settings.md
 */
export function tuneCollector(): void {
  // A Node that does not know a name passes over it in silence, and needs more processor time.
  v8.setFlagsFromString('--external-memory-accounted-in-global-limit')
  let livingBytes = leaveRoom()
  const observer = new PerformanceObserver(list => {
    if (list.getEntries().some(isMajor)) livingBytes = leaveRoom()
  })
  observer.observe({ entryTypes: ['gc'] })
  const collect = findCollector()
  let seen = performance.eventLoopUtilization()
  const tidy = () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, seen)
    seen = now
    const untidyBytes = utilization < IDLE_SHARE ? IDLE_UNTIDY_BYTES : UNTIDY_BYTES
    const isWorthIt = heldBytes() - livingBytes > untidyBytes && livingBytes < MAX_TIDIED_BYTES
    if (utilization < QUIET_SHARE && isWorthIt) collect?.()
  }
  setInterval(tidy, TIDY_INTERVAL_MS).unref()
}

/**
 * V8 takes the room as a share of what lives in the heap, and asks for it at the end of a major collection: right after
 * one we see what lives, for the next. A big heap is left to V8's own rule.
 *
 * @returns what is held now, in bytes
 */
function leaveRoom(): number {
  const { used_heap_size: usedBytes } = v8.getHeapStatistics()
  const percent = usedBytes < SPARE_BYTES ? Math.ceil((100 * SPARE_BYTES) / usedBytes) : V8_DECIDES
  v8.setFlagsFromString(`--heap-growing-percent=${percent}`)
  return heldBytes()
}

function heldBytes(): number {
  const { used_heap_size: usedBytes, external_memory: outsideBytes } = v8.getHeapStatistics()
  return usedBytes + outsideBytes
}

/** Node shows V8's own function only to those who ask for it. */
function findCollector(): (() => void) | undefined {
  v8.setFlagsFromString('--expose-gc')
  const found: unknown = vm.runInNewContext('globalThis.gc')
  v8.setFlagsFromString('--no-expose-gc')
  return typeof found === 'function' ? () => found({ type: 'major', execution: 'async' }) : undefined
}

function isMajor(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail: { readonly kind: number } }
  return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

/** What may be garbage before a major collection: more than the 128 MiB of buffers at which a minor one comes. */
const SPARE_BYTES = 167_772_160
const V8_DECIDES = 0
/** How often it is looked whether there is little to do, and something to give back. */
const TIDY_INTERVAL_MS = 5_000
/** The process is quiet if it was busy for a smaller share of that time. */
const QUIET_SHARE = 0.2
const UNTIDY_BYTES = 33_554_432
/** Below this share nobody notices a pause, and less garbage is worth one. */
const IDLE_SHARE = 0.02
const IDLE_UNTIDY_BYTES = 8_388_608
/** It stops the process for about 1 ms for each MB that lives; V8's own collections, in steps, do not. */
const MAX_TIDIED_BYTES = 100_663_296
