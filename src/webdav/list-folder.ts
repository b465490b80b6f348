import { checkFoundPath } from '../core/files/found-path.ts'
import type { TreeEntry } from '../core/files/tree-entry.ts'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import type { Visit } from './visit.ts'

/**
 * What is in the folder of a visit: files and folders. Links are not shown, as they are not followed.
 *
 * @throws MeshError `too-many` over `MAX_LISTED`, `not-permitted` if it cannot be read
 */
export function listFolder({ share, tree, path }: Visit): Promise<[string, TreeEntry][]> {
  return share.whileListing(async () => {
    const listed: [string, TreeEntry][] = []
    let count = 0
    let cursor: number | undefined
    do {
      const { answer } = await tree.ask({
        do: 'list',
        path,
        isFlat: true,
        ...(cursor !== undefined && { cursor }),
      })
      for (const [found, { message }] of answer.faults ?? [])
        if (found === path) throw new MeshError('not-permitted', message)
      for (const [found, entry] of answer.found ?? []) {
        checkFoundPath(found, path, NOTHING)
        count += 1
        if (entry.kind !== 'link' && listed.length < MAX_LISTED) listed.push([found, entry as TreeEntry])
      }
      // To its end in any case: whoever has the tree keeps a list until then.
      cursor = answer.cursor
    } while (cursor !== undefined)
    if (count > MAX_LISTED)
      throw new MeshError(
        'too-many',
        `Cannot list ${quote(path)}: over ${MAX_LISTED} files and folders are in it`,
      )
    return listed
  })
}

const NOTHING: ReadonlyMap<string, TreeEntry> = new Map()
/** Files and folders of one folder that are shown. */
export const MAX_LISTED = 100_000
