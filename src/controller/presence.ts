import { toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Context } from './context.ts'
import { seenRecordShape } from './records.ts'
import { openTable } from './table.ts'

/** Who is connected to the hub now, and when the others last were. */
export interface Presence extends AsyncDisposable {
  connected(endpoint: EndpointId, address: string, now: number): void
  disconnected(endpoint: EndpointId, now: number): void
  /** Where the endpoint's link comes from, `host:port`; undefined while it has none. */
  addressOf(endpoint: EndpointId): string | undefined
  /** When it was last connected: `now`, if it is; 0 if never. */
  lastSeenMs(endpoint: EndpointId, now: number): number
  forget(endpoint: EndpointId): void
}

/**
 * Load when endpoints were last seen. Written down when one leaves, and for all of them at most once a minute, 256
 * documents in all: a crash loses a minute of what nobody depends on.
 */
export async function openPresence({
  store,
  log,
  clock,
  onChange = () => {},
}: Pick<Context, 'store' | 'log' | 'clock'> & {
  /** Told who came or went. */
  readonly onChange?: (endpoint: EndpointId) => void
}): Promise<Presence> {
  const table = await openTable({
    store,
    log,
    prefix: 'seen',
    shape: seenRecordShape,
    idOf: record => record.shard,
  })
  const addresses = new Map<EndpointId, string>()
  const shards = new Map<string, Map<string, number>>()
  for (const record of table.values()) shards.set(record.shard, new Map(Object.entries(record.seenAtMs)))
  const unsaved = new Set<string>()
  let saving: Promise<void> | undefined
  let sweptAtMs = 0

  function see(endpoint: EndpointId, now: number): void {
    const shard = endpoint.slice(0, 2)
    shards.set(shard, (shards.get(shard) ?? new Map<string, number>()).set(endpoint, now))
    unsaved.add(shard)
  }

  function sweep(now: number): void {
    if (Math.abs(now - sweptAtMs) < SWEEP_MS) return
    sweptAtMs = now
    for (const endpoint of addresses.keys()) see(endpoint, now)
    save()
  }

  /** One write at a time, however often endpoints come and go; a shard that changes meanwhile is written again. */
  function save(): void {
    saving ??= saveAll().finally(() => {
      saving = undefined
    })
  }

  async function saveAll(): Promise<void> {
    for (const shard of unsaved) {
      unsaved.delete(shard)
      try {
        await table.put({ version: 1, shard, seenAtMs: Object.fromEntries(shards.get(shard) ?? []) })
      } catch (error) {
        log.warn('presence.not-saved', { code: toMeshError(error).code })
      }
    }
  }

  return {
    connected(endpoint, address, now) {
      if (!addresses.has(endpoint)) onChange(endpoint)
      addresses.set(endpoint, address)
      see(endpoint, now)
      sweep(now)
    },
    disconnected(endpoint, now) {
      if (!addresses.delete(endpoint)) return
      onChange(endpoint)
      see(endpoint, now)
      save()
    },
    addressOf: endpoint => addresses.get(endpoint),
    lastSeenMs: (endpoint, now) =>
      addresses.has(endpoint) ? now : (shards.get(endpoint.slice(0, 2))?.get(endpoint) ?? 0),
    forget(endpoint) {
      addresses.delete(endpoint)
      const shard = endpoint.slice(0, 2)
      if (shards.get(shard)?.delete(endpoint)) unsaved.add(shard)
    },
    async [Symbol.asyncDispose]() {
      for (const endpoint of addresses.keys()) see(endpoint, clock.now())
      await saving
      await saveAll()
    },
  }
}

const SWEEP_MS = 60_000
