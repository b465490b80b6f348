import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ChangeKind } from '../core/edge/change-kinds.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Context } from './context.ts'
import type { EndpointLog } from './endpoint-log.ts'
import type { KindChanges } from './kind-changes.ts'
import type { EndpointRecord } from './records.ts'

/** What changed since somebody asked. */
export interface MeshChange {
  /** To ask with next. */
  readonly next: string
  readonly endpoints: EndpointId[]
  /** More endpoints changed than are named, or nobody knows any more which. */
  readonly isMore: boolean
  /** Kinds of other things that changed, of those that whoever asks may see. */
  readonly kinds: ChangeKind[]
}

/** What of the mesh changed, for those who look at it. */
export interface MeshChanges extends Disposable {
  /** Something changed: whoever waits for it is told soon. */
  changed(): void
  /**
   * Wait until something changes that the member may see, `waitMs` at most. One wait for each who asks: another one of the same
   * ends the first.
   *
   * @param member  reads the record of who asks, whenever it is needed; what it throws is the answer
   * @param since   `next` of the answer before; without it the answer comes at once
   * @throws MeshError `too-many`
   */
  wait(member: () => EndpointRecord, since: string | undefined): Promise<MeshChange>
}

/**
 * Make it. Nothing is told to who does not ask: in a mesh of thousands somebody comes or goes each second, and few
 * look. What changes within `gatherMs` is told together, and later while looking for whom it concerns takes long: that is never
 * more than a tenth of the controller's time.
 *
 * @param options.random  names this start: of what was before nobody knows
 */
export function createMeshChanges({
  endpoints,
  kinds,
  random,
  waitMs = 20_000,
  gatherMs = 50,
}: Pick<Context, 'random'> & {
  readonly endpoints: EndpointLog
  readonly kinds: Pick<KindChanges, 'since'>
  readonly waitMs?: number
  readonly gatherMs?: number
}): MeshChanges {
  const epoch = Buffer.from(random(9)).toString('hex')
  const waiting = new Map<EndpointId, Wait>()
  let timer: NodeJS.Timeout | undefined
  let isTelling = false
  let isStale = false
  /** By the clock of `performance`. */
  let restsUntil = 0

  function answer(member: EndpointRecord, since: string | undefined): MeshChange {
    const [, before, count = '', mark = ''] = /^(\w+)\.(\d{1,15})\.(.*)$/.exec(since ?? '') ?? []
    const seen = before === epoch ? Number(count) : NEVER
    const [changed, of] = [endpoints.since(seen), kinds.since(member, before === epoch ? mark : '')]
    const next = `${epoch}.${endpoints.count}.${of.mark}`
    if (since === undefined) return { next, endpoints: [], isMore: false, kinds: [] }
    return { next, ...changed, kinds: of.kinds }
  }

  /** Tell all whom it concerns. Others go on while it is found out who that is. */
  async function tell(): Promise<void> {
    timer = undefined
    isTelling = true
    isStale = false
    let spentMs = 0
    for (const wait of [...waiting.values()]) {
      const startedAt = performance.now()
      wait.look()
      const tookMs = performance.now() - startedAt
      spentMs += tookMs
      if (tookMs > LONG_LOOK_MS) await nextTurn()
    }
    isTelling = false
    restsUntil = performance.now() + spentMs * 9
    if (isStale) plan()
  }

  function plan(): void {
    if (isTelling || waiting.size === 0) return
    timer ??= setTimeout(() => void tell(), Math.max(gatherMs, restsUntil - performance.now()))
  }

  return {
    changed() {
      isStale = true
      plan()
    },
    async wait(member, since) {
      const { id } = member()
      const first = answer(member(), since)
      if (since === undefined || !isEmpty(first)) return first
      waiting.get(id)?.end()
      if (waiting.size >= MAX_WAITING)
        throw new MeshError('too-many', 'Cannot wait for changes of the mesh: too many do: ask again later')
      await new Promise<void>((resolve, reject) => {
        const end = (error?: MeshError) => {
          clearTimeout(late)
          if (waiting.get(id) === wait) waiting.delete(id)
          if (error === undefined) resolve()
          else reject(error)
        }
        const late = setTimeout(end, waitMs)
        const wait: Wait = {
          end,
          look() {
            try {
              if (!isEmpty(answer(member(), since))) end()
            } catch (error) {
              end(toMeshError(error))
            }
          },
        }
        waiting.set(id, wait)
        if (isStale) plan()
      })
      return answer(member(), since)
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      for (const wait of [...waiting.values()]) wait.end()
    },
  }
}

interface Wait {
  look(): void
  end(error?: MeshError): void
}

function isEmpty({ endpoints, isMore, kinds }: MeshChange): boolean {
  return endpoints.length === 0 && !isMore && kinds.length === 0
}

/** Before everything that is kept. */
const NEVER = -1
/** A look that takes longer lets others go on after it. */
const LONG_LOOK_MS = 2
/** Endpoints that wait at the same time. */
const MAX_WAITING = 1_000
