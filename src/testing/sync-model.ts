import assert from 'node:assert/strict'
import { planSync } from '../core/files/sync-plan.ts'
import type { Agreed, Side, SyncAction, SyncInput } from '../core/files/sync-shapes.ts'
import { isUntouched, type Tree, type TreeEntry } from '../core/files/tree-entry.ts'
import { parentOf } from '../core/files/tree-path.ts'

/** A tree that a person changes, as a file system would let them. What cannot be done is not done. */
export interface ModelSide {
  /** Parents are made. @param skewMs  how far this computer's clock is off. @returns whether it could be written */
  write(path: string, content: string, skewMs?: number): boolean
  makeFolder(path: string): void
  link(path: string, target: string): void
  /** A folder with all in it. */
  remove(path: string): void
  rename(path: string, to: string): void
  changeMode(path: string, mode: number): void
  /** The content of each file, `/` for a folder, `-> target` for a link. */
  contents(): Record<string, string>
}

/** Two trees and what was agreed between them, with a driver that does what is planned. */
export interface SyncModel {
  readonly left: ModelSide
  readonly right: ModelSide
  /** What the last sync did, one word and the paths. */
  readonly done: readonly string[]
  input(): SyncInput
  plan(options?: { foldsNames?: boolean }): ReturnType<typeof planSync>
  /** Where a side is not as it was agreed. */
  changedPaths(): string[]
  /** Plan once and do those actions that are let through; whoever is asked may change something meanwhile. */
  sync(mayDo: (action: SyncAction) => boolean): void
  /** Plan and do until there is nothing left; a comparison needs a second round. */
  syncWhole(): void
  assertEqual(): void
  /** The contents that nobody has given up: what a side has that is not as it was agreed. */
  keptContents(): ReadonlySet<string>
  assertKept(contents: ReadonlySet<string>): void
}

/** Two empty trees. @param oneWayFrom  changes go from this side alone */
export function createSyncModel(oneWayFrom?: Side): SyncModel {
  const sides = { left: new MemoryTree(), right: new MemoryTree() }
  const agreed = new Map<string, Agreed>()
  const compared = new Set<string>()
  let done: string[] = []

  const input = (): SyncInput => ({
    left: sides.left.look(compared),
    right: sides.right.look(compared),
    agreed,
    ...(oneWayFrom !== undefined && { oneWayFrom }),
    marks: { left: { endpoint: 'left-ep', nowMs: NOW_MS }, right: { endpoint: 'right-ep', nowMs: NOW_MS } },
  })
  const plan = (options: { foldsNames?: boolean } = {}) => planSync({ ...input(), ...options })
  const sync = (mayDo: (action: SyncAction) => boolean) => {
    const looks = { left: sides.left.look(compared), right: sides.right.look(compared) }
    const { actions } = plan()
    compared.clear()
    for (const action of actions) {
      if (mayDo(action) && isAsPlanned(action, looks)) act(action)
    }
  }
  /** What is about to be given up, or agreed upon, must still be what was looked at. */
  const isAsPlanned = (action: SyncAction, looks: Record<Side, Tree>) => {
    const isSame = (side: Side) => isUntouched(looks[side].get(action.path), sides[side].entry(action.path))
    if (action.do === 'copy') return true
    return 'at' in action ? isSame(action.at) : isSame('left') && isSame('right')
  }
  /** Both have the same at a path, or nothing. */
  const note = (path: string) => {
    const [left, right] = [sides.left.entry(path), sides.right.entry(path)]
    if (left !== undefined && right !== undefined) agreed.set(path, { left, right })
    else if (left === undefined && right === undefined) agreed.delete(path)
  }
  /** What does not fit any more fails, and the next plan knows why. */
  const act = (action: SyncAction) => {
    const { path } = action
    if (action.do === 'compare') compared.add(path)
    if (!change(action)) return
    if (action.do === 'move') note(action.to)
    const isGone = action.do === 'remove' || action.do === 'move'
    if (action.do !== 'set-aside' && !(isGone && sides.left.entry(path) !== sides.right.entry(path)))
      note(path)
    done.push([action.do, path, 'to' in action ? action.to : ''].join(' ').trim())
  }
  const change = (action: SyncAction): boolean => {
    const { path } = action
    switch (action.do) {
      case 'set-aside':
      case 'move':
        return sides[action.at].rename(path, action.to)
      case 'remove':
        return sides[action.at].removeOne(path)
      case 'copy': {
        const to = sides[action.from === 'left' ? 'right' : 'left']
        return isUntouched(action.over, to.entry(path)) && to.take(path, sides[action.from])
      }
      case 'touch':
        return sides[action.from === 'left' ? 'right' : 'left'].takeMode(path, sides[action.from])
      default:
        return action.do !== 'compare'
    }
  }

  return {
    left: sides.left,
    right: sides.right,
    get done() {
      return done
    },
    input,
    plan,
    changedPaths() {
      const { left, right } = input()
      const paths = new Set([...left.keys(), ...right.keys(), ...agreed.keys()])
      return [...paths].filter(path => {
        const before = agreed.get(path)
        return !isUntouched(before?.left, left.get(path)) || !isUntouched(before?.right, right.get(path))
      })
    },
    sync,
    syncWhole() {
      done = []
      for (let round = 0; round < 3; round++) sync(() => true)
    },
    assertEqual() {
      assert.deepEqual(sides.left.all(), sides.right.all())
    },
    keptContents() {
      const kept = new Set<string>()
      for (const side of ['left', 'right'] as const) {
        for (const [path, { content, mtimeMs }] of sides[side].nodes) {
          const before = agreed.get(path)?.[side]
          const isAgreed = before?.kind === 'file' && before.mtimeMs === mtimeMs
          if (content !== undefined && !isAgreed) kept.add(content)
        }
      }
      return kept
    },
    assertKept(contents) {
      const all = new Set(
        [...sides.left.nodes.values(), ...sides.right.nodes.values()].map(node => node.content),
      )
      for (const content of contents) assert.ok(all.has(content), `"${content}" is lost`)
    },
  }
}

interface Node {
  readonly content?: string | undefined
  readonly target?: string | undefined
  readonly mode: number
  readonly mtimeMs: number
  readonly id: string
}

let nodeCount = 0

class MemoryTree implements ModelSide {
  readonly nodes = new Map<string, Node>()

  write(path: string, content: string, skewMs = 0): boolean {
    const before = this.nodes.get(path)
    if (isFolder(before) || !this.#makeParents(path)) return false
    const id = before?.content === undefined ? `id ${nodeCount++}` : before.id
    this.nodes.set(path, { content, mode: before?.mode ?? 0o644, mtimeMs: nodeCount++ + skewMs, id })
    return true
  }

  makeFolder(path: string): void {
    if (!this.nodes.has(path) && this.#makeParents(path)) this.nodes.set(path, newFolder())
  }

  link(path: string, target: string): void {
    if (this.nodes.has(path) || !this.#makeParents(path)) return
    this.nodes.set(path, { target, mode: 0o777, mtimeMs: 0, id: `id ${nodeCount++}` })
  }

  remove(path: string): void {
    for (const one of [...this.nodes.keys()]) {
      if (one === path || one.startsWith(`${path}/`)) this.nodes.delete(one)
    }
  }

  rename(path: string, to: string): boolean {
    const moved = [...this.nodes].filter(([one]) => one === path || one.startsWith(`${path}/`))
    if (moved.length === 0 || this.nodes.has(to) || `${to}/`.startsWith(`${path}/`)) return false
    if (!this.#makeParents(to)) return false
    this.remove(path)
    for (const [one, node] of moved) this.nodes.set(to + one.slice(path.length), node)
    return true
  }

  changeMode(path: string, mode: number): void {
    const node = this.nodes.get(path)
    if (node !== undefined && node.target === undefined) this.nodes.set(path, { ...node, mode })
  }

  contents(): Record<string, string> {
    const show = ({ content, target }: Node) => content ?? (target === undefined ? '/' : `-> ${target}`)
    return Object.fromEntries([...this.nodes].sort().map(([path, node]) => [path, show(node)]))
  }

  /** Contents and modes. */
  all(): unknown {
    return [...this.nodes]
      .sort()
      .map(([path, { content, target, mode }]) => ({ path, content, target, mode }))
  }

  entry(path: string): TreeEntry | undefined {
    const node = this.nodes.get(path)
    if (node === undefined) return undefined
    const { content, target, mode, mtimeMs, id } = node
    if (target !== undefined) return { kind: 'link', target }
    if (content === undefined) return { kind: 'folder', mode }
    return { kind: 'file', size: content.length, mtimeMs, mode, id }
  }

  look(compared: ReadonlySet<string>): Tree {
    const tree = new Map<string, TreeEntry>()
    for (const [path, { content }] of this.nodes) {
      const entry = this.entry(path) as TreeEntry
      const isHashed = entry.kind === 'file' && compared.has(path) && content !== undefined
      tree.set(path, isHashed ? { ...entry, hash: content } : entry)
    }
    return tree
  }

  /** Remove a file, a link, or an empty folder. */
  removeOne(path: string): boolean {
    const isFull = [...this.nodes.keys()].some(one => one.startsWith(`${path}/`))
    return !isFull && this.nodes.delete(path)
  }

  /** Have what another has at a path. */
  take(path: string, from: MemoryTree): boolean {
    const node = from.nodes.get(path)
    const before = this.nodes.get(path)
    const above = parentOf(path)
    if (node === undefined || (above && !isFolder(this.nodes.get(above)))) return false
    if (before !== undefined && isFolder(before) !== isFolder(node)) return false
    this.nodes.set(path, { ...node, id: `id ${nodeCount++}` })
    return true
  }

  takeMode(path: string, from: MemoryTree): boolean {
    const [own, other] = [this.nodes.get(path), from.nodes.get(path)]
    if (own === undefined || other === undefined) return false
    this.nodes.set(path, { ...own, mode: other.mode, mtimeMs: other.mtimeMs })
    return true
  }

  #makeParents(path: string): boolean {
    const above = parentOf(path)
    if (!above) return true
    const node = this.nodes.get(above)
    if (node !== undefined) return isFolder(node)
    if (!this.#makeParents(above)) return false
    this.nodes.set(above, newFolder())
    return true
  }
}

function newFolder(): Node {
  return { mode: 0o755, mtimeMs: 0, id: `id ${nodeCount++}` }
}

function isFolder(node: Node | undefined): boolean {
  return node !== undefined && node.content === undefined && node.target === undefined
}

/** Of the names of copies. */
const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5)
