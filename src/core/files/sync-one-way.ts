import type { Agreed, Side, Verdict } from './sync-shapes.ts'
import { hasSameContent, isModeAlike, isUntouched, type Tree, type TreeEntry } from './tree-entry.ts'
import { parentOf } from './tree-path.ts'

/**
 * What becomes of one path where changes go one way only. Nothing is ever done at the source. What the target changed, made
 * or removed by itself stays so (`held`) until the source changes that path too; then the source's gets the name, and the
 * target's, if it had changed one, a name of its own there. What the source removed and the target changed stays.
 *
 * @param from  the source
 */
export function judgeOneWay(
  source: TreeEntry | undefined,
  target: TreeEntry | undefined,
  { agreed, from }: { readonly agreed: Agreed | undefined; readonly from: Side },
): Verdict {
  const to = otherOf(from)
  const isSourceChanged = !isUntouched(agreed?.[from], source)
  const isTargetChanged = !isUntouched(agreed?.[to], target)
  if (source === undefined) return { from: isTargetChanged && target ? 'held' : undefined, aside: [] }
  if (!isSourceChanged) return { from: isTargetChanged ? 'held' : 'both', aside: [] }
  if (!isTargetChanged || target === undefined) return { from, aside: [] }
  const isEqual = hasSameContent(source, target)
  if (isEqual === undefined) return { from: 'unknown', aside: [] }
  const isLink = source.kind === 'link' || target.kind === 'link'
  if (isEqual) return { from: isLink || isModeAlike(source, target) ? 'both' : from, aside: [] }
  // What is in a folder of the target may be its own: it is not moved away, and the path is told of.
  if (target.kind === 'folder') return { from: 'held', aside: [] }
  return { from, aside: [to] }
}

/**
 * Make sure that whatever the target is to have, has folders above it there, without a change of the source.
 *
 * @param verdicts  of every path; changed in place
 * @param from  the source
 */
export function settleOneWay(
  verdicts: Map<string, Verdict>,
  trees: Readonly<Record<Side, Tree>>,
  from: Side,
): void {
  const to = otherOf(from)
  const needed = new Set<string>()
  for (const [path, verdict] of verdicts) {
    const isThere = verdict.from === 'held' ? trees[to].has(path) : verdict.from !== undefined
    if (!isThere) continue
    for (let above = parentOf(path); above && !needed.has(above); above = parentOf(above)) needed.add(above)
  }
  for (const path of needed) {
    const verdict = verdicts.get(path)
    const [source, target] = [trees[from].get(path), trees[to].get(path)]
    if (verdict === undefined) continue
    if (target?.kind === 'folder') {
      if (source?.kind !== 'folder') Object.assign(verdict, { from: 'held', aside: [] })
    } else if (source?.kind === 'folder' && verdict.from !== from) {
      Object.assign(verdict, { from, aside: target === undefined ? [] : [to] })
    }
  }
}

/** Whether the source's cannot get to a path, as the target has a folder there that is not to go. */
export function isInTheWay(verdict: Verdict, source: TreeEntry | undefined, target: TreeEntry | undefined) {
  return (
    verdict.from === 'held' && source !== undefined && source.kind !== 'folder' && target?.kind === 'folder'
  )
}

function otherOf(side: Side): Side {
  return side === 'left' ? 'right' : 'left'
}
