import type { ConflictMark } from './conflict-name.ts'
import type { Tree, TreeEntry } from './tree-entry.ts'

/** One of two trees that are kept equal. */
export type Side = 'left' | 'right'

/** What lay at one path of both sides when they were last equal there, as each side saw it. */
export interface Agreed {
  readonly left: TreeEntry
  readonly right: TreeEntry
}

/** What is to be done, in this order, to make two trees equal. `at` and `from` say on which side. */
export type SyncAction =
  /** Give it another name, as another gets its own. It is copied under that name by an action that follows. */
  | { readonly do: 'set-aside'; readonly at: Side; readonly path: string; readonly to: string }
  /** Rename it, as was done on the other side. */
  | { readonly do: 'move'; readonly at: Side; readonly path: string; readonly to: string }
  /** Take it away, into the trash; a folder comes after what was in it. */
  | { readonly do: 'remove'; readonly at: Side; readonly path: string }
  /**
   * Bring it to the other side; a folder comes before what is in it. There must be `over` there by then, and nothing else:
   * anything else was not looked at, or an action before this one has failed.
   */
  | { readonly do: 'copy'; readonly from: Side; readonly path: string; readonly over: TreeEntry | undefined }
  /** Give the other side's its mode. */
  | { readonly do: 'touch'; readonly from: Side; readonly path: string }
  /** Hash both, and plan again: they may be equal. */
  | { readonly do: 'compare'; readonly path: string }
  /** Both are equal: keep that in mind. */
  | { readonly do: 'agree'; readonly path: string }
  /** It is gone from both: forget it. */
  | { readonly do: 'forget'; readonly path: string }

/** A path that cannot be made equal, and why. */
export interface SyncProblem {
  readonly path: string
  /** On a side without regard to case it has the name of another; or what is to come is no folder, and a folder is there. */
  readonly why: 'case-clash' | 'folder-in-the-way'
}

/** Two trees, and what they were when they were last equal. */
export interface SyncInput {
  readonly left: Tree
  readonly right: Tree
  /** By path; what is not in it was never equal. */
  readonly agreed: ReadonlyMap<string, Agreed>
  /** For the names of copies: whose each side is, and when. */
  readonly marks: Readonly<Record<Side, ConflictMark>>
  /** Whether something is at a path that is in neither tree here, so that no copy gets its name. */
  readonly isTaken?: (path: string) => boolean
  /** Changes go from this side alone, and nothing is done there; both ways if absent. */
  readonly oneWayFrom?: Side
  /** One of the sides takes names for equal that differ in case or composition. */
  readonly foldsNames?: boolean
}

/** What is to become of one path. */
export interface Verdict {
  /**
   * Where that comes from which both sides are to have; undefined: neither is to have anything; `held`: each keeps what it
   * has, as changes go one way.
   */
  from: Side | 'both' | 'unknown' | 'held' | undefined
  /** Where something else is that must not be lost: it gets another name. */
  aside: Side[]
}
