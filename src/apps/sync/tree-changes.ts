import { nameOf } from '../../core/files/tree-path.ts'
import type { Folder } from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import { isOwnName, MIRROR_FOLDER } from './tree-context.ts'
import type { Answered } from './tree-reading.ts'

/** What changed below a folder since somebody last asked. */
export interface TreeChanges extends AsyncDisposable {
  /** Begin to hear of changes. @throws MeshError `too-many` */
  watch(): Promise<Answered>
  /** Wait until there are some. Answer: `paths`; none if all may have changed. */
  next(): Promise<Answered>
}

/** Nothing is watched until it is asked for. */
export function createTreeChanges(folder: Folder): TreeChanges {
  let changed = new Set<string>()
  let isAll = false
  let isClosed = false
  let watcher: AsyncDisposable | undefined
  let wake: (() => void) | undefined
  const onChange = (path: string | undefined) => {
    if (path === undefined) isAll = true
    else if (path.split('/')[0] === MIRROR_FOLDER || isOwnName(nameOf(path))) return
    else changed.add(path)
    if (changed.size > MAX_CHANGED) isAll = true
    wake?.()
  }
  return {
    async watch() {
      watcher ??= await folder.watch('', onChange)
      return { answer: {} }
    },
    async next() {
      // A second question takes the place of the first.
      wake?.()
      if (changed.size === 0 && !isAll && !isClosed) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
        wake = undefined
      }
      if (isClosed) throw new MeshError('link-closed', 'Cannot wait for changes: the folder was closed')
      const paths = isAll ? [] : [...changed]
      changed = new Set()
      isAll = false
      return { answer: paths.length === 0 ? {} : { paths } }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      wake?.()
      await watcher?.[Symbol.asyncDispose]()
    },
  }
}

/** Changed paths that are kept one by one. */
const MAX_CHANGED = 2_000
