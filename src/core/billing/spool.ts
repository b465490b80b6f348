import type { z } from 'zod'
import { MeshError } from '../model/errors.ts'
import type { Log } from '../model/log.ts'
import type { Json, Store } from '../model/store.ts'
import { createDelivery, type DeliveryOptions } from './delivery.ts'

/** What became of a record that was sent. */
export type Receipt = 'taken' | 'refused' | MeshError

/** How a spool is made. */
export interface SpoolOptions<R extends { readonly id: string }>
  extends Pick<DeliveryOptions<R>, 'after' | 'random'> {
  readonly store: Store
  /** First words of the keys, without a slash at the end: a record is at `<prefix>/<id>`. */
  readonly prefix: string
  readonly shape: z.ZodType<R>
  /** How many records it holds at most; default `MAX_SPOOLED`. */
  readonly maxCount?: number
  /** How many are sent at once. */
  readonly batchCount: number
  /**
   * Send some. Records of one id may be sent again, and the receiver must take that for one.
   *
   * @returns for each what became of it; an error is why it has to be sent again. Throwing is the same for all
   */
  readonly send: (batch: readonly R[]) => Promise<readonly Receipt[]>
  /** What a record becomes that an earlier run of the program left. */
  readonly onLoaded?: (record: R) => R
  readonly log: Log
}

/** Records that must arrive, whatever happens: in the store first, sent until they were taken. */
export interface Spool<R> extends AsyncDisposable {
  /**
   * Keep a record and send it. One of the same id is replaced, and sent again if it was sent already.
   *
   * @returns when it survives `kill -9`
   * @throws MeshError `too-many` if it is full, or as `Store.put`
   */
  add(record: R): Promise<void>
  /** Keep a record for the case that this program dies; it is sent by the next run, or when `add` replaces it. */
  hold(record: R): Promise<void>
  readonly count: number
  /** No new record fits. */
  readonly isFull: boolean
  /** Why the last try to send failed; undefined after one that did not. */
  readonly lastError: MeshError | undefined
  /** What failed may work now. */
  hurry(): void
}

/**
 * Open a spool on what an earlier run left in the store, and go on sending it. A record that cannot be read is logged
 * and passed over.
 *
 * @throws MeshError `storage-failed` if the store cannot be read
 */
export async function openSpool<R extends { readonly id: string }>(
  options: SpoolOptions<R>,
): Promise<Spool<R>> {
  const { store, prefix, log, batchCount, maxCount = MAX_SPOOLED } = options
  const records = new Map<string, R>()
  const held = new Set<string>()
  const keyOf = ({ id }: R) => `${prefix}/${id}`

  for (const { key, value } of await store.list(`${prefix}/`)) {
    const parsed = options.shape.safeParse(value)
    if (parsed.success) records.set(parsed.data.id, options.onLoaded?.(parsed.data) ?? parsed.data)
    else log.error('spool.unreadable', { key })
  }

  function ready(): R[] {
    const batch: R[] = []
    for (const record of records.values()) {
      if (batch.length === batchCount) break
      if (!held.has(record.id)) batch.push(record)
    }
    return batch
  }

  const delivery = createDelivery<R>({
    next: ready,
    async deliver(batch) {
      const receipts = await options.send(batch)
      let failed: MeshError | undefined
      for (const [index, record] of batch.entries()) {
        const receipt = receipts[index] ?? new MeshError('bug', 'Cannot send record: no receipt for it')
        if (receipt instanceof MeshError) failed = receipt
        await settle(record, receipt)
      }
      if (failed !== undefined) throw failed
    },
    after: options.after,
    random: options.random,
    onFailure: (error, pauseMs) =>
      log.warn('spool.waits', {
        prefix,
        count: records.size,
        code: error.code,
        reason: error.message,
        pauseMs,
      }),
  })

  async function settle(record: R, receipt: Receipt): Promise<void> {
    // Replaced while it was under way: what is there now is still to be sent.
    if (records.get(record.id) !== record) return
    records.delete(record.id)
    if (receipt instanceof MeshError) {
      // Behind the others, so that one that nobody takes does not hold them up.
      records.set(record.id, record)
      return
    }
    if (receipt === 'refused') log.error('spool.refused', { prefix, record: JSON.stringify(record) })
    await store.delete(keyOf(record))
  }

  async function keep(record: R): Promise<void> {
    const before = records.get(record.id)
    if (before === undefined && records.size >= maxCount) {
      throw new MeshError(
        'too-many',
        `Cannot keep record: ${maxCount} wait already${delivery.lastError ? `: ${delivery.lastError.message}` : ''}`,
      )
    }
    records.set(record.id, record)
    held.add(record.id)
    try {
      await store.put(keyOf(record), JSON.parse(JSON.stringify(record)) as Json)
    } catch (error) {
      if (records.get(record.id) === record) {
        held.delete(record.id)
        if (before === undefined) records.delete(record.id)
        else records.set(record.id, before)
      }
      throw error
    }
  }

  delivery.wake()
  return {
    async add(record) {
      await keep(record)
      if (records.get(record.id) === record) held.delete(record.id)
      delivery.wake()
    },
    hold: keep,
    get count() {
      return records.size
    },
    get isFull() {
      return records.size >= maxCount
    },
    get lastError() {
      return delivery.lastError
    },
    hurry: delivery.hurry,
    [Symbol.asyncDispose]: () => delivery[Symbol.asyncDispose](),
  }
}

/** Records that a spool holds: some 300 bytes each, in memory and in the store. */
export const MAX_SPOOLED = 10_000
