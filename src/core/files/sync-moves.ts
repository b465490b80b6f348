import type { Side, SyncInput, Verdict } from './sync-shapes.ts'
import { isUntouched } from './tree-entry.ts'

/** A rename on the side `at`, that was made on the other (`from`). */
export interface Move {
  readonly at: Side
  readonly from: Side
  readonly path: string
  readonly to: string
}

/**
 * Find files that only got another name on one side: the file system's own mark of the file, its size and its time are
 * those that were agreed upon under the old name, and the other side still has it there, untouched.
 */
export function findMoves(verdicts: ReadonlyMap<string, Verdict>, input: SyncInput): Move[] {
  const moves: Move[] = []
  for (const from of ['left', 'right'] as const) {
    const at = from === 'left' ? 'right' : 'left'
    const gone = new Map<string, string>()
    for (const [path, agreed] of input.agreed) {
      const before = agreed[from]
      const isGone = verdicts.get(path)?.from === undefined && verdicts.get(path)?.aside.length === 0
      if (before.kind !== 'file' || before.id === undefined || before.size === 0 || !isGone) continue
      if (isUntouched(agreed[at], input[at].get(path)) && !input[from].has(path)) gone.set(before.id, path)
    }
    if (gone.size === 0) continue
    for (const [to, verdict] of verdicts) {
      const now = input[from].get(to)
      if (verdict.from !== from || now?.kind !== 'file' || now.id === undefined || input[at].has(to)) continue
      const path = gone.get(now.id)
      const before = path === undefined ? undefined : input.agreed.get(path)?.[from]
      if (path === undefined || !isUntouched(before, now)) continue
      gone.delete(now.id)
      moves.push({ at, from, path, to })
    }
  }
  return moves
}
