import type { TransferInfo } from '../../core/api/transfers-api.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import type { Clock } from '../../core/model/time.ts'

/** What is moved between this agent and the programs of its user: files saved by a browser, or given by it. */
export interface Transfers {
  readonly all: readonly TransferInfo[]
  /** Something of it moves. A piece that begins before the last one ended goes on with it. */
  begin(about: TransferStart): MovingPiece
  /** What fires when one is stopped; undefined if there is none of that id. */
  signalOf(id: string): AbortSignal | undefined
  /** End one; what moves of it is broken off. @throws MeshError `not-found` */
  stop(id: string): TransferInfo
}

/** Which transfer a piece is of. */
export interface TransferStart {
  readonly id: string
  readonly direction: TransferInfo['direction']
  readonly mesh: Name
  readonly app: string
  readonly name: string
  readonly place?: string
  readonly totalBytes: number
}

/** A piece of a transfer while it moves. */
export interface MovingPiece {
  /** Fires when the person stops it. */
  readonly signal: AbortSignal
  /** So many bytes of the whole are done, counted from its beginning. */
  reach(doneBytes: number): void
  /** It ended: the whole is done, or the rest is still to come. @param error  why it broke, if it did */
  end(error?: unknown): void
}

interface Kept {
  readonly info: TransferInfo
  readonly stop: AbortController
  moving: number
  endedAtMs: number
}

/** Keep the transfers of one agent, the last `MAX_TRANSFERS` of them; they are forgotten when it ends. */
export function createTransfers(clock: Clock): Transfers {
  const kept = new Map<string, Kept>()
  const find = (start: TransferStart): Kept => {
    const known = kept.get(start.id)
    if (known !== undefined && known.info.state !== 'done' && !known.stop.signal.aborted) return known
    kept.delete(start.id)
    const oldest = [...kept.values()].find(({ moving }) => moving === 0)
    if (kept.size >= MAX_TRANSFERS && oldest !== undefined) kept.delete(oldest.info.id)
    const info: TransferInfo = { ...start, state: 'running', doneBytes: 0, startedAtMs: clock.now() }
    const fresh = { info, stop: new AbortController(), moving: 0, endedAtMs: 0 }
    kept.set(start.id, fresh)
    return fresh
  }
  return {
    get all() {
      return [...kept.values()].map(({ info, endedAtMs }): TransferInfo => {
        // Between two pieces it has not stopped.
        const isBetween = info.state === 'waiting' && clock.now() - endedAtMs < BETWEEN_MS && !info.error
        return { ...info, ...(isBetween && { state: 'running' }) }
      })
    },
    signalOf: id => kept.get(id)?.stop.signal,
    begin(start) {
      const one = find(start)
      const { info, stop } = one
      one.moving += 1
      info.state = 'running'
      delete info.endedAtMs
      delete info.error
      let isOver = false
      return {
        signal: stop.signal,
        reach(doneBytes) {
          info.doneBytes = doneBytes
        },
        end(error) {
          if (isOver) return
          isOver = true
          one.moving -= 1
          if (stop.signal.aborted) return
          if (error !== undefined && info.state !== 'done') info.error = toMeshError(error).toBody()
          if (one.moving > 0) return
          const isWhole = info.doneBytes >= info.totalBytes && info.error === undefined
          info.state = isWhole ? 'done' : 'waiting'
          one.endedAtMs = clock.now()
          if (isWhole) info.endedAtMs = clock.now()
        },
      }
    },
    stop(id) {
      const one = kept.get(id)
      if (one === undefined) throw new MeshError('not-found', `Cannot stop transfer ${id}: there is none`)
      const { info } = one
      if (info.state !== 'done') {
        info.state = 'cancelled'
        info.endedAtMs = clock.now()
      }
      one.stop.abort(new MeshError('timed-out', 'Cannot go on: it was stopped'))
      return { ...info }
    },
  }
}

/** Transfers that are known. */
export const MAX_TRANSFERS = 256
/** The next piece of one that comes in pieces begins within that time, else it waits for it. */
const BETWEEN_MS = 5_000
