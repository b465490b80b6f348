import type { Commerce } from '../../core/billing/commerce.ts'
import { createDelivery, type Delivery } from '../../core/billing/delivery.ts'
import { usageId } from '../../core/billing/usage.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Log } from '../../core/model/log.ts'
import type { UsageBook } from './usage-book.ts'

/** What charging needs. */
export interface ChargerOptions {
  readonly book: UsageBook
  readonly commerce: Commerce
  readonly after: (ms: number, call: () => void) => () => void
  readonly random: () => number
  readonly onCharged: (payer: string) => void
  readonly log: Log
}

/**
 * Send to Commerce what the book says is to be charged, as often as it takes: each part with a key of its own, one part
 * of a stream after the other.
 */
export function createCharger({ book, commerce, log, ...options }: ChargerOptions): Delivery {
  /** Failed since all others were tried. */
  const tried = new Set<string>()

  function next(): string[] {
    const batch: string[] = []
    for (const id of book.waiting) if (!tried.has(id) && batch.push(id) === PARALLEL_COUNT) return batch
    if (batch.length > 0 || tried.size === 0) return batch
    tried.clear()
    return next()
  }

  /** @returns why it has to be tried again */
  async function charge(id: string): Promise<MeshError | undefined> {
    const record = book.get(id)
    const part = record?.outbox[0]
    if (record === undefined || part === undefined) return undefined
    const { session, stream, service, payer, dialler, host } = record
    const { sequence, ...count } = part
    try {
      const outcome = await commerce.record({
        id: usageId(session, stream, sequence),
        service,
        sessionId: session,
        user: payer,
        ...count,
        metadata: {
          stream,
          part: String(sequence),
          client_id: dialler.endpoint,
          ...(host !== undefined && { host_id: host.endpoint }),
        },
      })
      if (outcome === 'refused')
        log.error('usage.not-charged', { service, user: payer, session, stream, sequence, ...count })
      else log.info('usage.charged', { service, user: payer, session, stream, sequence, ...count })
      await book.settle(id, sequence, outcome)
      options.onCharged(payer)
      return undefined
    } catch (thrown) {
      tried.add(id)
      return toMeshError(thrown)
    }
  }

  return createDelivery<string>({
    next,
    async deliver(batch) {
      const failures = await Promise.all(batch.map(charge))
      const failure = failures.find(error => error !== undefined)
      if (failure !== undefined) throw failure
    },
    after: options.after,
    random: options.random,
    onFailure: (error, pauseMs) =>
      log.warn('usage.waits', { count: book.waiting.size, reason: error.message, pauseMs }),
  })
}

/** Parts that are sent to Commerce at one time. */
const PARALLEL_COUNT = 8
