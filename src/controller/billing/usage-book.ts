import type { UsageReport } from '../../core/api/billing-api.ts'
import { type ChargeTimes, isDone, makePart, newCharging, noteReport } from '../../core/billing/charge.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { UserName } from '../../core/model/names.ts'
import type { EndpointIdentity } from '../../core/model/spiffe-id.ts'
import type { Context } from '../context.ts'
import { openTable } from '../table.ts'
import type { SessionProof } from './session-proof.ts'
import { type StoredUsage, usageRecordShape } from './usage-records.ts'

/** What became of a report. */
export type UsageReceipt = 'taken' | 'refused' | 'later'

/** What streams carried, by their ends' reports, and what of it was charged. */
export interface UsageBook {
  /**
   * Take reports of an endpoint in; when it returns they are in the store.
   *
   * @returns for each whether it was taken, is about a session that was not given so, or has to come again later, as too
   *   many streams of that dialler are not charged yet
   * @throws MeshError `too-many` if no stream more can be kept, or as `Store.put`
   */
  report(from: EndpointIdentity, reports: readonly UsageReport[]): Promise<UsageReceipt[]>
  /** Make the parts that are due by time. */
  tick(): Promise<void>
  /** Commerce has a part, or will never take it. */
  settle(id: string, sequence: number, outcome: 'recorded' | 'refused'): Promise<void>
  get(id: string): StoredUsage | undefined
  /** All streams that are kept. */
  values(): Iterable<StoredUsage>
  /** Those of which something waits for Commerce. */
  readonly waiting: ReadonlySet<string>
  /** Those that are not done with. */
  readonly activeCount: number
  readonly count: number
  /** No other stream can be kept, of anybody or of this user. */
  isFullFor(user: UserName): boolean
  readonly times: ChargeTimes
}

/** Open the book on what the store holds. */
export async function openUsageBook(
  context: Context,
  options: {
    proof: SessionProof
    times: ChargeTimes
    payerOf: (user: UserName) => string
    onWaiting: () => void
  },
): Promise<UsageBook> {
  const { clock, log, limits } = context
  const { proof, times, onWaiting } = options
  const waiting = new Set<string>()
  const active = new Set<string>()
  /** How many of these each user dialled. */
  const activeOf = new Map<UserName, number>()
  /** In the order in which they were done with. */
  const done = new Set<string>()
  const table = await openTable<StoredUsage>({
    store: context.store,
    prefix: 'usage',
    shape: usageRecordShape,
    idOf: record => record.id,
    log,
    onRow(next, previous) {
      const id = (next ?? previous)?.id ?? ''
      if (previous !== undefined) finish(previous)
      for (const set of [waiting, done]) set.delete(id)
      if (next === undefined) return
      if (next.outbox.length > 0) waiting.add(id)
      if (isDone(next, clock.now(), times)) done.add(id)
      else start(next)
    },
  })

  function start({ id, dialler }: StoredUsage): void {
    active.add(id)
    activeOf.set(dialler.user, (activeOf.get(dialler.user) ?? 0) + 1)
  }

  function finish({ id, dialler }: StoredUsage): void {
    if (!active.delete(id)) return
    const count = (activeOf.get(dialler.user) ?? 1) - 1
    if (count > 0) activeOf.set(dialler.user, count)
    else activeOf.delete(dialler.user)
  }

  async function makeRoom(newCount: number): Promise<void> {
    for (const id of done) {
      if (table.size + newCount <= limits.usageRecords) return
      await table.delete(id)
    }
    if (table.size + newCount > limits.usageRecords) {
      throw new MeshError(
        'too-many',
        `Cannot keep usage: ${table.size} streams wait to be charged: see whether Commerce can be reached`,
      )
    }
  }

  /** @returns the record with the report in it; undefined if it is not this endpoint's to make */
  function take(
    from: EndpointIdentity,
    report: UsageReport,
    known: StoredUsage | undefined,
  ): StoredUsage | undefined {
    const { session, stream, service, end, dialler, ...count } = report
    const { user, endpoint } = from
    const isDialler = dialler.user === user
    if (end === 'dialler' ? !isDialler : dialler.endpoint === endpoint) return undefined
    if (!proof.check(session, { ...dialler, service })) return undefined
    const now = clock.now()
    const before: StoredUsage = known ?? {
      version: 1,
      id: `${session}.${stream}`,
      session,
      stream,
      service,
      dialler,
      payer: options.payerOf(dialler.user),
      refusedCount: 0,
      ...newCharging(now),
      counts: {},
      outbox: [],
    }
    if (end === 'host' && before.host !== undefined && before.host.user !== user) return undefined
    const noted = makePart(noteReport(before, end, count, now), now, times)
    return {
      ...before,
      ...noted,
      outbox: [...noted.outbox],
      ...(end === 'host' && { host: { user, endpoint } }),
    }
  }

  async function put(records: readonly StoredUsage[]): Promise<void> {
    // Together: they share one transaction.
    await Promise.all(records.map(record => table.put(record)))
    if (waiting.size > 0) onWaiting()
  }

  return {
    report: (from, reports) =>
      context.exclusive(async () => {
        const changed = new Map<string, StoredUsage>()
        const added = new Map<UserName, number>()
        const receipts = reports.map((report): UsageReceipt => {
          const id = `${report.session}.${report.stream}`
          const { user } = report.dialler
          if (table.get(id) === undefined && !changed.has(id)) {
            const newCount = added.get(user) ?? 0
            if ((activeOf.get(user) ?? 0) + newCount >= limits.usageRecordsPerUser) return 'later'
            added.set(user, newCount + 1)
          }
          const next = take(from, report, changed.get(id) ?? table.get(id))
          if (next !== undefined) changed.set(id, next)
          else
            log.warn('usage.refused', { service: report.service, endpoint: from.endpoint, end: report.end })
          return next === undefined ? 'refused' : 'taken'
        })
        const newCount = [...changed.keys()].filter(id => table.get(id) === undefined).length
        if (newCount > 0) await makeRoom(newCount)
        await put([...changed.values()])
        return receipts
      }),
    tick: () =>
      context.exclusive(async () => {
        const changed: StoredUsage[] = []
        for (const id of [...active]) {
          const record = table.get(id)
          if (record === undefined) continue
          const next = makePart(record, clock.now(), times)
          if (next !== record) changed.push({ ...record, ...next, outbox: [...next.outbox] } as StoredUsage)
          else if (isDone(record, clock.now(), times)) {
            finish(record)
            done.add(id)
          }
        }
        await put(changed)
      }),
    settle: (id, sequence, outcome) =>
      context.exclusive(async () => {
        const record = table.get(id)
        if (record === undefined) return
        const outbox = record.outbox.filter(part => part.sequence !== sequence)
        const refusedCount = record.refusedCount + (outcome === 'refused' ? 1 : 0)
        await table.put({ ...record, outbox, refusedCount })
      }),
    get: id => table.get(id),
    values: () => table.values(),
    waiting,
    get activeCount() {
      return active.size
    },
    get count() {
      return table.size
    },
    isFullFor: user =>
      active.size >= limits.usageRecords || (activeOf.get(user) ?? 0) >= limits.usageRecordsPerUser,
    times,
  }
}
