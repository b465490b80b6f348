import type { Side } from '../../core/files/sync-shapes.ts'
import type { Tree, TreeEntry } from '../../core/files/tree-entry.ts'
import { parentOf } from '../../core/files/tree-path.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { createIgnoreRules, IGNORE_FILE } from './ignore-rules.ts'
import { listTree } from './list-tree.ts'
import type { TreePlace } from './tree-site.ts'

/** The two trees of a mirror, as far as is known: looked at once, and then where something is said to have changed. */
export class MirrorSides {
  readonly places: Readonly<Record<Side, TreePlace>>
  readonly trees: Record<Side, Map<string, TreeEntry>> = { left: new Map(), right: new Map() }
  /** What could not be looked at: it may be there or not, so nothing is done about it. */
  readonly faults: Record<Side, Map<string, MeshError>> = { left: new Map(), right: new Map() }
  readonly #ignores: readonly string[]
  #isIgnored: (path: string, isFolder: boolean) => boolean = () => false

  /** @param ignores  patterns beside those of the folder's own file */
  constructor(places: Readonly<Record<Side, TreePlace>>, ignores: readonly string[]) {
    this.places = places
    this.#ignores = ignores
  }

  /** Look at all of both. @throws MeshError if a folder itself cannot be listed, or a connection breaks */
  async scan(): Promise<void> {
    await this.#readIgnores()
    await Promise.all([this.scanSide('left'), this.scanSide('right')])
  }

  /** Look at all of one side. @throws MeshError */
  async scanSide(side: Side): Promise<void> {
    const { tree, faults } = await listTree(this.places[side], '', this.isWanted)
    const root = faults.get('')
    if (root !== undefined) throw root
    this.trees[side] = tree
    this.faults[side] = new Map(faults)
  }

  /**
   * Look again where something may have changed. Where it was a folder, all in it.
   *
   * @returns false if it had to look at all of both, as what is ignored has changed
   * @throws MeshError if a connection breaks
   */
  async refresh(side: Side, paths: Iterable<string>): Promise<boolean> {
    const wanted = withoutInner(paths)
    if (side === 'left' && wanted.includes(IGNORE_FILE)) {
      await this.scan()
      return false
    }
    for (let at = 0; at < wanted.length; at += LOOKS_AT_ONCE)
      await this.#look(side, wanted.slice(at, at + LOOKS_AT_ONCE))
    return true
  }

  /** Whether a path is mirrored. */
  readonly isWanted = (path: string, entry: TreeEntry): boolean =>
    !this.#isIgnored(path, entry.kind === 'folder')

  /** Whether a path, or one that it is in, could not be looked at, on either side, or is ignored there. */
  isHidden(path: string): boolean {
    for (let at: string | undefined = path; at !== undefined; at = parentOf(at)) {
      if (this.faults.left.has(at) || this.faults.right.has(at)) return true
    }
    return false
  }

  /** Whether something that is only known by its path is ignored, or in what is. */
  isIgnored(path: string, isFolder: boolean): boolean {
    return this.#isIgnored(path, isFolder)
  }

  /** The trees without what is not to be touched. */
  visible(): Record<Side, Tree> {
    if (this.faults.left.size === 0 && this.faults.right.size === 0) return this.trees
    const without = (tree: Tree) => new Map([...tree].filter(([path]) => !this.isHidden(path)))
    return { left: without(this.trees.left), right: without(this.trees.right) }
  }

  async #look(side: Side, paths: readonly string[]): Promise<void> {
    const place = this.places[side]
    const tree = this.trees[side]
    const faults = this.faults[side]
    let entries: (TreeEntry | null)[]
    try {
      entries = ((await place.ask({ do: 'look', paths: [...paths] })).answer.entries ??
        []) as (TreeEntry | null)[]
    } catch (thrown) {
      const error = toMeshError(thrown)
      const [only] = paths
      // A path through what is a link by now, say, or that may not be entered: the folder it is in has changed.
      if (paths.length > 1) for (const path of paths) await this.#look(side, [path])
      else if (error.code === 'link-closed' || only === undefined) throw error
      else if (only !== '') await this.#look(side, [parentOf(only) ?? ''])
      return
    }
    for (const [index, path] of paths.entries()) {
      forget(tree, path)
      for (const fault of faults.keys())
        if (fault === path || fault.startsWith(`${path}/`)) faults.delete(fault)
      const entry = entries[index]
      if (!entry || !this.#isReachable(side, path) || (path !== '' && !this.isWanted(path, entry))) continue
      if (path !== '') tree.set(path, entry)
      if (entry.kind !== 'folder') continue
      const listed = await listTree(place, path, this.isWanted)
      for (const [found, below] of listed.tree) tree.set(found, below)
      for (const [found, error] of listed.faults) faults.set(found, error)
    }
  }

  /** Whether the folder a path is in is part of the tree: it may be ignored, or not have been seen yet. */
  #isReachable(side: Side, path: string): boolean {
    const above = parentOf(path)
    return above === undefined || above === '' || this.trees[side].get(above)?.kind === 'folder'
  }

  async #readIgnores(): Promise<void> {
    const { answer, body } = await this.places.left.ask({ do: 'fetch', folder: '', names: [IGNORE_FILE] })
    const [file] = answer.files ?? []
    if (file !== undefined && 'code' in file && file.code !== 'not-found') {
      throw new MeshError('bad-input', `Cannot read ${IGNORE_FILE}: ${file.message}`)
    }
    this.#isIgnored = createIgnoreRules([this.#ignores.join('\n'), Buffer.from(body).toString('utf8')])
  }
}

/** Take a path and all below it out of a tree. */
function forget(tree: Map<string, TreeEntry>, path: string): void {
  if (path === '') tree.clear()
  const entry = tree.get(path)
  tree.delete(path)
  if (entry?.kind !== 'folder') return
  for (const one of tree.keys()) {
    if (one.startsWith(`${path}/`)) tree.delete(one)
  }
}

/** Those that are not below another of them. */
function withoutInner(paths: Iterable<string>): string[] {
  const all = new Set(paths)
  return [...all].filter(path => {
    for (let above = parentOf(path); above !== undefined; above = parentOf(above)) {
      if (all.has(above)) return false
    }
    return true
  })
}

const LOOKS_AT_ONCE = 500
