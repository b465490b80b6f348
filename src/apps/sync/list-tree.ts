import { checkFoundPath } from '../../core/files/found-path.ts'
import type { Tree, TreeEntry } from '../../core/files/tree-entry.ts'
import type { TreeAnswer } from '../../core/files/tree-requests.ts'
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
  let characters = 0
  do {
    const { answer } = await place.ask({ do: 'list', path, ...(cursor !== undefined && { cursor }) })
    for (const [found, entry] of answer.found ?? []) {
      const checked = checkFoundPath(found, path, tree)
      if (checked !== undefined && isWanted(checked, entry as TreeEntry))
        tree.set(checked, entry as TreeEntry)
    }
    for (const [found, fault] of answer.faults ?? []) faults.set(found, faultOf(fault))
    for (const [found] of [...(answer.found ?? []), ...(answer.faults ?? [])]) characters += found.length
    cursor = goOn(answer, tree.size + faults.size, characters)
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
        cursor = goOn(answer, tree.size)
      } while (cursor !== undefined)
    }
  }
  await Promise.all(Array.from({ length: Math.min(LANES, folders.length) }, lane))
  return tree
}

/**
 * Where a list goes on, if it does and may: the other end could tell of new things for ever.
 *
 * @throws MeshError `too-many`, `bad-message`
 */
function goOn(
  { found = [], faults = [], cursor }: TreeAnswer,
  count: number,
  characters = 0,
): number | undefined {
  if (count > MAX_TREE_ENTRIES || characters > MAX_TREE_CHARACTERS) {
    throw new MeshError('too-many', `Cannot list: there are over ${MAX_TREE_ENTRIES} files and folders`)
  }
  if (cursor === undefined || found.length + faults.length > 0) return cursor
  throw new MeshError('bad-message', 'Cannot list: the other end has nothing more, and does not end')
}

function faultOf(fault: unknown): MeshError {
  return parseErrorBody(fault) ?? new MeshError('bad-message', 'Cannot look at it')
}

/** Files and folders of one tree. */
export const MAX_TREE_ENTRIES = 1_000_000
/** Characters of all paths of one tree. */
export const MAX_TREE_CHARACTERS = 268_435_456
/** Folders that are listed at once. */
const LANES = 4
