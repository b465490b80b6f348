import { randomBytes } from 'node:crypto'
import type { Context } from '../controller/context.ts'
import { createExclusive } from '../controller/exclusive.ts'
import { DEFAULT_LIMITS } from '../controller/limits.ts'
import type { ControllerChange } from '../core/api/controller.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { createRecordedLog, type RecordedLog } from './recorded-log.ts'

/** What parts of the controller work with, in a test. */
export interface TestContext extends Context, AsyncDisposable {
  readonly clock: ManualClock
  readonly log: RecordedLog
  /** What was emitted. */
  readonly changes: ControllerChange[]
}

/** Make one on a store in memory. */
export async function openTestContext(): Promise<TestContext> {
  const store = await openSqliteStore(':memory:')
  const changes: ControllerChange[] = []
  return {
    store,
    clock: createManualClock(),
    log: createRecordedLog(),
    limits: DEFAULT_LIMITS,
    random: randomBytes,
    exclusive: createExclusive(),
    changes,
    emit: change => void changes.push(change),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
