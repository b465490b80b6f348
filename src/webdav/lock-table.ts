import { MeshError } from '../core/model/errors.ts'

/** A write lock. */
export interface Lock {
  readonly token: string
  /** What is locked, below the root of the tree. */
  readonly root: string
  readonly isFolder: boolean
  /** All below it, too. */
  readonly isDeep: boolean
  readonly isShared: boolean
  /** What its owner said of themselves: an element of XML, or nothing. */
  readonly owner: string
  readonly timeoutMs: number
  /** On the clock of the table. */
  readonly endsMs: number
}

/** The locks of a share: they are between programs that use it; nobody else hears of them. */
export interface LockTable {
  /** Locks that hold at a path: its own, and deep ones above. */
  at(path: string): Lock[]
  /** Locks of what is at a path or below it. */
  below(path: string): Lock[]
  /**
   * Lock something.
   *
   * @returns the lock; or those that stand against it
   * @throws MeshError `too-many`
   */
  add(terms: Omit<Lock, 'endsMs'>): Lock | readonly Lock[]
  /** Begin its time anew. @returns undefined if there is no such lock any more */
  refresh(token: string, timeoutMs: number): Lock | undefined
  remove(token: string): void
  /** End the locks of what is gone. */
  removeBelow(path: string): void
}

/**
 * Make a table without locks.
 *
 * @param fold  makes one of paths that mean the same
 * @see RFC 4918, sections 6 and 7
 */
export function createLockTable(now: () => number, fold: (path: string) => string): LockTable {
  const locks = new Map<string, Lock>()
  const living = () => {
    for (const { token, endsMs } of locks.values()) if (endsMs <= now()) locks.delete(token)
    return [...locks.values()]
  }
  const isWithin = (path: string, outer: string) =>
    outer === '' || path === outer || path.startsWith(`${outer}/`)
  const at = (path: string) => {
    const folded = fold(path)
    return living().filter(
      ({ root, isDeep }) => fold(root) === folded || (isDeep && isWithin(folded, fold(root))),
    )
  }
  const below = (path: string) => {
    const folded = fold(path)
    return living().filter(({ root }) => isWithin(fold(root), folded))
  }
  return {
    at,
    below,
    add(terms) {
      const met = [...at(terms.root), ...(terms.isDeep ? below(terms.root) : [])]
      const against = met.filter(({ isShared }) => !isShared || !terms.isShared)
      if (against.length > 0) return against
      if (locks.size >= MAX_LOCKS)
        throw new MeshError('too-many', `Cannot lock: there are ${MAX_LOCKS} locks`)
      const lock = { ...terms, endsMs: now() + terms.timeoutMs }
      locks.set(lock.token, lock)
      return lock
    },
    refresh(token, timeoutMs) {
      const lock = living().find(one => one.token === token)
      if (lock === undefined) return undefined
      const renewed = { ...lock, timeoutMs, endsMs: now() + timeoutMs }
      locks.set(token, renewed)
      return renewed
    },
    remove: token => void locks.delete(token),
    removeBelow(path) {
      for (const { token } of below(path)) locks.delete(token)
    },
  }
}

/** Locks of one share. */
export const MAX_LOCKS = 1_000
