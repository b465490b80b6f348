import { conflictPath } from './conflict-name.ts'
import { settleFolders } from './sync-folders.ts'
import { findMoves, type Move } from './sync-moves.ts'
import { isInTheWay, judgeOneWay, settleOneWay } from './sync-one-way.ts'
import type { Agreed, Side, SyncAction, SyncInput, SyncProblem, Verdict } from './sync-shapes.ts'
import { hasSameContent, isModeAlike, isUntouched, type TreeEntry } from './tree-entry.ts'
import { foldPath, parentOf } from './tree-path.ts'

/**
 * Plan how two trees become equal that were changed apart. No clock decides anything:
 *
 * - what was changed, made or removed on one side alone is so on the other;
 * - changed on one and removed on the other: the change wins;
 * - changed on both: equal content is agreed upon; else a folder keeps its name before a file or link, and `left` before
 *   `right`; the other gets a name of its own (`conflictPath`), so that both have both.
 *
 * After all actions, without any change meanwhile, a second plan has none. After only some, or some that failed, or with
 * changes meanwhile, a new plan goes on from there. What a side has that the other did not agree to is never removed.
 *
 * Where changes go one way (`oneWayFrom`), no action is at that side: `judgeOneWay`.
 *
 * @returns with `held`: paths that differ and stay so, as changes go one way
 */
export function planSync(input: SyncInput): {
  actions: SyncAction[]
  problems: SyncProblem[]
  held: string[]
} {
  const { left, right, agreed, oneWayFrom: from } = input
  const verdicts = new Map<string, Verdict>()
  const trees = { left, right }
  for (const path of new Set([...left.keys(), ...right.keys(), ...agreed.keys()])) {
    if (path === '') continue
    const verdict =
      from === undefined
        ? judge(left.get(path), right.get(path), agreed.get(path))
        : judgeOneWay(trees[from].get(path), trees[otherOf(from)].get(path), {
            agreed: agreed.get(path),
            from,
          })
    verdicts.set(path, verdict)
  }
  if (from === undefined) settleFolders(verdicts, left, right)
  else settleOneWay(verdicts, trees, from)
  const problems = input.foldsNames === true ? takeOutClashes(verdicts, input) : []
  const held: string[] = []
  for (const [path, verdict] of verdicts) {
    if (from === undefined || verdict.from !== 'held') continue
    held.push(path)
    if (isInTheWay(verdict, trees[from].get(path), trees[otherOf(from)].get(path)))
      problems.push({ path, why: 'folder-in-the-way' })
  }
  return { actions: listActions(verdicts, input), problems, held }
}

function otherOf(side: Side): Side {
  return side === 'left' ? 'right' : 'left'
}

function judge(
  left: TreeEntry | undefined,
  right: TreeEntry | undefined,
  agreed: Agreed | undefined,
): Verdict {
  const isLeftChanged = !isUntouched(agreed?.left, left)
  const isRightChanged = !isUntouched(agreed?.right, right)
  if (left === undefined || right === undefined) {
    if (left === right) return { from: undefined, aside: [] }
    const [side, isChanged] =
      left === undefined ? (['right', isRightChanged] as const) : (['left', isLeftChanged] as const)
    // Still as it was agreed, and gone from the other: removed there.
    return { from: isChanged ? side : undefined, aside: [] }
  }
  if (!isLeftChanged) return { from: isRightChanged ? 'right' : 'both', aside: [] }
  if (!isRightChanged) return { from: 'left', aside: [] }
  const isEqual = hasSameContent(left, right)
  if (isEqual === undefined) return { from: 'unknown', aside: [] }
  if (isEqual) return { from: isTwin(left, right) ? 'both' : 'left', aside: [] }
  const winner: Side = right.kind === 'folder' && left.kind !== 'folder' ? 'right' : 'left'
  return { from: winner, aside: [winner === 'left' ? 'right' : 'left'] }
}

/** Leave alone, on both sides, all but one of those whose names one side takes for equal. */
function takeOutClashes(verdicts: Map<string, Verdict>, { agreed }: SyncInput): SyncProblem[] {
  const holders = new Map<string, string>()
  const problems: SyncProblem[] = []
  const out = new Set<string>()
  const rank = (path: string) => (agreed.has(path) ? 0 : 1)
  const paths = [...verdicts.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  for (const path of paths) {
    if (verdicts.get(path)?.from === undefined) continue
    const key = foldPath(path)
    const holder = holders.get(key)
    if (holder === undefined) holders.set(key, path)
    else out.add(path)
  }
  for (const path of [...verdicts.keys()]) {
    let above = parentOf(path)
    while (above !== undefined && !out.has(above)) above = parentOf(above)
    if (!out.has(path) && above === undefined) continue
    verdicts.delete(path)
    if (above === undefined) problems.push({ path, why: 'case-clash' })
  }
  return problems
}

function listActions(verdicts: ReadonlyMap<string, Verdict>, input: SyncInput): SyncAction[] {
  const trees = { left: input.left, right: input.right }
  const asides: SyncAction[] = []
  const removes: SyncAction[] = []
  const makes: SyncAction[] = []
  const notes: SyncAction[] = []
  const taken = new Set<string>()
  const isTaken = (path: string) =>
    input.left.has(path) || input.right.has(path) || taken.has(path) || input.isTaken?.(path) === true
  const moves = findMoves(verdicts, input).filter(({ path }) => !isReplaced(path, verdicts, input))
  for (const [path, { from, aside }] of [...verdicts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const at of aside) {
      const to = conflictPath(path, input.marks[at], isTaken)
      taken.add(to)
      asides.push({ do: 'set-aside', at, path, to })
      if (input.oneWayFrom === undefined) makes.push({ do: 'copy', from: at, path: to, over: undefined })
    }
    const one = trees.left.get(path)
    const other = trees.right.get(path)
    if (from === 'held') continue
    if (from === undefined) {
      if (one !== undefined) removes.push({ do: 'remove', at: 'left', path })
      if (other !== undefined) removes.push({ do: 'remove', at: 'right', path })
      if (one === undefined && other === undefined) notes.push({ do: 'forget', path })
    } else if (from === 'unknown') notes.push({ do: 'compare', path })
    else if (from === 'both') {
      if (!isAgreed(input.agreed.get(path), one, other)) notes.push({ do: 'agree', path })
    } else addCopy({ path, from, aside, input, removes, makes })
  }
  return [...asides, ...withMoves(removes.reverse(), makes, moves), ...notes]
}

interface CopyPlace {
  readonly path: string
  readonly from: Side
  readonly aside: readonly Side[]
  readonly input: SyncInput
  readonly removes: SyncAction[]
  readonly makes: SyncAction[]
}

function addCopy({ path, from, aside, input, removes, makes }: CopyPlace): void {
  const at = otherOf(from)
  const source = input[from].get(path)
  let over = aside.includes(at) ? undefined : input[at].get(path)
  if (source === undefined) return
  const agreed = input.agreed.get(path)
  // A folder and what is none cannot take each other's place by a rename.
  if (over !== undefined && (over.kind === 'folder') !== (source.kind === 'folder')) {
    removes.push({ do: 'remove', at, path })
    over = undefined
  } else if (
    over !== undefined &&
    (hasSameContent(source, over) ?? isModeAlone(agreed, from, source, over))
  ) {
    makes.push({ do: 'touch', from, path })
    return
  }
  makes.push({ do: 'copy', from, path, over })
}

/** Removing and copying what only has another name is a rename; it needs the folders that are made before it. */
function withMoves(removes: SyncAction[], makes: SyncAction[], moves: readonly Move[]): SyncAction[] {
  if (moves.length === 0) return [...removes, ...makes]
  const gone = new Set(moves.map(({ at, path }) => `${at} ${path}`))
  const made = new Map(moves.map(move => [`${move.from} ${move.to}`, move]))
  const kept = removes.filter(action => action.do !== 'remove' || !gone.has(`${action.at} ${action.path}`))
  return [
    // A folder that is left by the moves is removed after them.
    ...kept.filter(action => action.do === 'remove' && !isAboveMove(action, moves)),
    ...makes.map((action): SyncAction => {
      const move = action.do === 'copy' ? made.get(`${action.from} ${action.path}`) : undefined
      return move === undefined ? action : { do: 'move', at: move.at, path: move.path, to: move.to }
    }),
    ...kept.filter(action => action.do === 'remove' && isAboveMove(action, moves)),
  ]
}

/** Whether one of the folders it is in becomes something else. */
function isReplaced(path: string, verdicts: ReadonlyMap<string, Verdict>, input: SyncInput): boolean {
  for (let above = parentOf(path); above; above = parentOf(above)) {
    const { from } = verdicts.get(above) ?? {}
    if ((from === 'left' || from === 'right') && input[from].get(above)?.kind !== 'folder') return true
  }
  return false
}

function isAboveMove({ path, at }: { path: string; at: Side }, moves: readonly Move[]): boolean {
  return moves.some(move => move.at === at && move.path.startsWith(`${path}/`))
}

/** Whether nothing but the mode was changed since both were equal, and on one side alone. */
function isModeAlone(agreed: Agreed | undefined, from: Side, source: TreeEntry, target: TreeEntry): boolean {
  const before = agreed?.[from]
  if (agreed === undefined || before?.kind !== 'file' || source.kind !== 'file') return false
  const { mode: _, ...bare } = source
  return isUntouched(before, bare) && isUntouched(agreed[otherOf(from)], target)
}

function isAgreed(
  agreed: Agreed | undefined,
  left: TreeEntry | undefined,
  right: TreeEntry | undefined,
): boolean {
  return agreed !== undefined && isUntouched(agreed.left, left) && isUntouched(agreed.right, right)
}

function isTwin(left: TreeEntry, right: TreeEntry): boolean {
  return left.kind === 'link' || right.kind === 'link' || isModeAlike(left, right)
}
