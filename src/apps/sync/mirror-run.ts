import { parseDiskPath } from '../../core/files/disk-path.ts'
import { planSync } from '../../core/files/sync-plan.ts'
import { restrictSync } from '../../core/files/sync-scope.ts'
import type { Agreed, Side, SyncAction, SyncInput } from '../../core/files/sync-shapes.ts'
import type { Folder } from '../../core/model/disk.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Host } from '../../sdk/app.ts'
import { readAgreed, writeAgreed } from './agreed-file.ts'
import type { MirrorRecord } from './messages.ts'
import { carryOutPlan } from './mirror-actions.ts'
import type { MirrorProgress } from './mirror-progress.ts'
import { MirrorSides } from './mirror-sides.ts'
import { openPlace } from './open-place.ts'
import { createPace, wait } from './serve-copy.ts'
import { isBroken } from './transfer.ts'
import type { Computer } from './tree-site.ts'

/** What a mirror runs with. */
export interface MirrorTerms {
  readonly host: Host
  readonly computer: Computer
  readonly record: MirrorRecord
  readonly progress: MirrorProgress
  readonly signal: AbortSignal
  /** Both folders were opened, and marked. */
  readonly onMarked: () => Promise<void>
}

/** Keep two folders equal until the signal fires: connect, look at all, then follow changes; and again when something breaks. Never throws. */
export async function runMirror(terms: MirrorTerms): Promise<void> {
  const { host, progress, signal, record } = terms
  let retryMs = FIRST_RETRY_MS
  while (!signal.aborted) {
    const startedMs = host.clock.now()
    try {
      progress.state = 'connecting'
      await followUntilBroken(terms)
    } catch (thrown) {
      if (signal.aborted) break
      const error = toMeshError(thrown)
      progress.error = error.message
      progress.state = isBroken(error) ? 'waiting' : 'failed'
      host.log.warn('mirror.broken', { mirror: record.name, code: error.code, reason: error.message })
      if (host.clock.now() - startedMs > MAX_RETRY_MS) retryMs = FIRST_RETRY_MS
    }
    await wait(host, retryMs, signal)
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2)
  }
}

async function followUntilBroken({
  host,
  computer,
  record,
  progress,
  signal,
  onMarked,
}: MirrorTerms): Promise<void> {
  const { id, folder, to, isMarked, peer } = record
  const mirror = { id, isNew: !isMarked }
  await using left = await openPlace(host, computer, { path: folder }, { mirror, signal })
  await using right = await openPlace(
    host,
    computer,
    { ...to, endpoint: peer ?? to.endpoint },
    { mirror, signal },
  )
  if (right.opened.isReadOnly) {
    throw new MeshError(
      'denied',
      'Cannot mirror: the folder there may only be read: ask its owner to grant writing',
    )
  }
  if (!isMarked) await onMarked()
  await using own = await host.disk.openFolder(folder)
  const sides = new MirrorSides({ left, right }, record.ignores)
  for (const place of [left, right]) await place.ask({ do: 'watch' })
  await sides.scan()
  const agreed = await readAgreed(own, id)
  progress.error = undefined
  await new Follower({ host, record, progress, sides, agreed, own, signal }).run()
}

interface FollowTerms {
  readonly host: Host
  readonly record: MirrorRecord
  readonly progress: MirrorProgress
  readonly sides: MirrorSides
  readonly agreed: Map<string, Agreed>
  readonly own: Folder
  readonly signal: AbortSignal
}

/** Makes two trees equal that are known, and then follows what changes. */
class Follower {
  readonly #terms: FollowTerms
  /** What changed and has not been looked at; undefined for all. */
  readonly #changed: Record<Side, Set<string> | 'all'> = { left: new Set(), right: new Set() }
  /** What was looked at since both were equal everywhere else; all there is at first. */
  #open: Set<string> | 'all' = 'all'
  #wake: (() => void) | undefined
  #broken: MeshError | undefined
  #isUnkept = false
  /** Paths that differ and stay so. */
  readonly #apart = new Set<string>()
  #keptMs = Number.NEGATIVE_INFINITY
  #cleanedMs = Number.NEGATIVE_INFINITY

  constructor(terms: FollowTerms) {
    this.#terms = terms
  }

  async run(): Promise<void> {
    const { host, progress, signal } = this.#terms
    for (const side of ['left', 'right'] as const) void this.#listen(side)
    let retryMs = FIRST_RETRY_MS
    try {
      while (!signal.aborted) {
        const isEqual = await this.#makeEqual()
        if (this.#broken !== undefined) throw this.#broken
        if (isEqual) {
          progress.state = progress.problems.length > 0 ? 'in sync but for problems' : 'in sync'
          progress.inSyncAtMs = host.clock.now()
          await this.#cleanTrash()
        }
        const hasFailed = !isEqual || progress.problems.some(({ isLasting }) => !isLasting)
        await this.#nextChange(hasFailed ? retryMs : DAY_MS)
        retryMs = hasFailed ? Math.min(MAX_RETRY_MS, retryMs * 2) : FIRST_RETRY_MS
        if (this.#broken !== undefined) throw this.#broken
      }
    } finally {
      await this.#keep().catch(() => {})
    }
  }

  /** Once a day, when there is nothing else to do. */
  async #cleanTrash(): Promise<void> {
    const { host, sides } = this.#terms
    const now = host.clock.now()
    if (now - this.#cleanedMs < DAY_MS) return
    this.#cleanedMs = now
    for (const place of [sides.places.left, sides.places.right]) {
      await place.ask({ do: 'clean-trash', keepMs: TRASH_KEPT_MS, keepBytes: TRASH_KEPT_BYTES })
    }
  }

  /** Hear of changes of one side, for as long as it lasts. */
  async #listen(side: Side): Promise<void> {
    try {
      while (!this.#terms.signal.aborted) {
        const { answer } = await this.#terms.sides.places[side].ask({ do: 'changes' })
        const known = this.#changed[side]
        if (answer.paths === undefined || known === 'all') this.#changed[side] = 'all'
        // The other end may say anything.
        else for (const path of answer.paths) known.add(parseDiskPath(path))
        this.#wake?.()
        // The next are collected meanwhile.
        await wait(this.#terms.host, SETTLE_MS, this.#terms.signal)
      }
    } catch (error) {
      this.#broken ??= toMeshError(error)
      this.#wake?.()
    }
  }

  get #hasChanges(): boolean {
    const { left, right } = this.#changed
    return left === 'all' || right === 'all' || left.size > 0 || right.size > 0
  }

  /** Wait for a change, and a little more, as one seldom comes alone. @param retryMs  at most so long */
  async #nextChange(retryMs: number): Promise<void> {
    const { host, signal } = this.#terms
    const stop = () => this.#wake?.()
    signal.addEventListener('abort', stop, { once: true })
    const cancel = host.after(retryMs, stop)
    if (!this.#hasChanges && !signal.aborted && this.#broken === undefined) {
      const cancelKeeping = await this.#keepInTime()
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      this.#wake = undefined
      cancelKeeping()
    }
    cancel()
    signal.removeEventListener('abort', stop)
    await wait(host, SETTLE_MS, signal)
    await this.#refresh()
  }

  async #refresh(): Promise<void> {
    const { sides } = this.#terms
    for (const side of ['left', 'right'] as const) {
      const changed = this.#changed[side]
      this.#changed[side] = new Set()
      if (changed === 'all') {
        this.#open = 'all'
        await sides.scanSide(side)
      } else if (changed.size > 0) {
        this.#addOpen(changed)
        if (!(await sides.refresh(side, changed))) this.#open = 'all'
      }
    }
  }

  #addOpen(paths: Iterable<string>): void {
    if (this.#open === 'all') return
    for (const path of paths) this.#open.add(path)
    if (this.#open.size > MAX_OPEN) this.#open = 'all'
  }

  /** Plan and do until a plan has nothing in it that was not tried. @returns whether nothing is left but what failed */
  async #makeEqual(): Promise<boolean> {
    const { progress, signal } = this.#terms
    progress.problems = []
    for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round++) {
      const { actions, problems } = this.#plan()
      const failed = new Set(progress.problems.map(({ path }) => path))
      const open = actions.filter(({ path }) => !failed.has(path))
      for (const { path, why } of problems) {
        if (!failed.has(path)) progress.problems.push({ path, message: WHYS[why], isLasting: true })
      }
      progress.leftCount = open.length
      if (open.length === 0) {
        this.#open = new Set(failed)
        this.#addFaults()
        return true
      }
      progress.state = 'syncing'
      this.#addOpen(open.flatMap(action => ('to' in action ? [action.path, action.to] : [action.path])))
      await this.#carryOut(open)
      this.#isUnkept = true
      if (this.#isKeepingDue) await this.#keep()
      if (this.#broken !== undefined) return false
      // What did not fit any more: look what it is now.
      const stale = progress.problems.filter(({ isStale }) => isStale === true).map(({ path }) => path)
      progress.problems = progress.problems.filter(({ isStale }) => isStale !== true)
      for (const side of ['left', 'right'] as const) {
        const known = this.#changed[side]
        if (known !== 'all') for (const path of stale) known.add(path)
      }
      await this.#refresh()
    }
    return false
  }

  #plan() {
    const { host, record, sides, agreed } = this.#terms
    const { left, right } = sides.visible()
    const nowMs = host.clock.now()
    const oneWayFrom = SOURCES[record.direction]
    const input: SyncInput = {
      left,
      right,
      agreed,
      marks: {
        left: { endpoint: host.endpoint.name, nowMs },
        right: { endpoint: record.to.endpoint ?? `${host.endpoint.name}-2`, nowMs },
      },
      ...(oneWayFrom !== undefined && { oneWayFrom }),
      foldsNames: sides.places.left.opened.foldsNames || sides.places.right.opened.foldsNames,
    }
    const some = this.#open === 'all' ? input : restrictSync(input, this.#open)
    const known = [...some.agreed].filter(
      ([path, { left: entry }]) => !sides.isHidden(path) && !sides.isIgnored(path, entry.kind === 'folder'),
    )
    const plan = planSync({ ...some, agreed: new Map(known) })
    this.#countApart(some, plan.held)
    return plan
  }

  /** @param planned  what was looked at; all else is as it was */
  #countApart(planned: SyncInput, held: readonly string[]): void {
    const { left, right } = this.#terms.sides.trees
    for (const path of this.#apart) {
      const isPlanned = planned.left.has(path) || planned.right.has(path) || planned.agreed.has(path)
      if (isPlanned || !(left.has(path) || right.has(path))) this.#apart.delete(path)
    }
    for (const path of held) this.#apart.add(path)
    this.#terms.progress.apartCount = this.#apart.size
  }

  async #carryOut(actions: readonly SyncAction[]): Promise<void> {
    const { host, record, progress, sides, agreed, signal } = this.#terms
    await carryOutPlan(
      {
        sides,
        agreed,
        signal,
        pace: createPace(host, record.bytesPerSecond, signal),
        onBytes: (_, sentBytes) => {
          progress.sentBytes += sentBytes
        },
        onDone: action => {
          progress.leftCount = Math.max(0, progress.leftCount - 1)
          if (action.do !== 'set-aside') return
          progress.conflicts = [...progress.conflicts, action.to].slice(-MAX_CONFLICTS)
          host.log.info('mirror.conflict', { mirror: record.name, path: action.path, copy: action.to })
        },
        onFault: (path, error) => {
          if (isBroken(error)) throw error
          if (progress.problems.length >= MAX_PROBLEMS) return
          progress.problems.push({
            path,
            message: error.message,
            isLasting: LASTING.has(error.code),
            isStale: STALE.has(error.code),
          })
        },
      },
      actions,
    )
  }

  #addFaults(): void {
    const { progress, sides } = this.#terms
    for (const side of ['left', 'right'] as const) {
      for (const [path, { message }] of sides.faults[side]) {
        if (progress.problems.length < MAX_PROBLEMS)
          progress.problems.push({ path, message, isLasting: true })
      }
    }
  }

  /** Writing it takes longer the more there is, so it is done less often. */
  get #keepEveryMs(): number {
    return KEEP_MS * (1 + this.#terms.agreed.size / 10_000)
  }

  get #isKeepingDue(): boolean {
    return this.#terms.host.clock.now() - this.#keptMs >= this.#keepEveryMs
  }

  /** Keep what was agreed, now or in a while. @returns a function that cancels */
  async #keepInTime(): Promise<() => void> {
    if (!this.#isUnkept) return () => {}
    if (!this.#isKeepingDue)
      return this.#terms.host.after(this.#keepEveryMs, () => void this.#keep().catch(() => {}))
    await this.#keep()
    return () => {}
  }

  async #keep(): Promise<void> {
    const { host, own, record, agreed } = this.#terms
    if (!this.#isUnkept) return
    await writeAgreed(own, record.id, agreed)
    this.#isUnkept = false
    this.#keptMs = host.clock.now()
  }
}

const SOURCES = { both: undefined, upload: 'left', download: 'right' } as const
const WHYS = {
  'case-clash': 'on one side it has the name of another',
  'folder-in-the-way': 'where it is to go is a folder that has something of its own',
} as const
/** Trying again does not help against these. */
const LASTING: ReadonlySet<string> = new Set(['denied', 'bad-name', 'unsupported', 'too-large', 'bad-input'])
/** Something else is there than was looked at. */
const STALE: ReadonlySet<string> = new Set(['conflict', 'not-found'])
/** After the first change, for others that belong to it. */
const SETTLE_MS = 200
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
/** Plans one after another, as long as each has something to do: somebody may go on changing things. */
const MAX_ROUNDS = 20
/** What was agreed is written at most so often, for a small folder. */
const KEEP_MS = 2_000
/** Paths that are planned by themselves; for more, all are. */
const MAX_OPEN = 5_000
const MAX_PROBLEMS = 100
const MAX_CONFLICTS = 100
const DAY_MS = 24 * 3_600_000
const TRASH_KEPT_MS = 30 * DAY_MS
const TRASH_KEPT_BYTES = 10_000_000_000
