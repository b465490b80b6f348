import { checkFoundPath } from '../../core/files/found-path.ts'
import type { Tree, TreeEntry } from '../../core/files/tree-entry.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import type { TreePlace } from './tree-site.ts'

/** What was found below a path, and what could not be looked at. */
export interface ListedTree {
  readonly tree: Map<string, TreeEntry>
  readonly faults: ReadonlyMap<string, MeshError>
}

/**
 * List all below a path.
 *
 * @param isWanted  asked for each folder and file; what is below one that is not wanted is not either
 * @throws MeshError `too-many` over `MAX_TREE_ENTRIES`; `bad-message` if the other end tells of what is not below
 */
export async function listTree(
  place: TreePlace,
  path: string,
  isWanted: (path: string, entry: TreeEntry) => boolean = () => true,
): Promise<ListedTree> {
  const tree = new Map<string, TreeEntry>()
  const faults = new Map<string, MeshError>()
  let cursor: number | undefined
  do {
    const { answer } = await place.ask({ do: 'list', path, ...(cursor !== undefined && { cursor }) })
    for (const [found, entry] of answer.found ?? []) {
      const checked = checkFoundPath(found, path, tree)
      if (checked !== undefined && isWanted(checked, entry as TreeEntry))
        tree.set(checked, entry as TreeEntry)
    }
    for (const [found, fault] of answer.faults ?? []) faults.set(found, faultOf(fault))
    cursor = answer.cursor
    if (tree.size > MAX_TREE_ENTRIES) {
      throw new MeshError('too-many', `Cannot list: there are over ${MAX_TREE_ENTRIES} files and folders`)
    }
  } while (cursor !== undefined)
  return { tree, faults }
}

/** What is in those folders, each by itself; folders that are not there have nothing. */
export async function listFolders(place: TreePlace, folders: readonly string[]): Promise<Tree> {
  const tree = new Map<string, TreeEntry>()
  let next = 0
  const lane = async () => {
    while (next < folders.length) {
      const folder = folders[next++] as string
      let cursor: number | undefined
      do {
        const { answer } = await place.ask({
          do: 'list',
          path: folder,
          isFlat: true,
          ...(cursor !== undefined && { cursor }),
        })
        for (const [found, entry] of answer.found ?? []) tree.set(found, entry as TreeEntry)
        cursor = answer.cursor
      } while (cursor !== undefined)
    }
  }
  await Promise.all(Array.from({ length: Math.min(LANES, folders.length) }, lane))
  return tree
}

function faultOf(fault: unknown): MeshError {
  return parseErrorBody(fault) ?? new MeshError('bad-message', 'Cannot look at it')
}

/** Files and folders of one tree. */
export const MAX_TREE_ENTRIES = 1_000_000
/** Folders that are listed at once. */
const LANES = 4
