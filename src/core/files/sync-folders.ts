import type { Side, Verdict } from './sync-shapes.ts'
import type { Tree } from './tree-entry.ts'
import { parentOf } from './tree-path.ts'

/**
 * Make sure that whatever stays has folders above it: one that was removed on a side while something new came into it on the
 * other comes back, and a file that has taken its place gets another name.
 *
 * @param verdicts  of every path; changed in place
 */
export function settleFolders(verdicts: Map<string, Verdict>, left: Tree, right: Tree): void {
  const needed = new Set<string>()
  for (const [path, { from, aside }] of verdicts) {
    if (from === undefined && aside.length === 0) continue
    for (let above = parentOf(path); above !== undefined && above !== ''; above = parentOf(above)) {
      if (needed.has(above)) break
      needed.add(above)
    }
  }
  for (const path of needed) {
    const [one, other] = [left.get(path), right.get(path)]
    const isFolder = { left: one?.kind === 'folder', right: other?.kind === 'folder' }
    const verdict = verdicts.get(path)
    if (verdict === undefined) continue
    if (isFolder.left && isFolder.right) {
      // The one whose mode was changed gives it.
      if (verdict.from === undefined) verdict.from = 'both'
      continue
    }
    const side: Side = isFolder.left ? 'left' : 'right'
    const away = side === 'left' ? 'right' : 'left'
    const isKept = verdict.from === away || verdict.from === 'both' || verdict.from === 'unknown'
    // The file that was to take the folder's place: what is unchanged and was to go, still goes.
    if (isKept && (away === 'left' ? one : other) !== undefined && !verdict.aside.includes(away)) {
      verdict.aside = [...verdict.aside, away]
    }
    verdict.aside = verdict.aside.filter(at => at !== side)
    verdict.from = side
  }
}
