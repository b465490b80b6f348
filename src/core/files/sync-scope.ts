import type { Agreed, SyncInput } from './sync-shapes.ts'
import type { TreeEntry } from './tree-entry.ts'
import { parentOf } from './tree-path.ts'

/**
 * Only the part of two trees that some changes are about: those paths, all below them, and the folders above. Where all else is
 * as it was agreed, the plan for it is that for all, and takes time for what changed, not for all there is.
 *
 * @param changed  paths of which anything may have changed on either side
 */
export function restrictSync(input: SyncInput, changed: ReadonlySet<string>): SyncInput {
  // Names that clash may be anywhere.
  if (input.foldsNames === true || changed.has('')) return input
  const above = new Set<string>()
  for (const path of changed) {
    for (let at = parentOf(path); at && !above.has(at); at = parentOf(at)) above.add(at)
  }
  const isIn = (path: string) => {
    if (above.has(path)) return true
    for (let at: string | undefined = path; at; at = parentOf(at)) {
      if (changed.has(at)) return true
    }
    return false
  }
  const only = <T extends TreeEntry | Agreed>(map: ReadonlyMap<string, T>) =>
    new Map([...map].filter(([path]) => isIn(path)))
  const isTaken = (path: string) => input.left.has(path) || input.right.has(path)
  return { ...input, isTaken, left: only(input.left), right: only(input.right), agreed: only(input.agreed) }
}
