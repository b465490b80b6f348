import v8 from 'node:v8'

/**
 * Set V8's collector up for a daemon that moves bytes. To be called once, before it has work.
 *
 * Node reads a socket into fresh memory outside V8's heap. For each 64 MiB of that V8 makes a major collection, which looks
 * at every object there is, though a minor one would free it as well: that comes by itself at 128 MiB and takes a
 * millisecond, if no major one came before. So this memory is counted together with the heap, and both together may
 * grow by `SPARE_BYTES` before a major collection is due.
 *
 * @see docs/decisions/0019-collector-settings.md
 */
export function tuneCollector(): void {
  // A Node that does not know a name passes over it in silence, and needs more processor time.
  v8.setFlagsFromString('--external-memory-accounted-in-global-limit')
  leaveRoom()
  setInterval(leaveRoom, INTERVAL_MS).unref()
}

/** V8 takes the room as a share of what lives in the heap. A big heap is left to V8's own rule. */
function leaveRoom(): void {
  const { used_heap_size: usedBytes } = v8.getHeapStatistics()
  const percent = usedBytes < SPARE_BYTES ? Math.ceil((100 * SPARE_BYTES) / usedBytes) : V8_DECIDES
  v8.setFlagsFromString(`--heap-growing-percent=${percent}`)
}

/** What may be garbage before a major collection: more than the 128 MiB of buffers at which a minor one comes. */
const SPARE_BYTES = 167_772_160
const V8_DECIDES = 0
/** How often the size of the heap is looked at. */
const INTERVAL_MS = 10_000
