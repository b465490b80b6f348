import type { Store } from '../core/model/store.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'

/** A store that dies with the test, for tests of rooms that may not name an adapter. */
export function openMemoryStore(): Promise<Store> {
  return openSqliteStore(':memory:')
}
