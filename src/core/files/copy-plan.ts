import { type FileEntry, isModeAlike, type Tree, type TreeEntry } from './tree-entry.ts'
import { nameOf, parentOf } from './tree-path.ts'

/** What is to be copied: paths below the source's root, and where they go below the target's. */
export interface CopyInput {
  readonly source: Tree
  readonly target: Tree
  /** Where something of the source is in the target. */
  readonly place: (path: string) => string
  /** Files of one size whose content was found to differ, or to be equal, by its hash; others are judged by their time. */
  readonly isSameContent?: ReadonlyMap<string, boolean>
  /** Remove what the source does not have. */
  readonly isExact?: boolean
}

/** A file that is to be sent. */
export interface CopyFile {
  readonly path: string
  readonly to: string
  readonly entry: FileEntry
  /** What it replaces. */
  readonly over: FileEntry | { readonly kind: 'link' } | undefined
}

/** What has to be done, each in its order. */
export interface CopyPlan {
  /** In the target; parents first. */
  readonly folders: readonly string[]
  readonly files: readonly CopyFile[]
  readonly links: readonly {
    readonly to: string
    readonly target: string
    readonly over: TreeEntry | undefined
  }[]
  /** Modes and times of what need not be sent. */
  readonly touches: readonly { readonly to: string; readonly mode?: number; readonly mtimeMs?: number }[]
  /** Those of folders, when all in them is done; children first. */
  readonly folderTouches: readonly {
    readonly to: string
    readonly mode?: number
    readonly mtimeMs?: number
  }[]
  /** In the target; children first. */
  readonly removals: readonly string[]
  /** What cannot be, as a folder and what is none would have to take each other's place. */
  readonly clashes: readonly { readonly to: string; readonly why: string }[]
  readonly sameCount: number
}

/** Plan a copy: what is there already, of the same size and time, is not sent. */
export function planCopy(input: CopyInput): CopyPlan {
  const { source, target, place, isSameContent, isExact = false } = input
  const plan = {
    folders: [] as string[],
    files: [] as CopyFile[],
    links: [] as CopyPlan['links'][number][],
    touches: [] as CopyPlan['touches'][number][],
    folderTouches: [] as CopyPlan['folderTouches'][number][],
    removals: [] as string[],
    clashes: [] as CopyPlan['clashes'][number][],
    sameCount: 0,
  }
  const blocked = new Set<string>()
  const kept = new Set<string>()
  for (const [path, entry] of [...source].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const to = place(path)
    kept.add(to)
    const above = parentOf(path)
    if (above !== undefined && blocked.has(above)) {
      blocked.add(path)
      continue
    }
    const there = target.get(to)
    if (there !== undefined && (there.kind === 'folder') !== (entry.kind === 'folder')) {
      blocked.add(path)
      const why = there.kind === 'folder' ? 'a folder is there' : 'something that is no folder is there'
      plan.clashes.push({ to, why })
      continue
    }
    add(plan, { path, to, entry, there, isSame: isSameContent?.get(path) })
  }
  plan.folderTouches.reverse()
  if (isExact)
    plan.removals.push(
      ...[...target.keys()]
        .filter(path => path !== '' && !kept.has(path))
        .sort()
        .reverse(),
    )
  return plan
}

interface Item {
  readonly path: string
  readonly to: string
  readonly entry: TreeEntry
  readonly there: TreeEntry | undefined
  readonly isSame: boolean | undefined
}

type Plan = { -readonly [K in keyof CopyPlan]: CopyPlan[K] extends readonly (infer T)[] ? T[] : CopyPlan[K] }

function add(plan: Plan, { path, to, entry, there, isSame }: Item): void {
  if (entry.kind === 'folder') {
    if (there === undefined) plan.folders.push(to)
    const { mode, mtimeMs } = entry
    const isAlike =
      there?.kind === 'folder' && isModeAlike(there, entry) && isTimeAlike(there.mtimeMs, mtimeMs)
    if (!isAlike)
      plan.folderTouches.push({
        to,
        ...(mode !== undefined && { mode }),
        ...(mtimeMs !== undefined && { mtimeMs }),
      })
    return
  }
  if (entry.kind === 'link') {
    if (there?.kind === 'link' && there.target === entry.target) plan.sameCount += 1
    else plan.links.push({ to, target: entry.target, over: there })
    return
  }
  if (
    there?.kind !== 'file' ||
    there.size !== entry.size ||
    !(isSame ?? isTimeAlike(there.mtimeMs, entry.mtimeMs))
  ) {
    plan.files.push({ path, to, entry, over: there as CopyFile['over'] })
    return
  }
  plan.sameCount += 1
  const { mode, mtimeMs } = entry
  if (isModeAlike(there, entry) && isTimeAlike(there.mtimeMs, mtimeMs)) return
  plan.touches.push({ to, mtimeMs, ...(mode !== undefined && { mode }) })
}

/** Where something that is copied goes: as `cp` has it, into a folder that is there, or to the name that is given. */
export function placeCopy(
  source: { readonly name: string; readonly root: string; readonly isContents: boolean },
  target: { readonly name: string; readonly isFolder: boolean },
): (path: string) => string {
  const own = nameOf(source.name === '' ? source.root.replaceAll('\\', '/') : source.name)
  const into = target.isFolder && !source.isContents ? join(target.name, own) : target.name
  return path => join(into, source.name === '' ? path : path.slice(source.name.length + 1))
}

function join(folder: string, path: string): string {
  if (folder === '') return path
  return path === '' ? folder : `${folder}/${path}`
}

/** File systems keep times as exactly as they can: to some fraction of a millisecond at least. */
function isTimeAlike(one: number | undefined, other: number | undefined): boolean {
  return one === undefined || other === undefined || Math.abs(one - other) < 1
}
