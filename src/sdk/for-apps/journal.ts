import type { z } from 'zod'
import type { Json } from '../../core/model/store.ts'
import type { AppStorage, Host } from '../app.ts'

/** What happened, entry by entry, kept over restarts: the last so many. */
export interface Journal<T> {
  /** Entries, the last first. */
  list(): Promise<T[]>
  /** Write one down. An entry with the same `atMs` and `id` is replaced. */
  keep(entry: T): void
  /** Resolves when all is kept. */
  whenKept(): Promise<void>
}

/** What a journal is made of. */
export interface JournalOptions<T> {
  readonly host: Pick<Host, 'log'> & { readonly storage: AppStorage }
  readonly shape: z.ZodType<T>
  /** When it began, and which it is. */
  readonly keyOf: (entry: T) => { readonly atMs: number; readonly id: string }
  /** Older ones are forgotten. */
  readonly maxCount: number
}

/** Make a journal; an app has one. What cannot be written down is logged. */
export function createJournal<T>({ host, shape, keyOf, maxCount }: JournalOptions<T>): Journal<T> {
  const { storage } = host
  let work: Promise<void> = Promise.resolve()
  return {
    async list() {
      await work
      const entries = (await storage.list(PREFIX)).flatMap(({ value }) => {
        const parsed = shape.safeParse(value)
        return parsed.success ? [parsed.data] : []
      })
      return entries.reverse()
    },
    keep(entry) {
      const { atMs, id } = keyOf(entry)
      const key = `${PREFIX}${String(Math.floor(atMs)).padStart(15, '0')}-${id}`
      work = work
        .then(async () => {
          await storage.put(key, entry as Json)
          const keys = (await storage.list(PREFIX)).map(one => one.key)
          for (const old of keys.slice(0, Math.max(0, keys.length - maxCount))) await storage.delete(old)
        })
        .catch((error: unknown) => host.log.warn('journal.failed', { reason: String(error) }))
    },
    whenKept: () => work,
  }
}

const PREFIX = 'history/'
