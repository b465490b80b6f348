import { MeshError } from '../core/model/errors.ts'
import type { Store } from '../core/model/store.ts'

/** A real store on a disk of which a test says how many writes it still takes. */
export interface LimitedStore extends Store {
  /** Writes that still succeed; those after it fail with `storage-full` and change nothing. */
  writesLeft: number
  /** Writes that were tried. */
  readonly writeCount: number
}

/** Put a limit on a store; none at first. */
export function limitStore(store: Store): LimitedStore {
  let writeCount = 0
  const limited: LimitedStore = {
    writesLeft: Number.POSITIVE_INFINITY,
    get writeCount() {
      return writeCount
    },
    get: key => store.get(key),
    list: prefix => store.list(prefix),
    async put(key, value, options) {
      take()
      return store.put(key, value, options)
    },
    async delete(key, options) {
      take()
      return store.delete(key, options)
    },
    watch: (prefix, onChange) => store.watch(prefix, onChange),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }

  function take(): void {
    writeCount += 1
    if (limited.writesLeft <= 0) {
      throw new MeshError('storage-full', 'Cannot write: the disk is full: make room and try again')
    }
    limited.writesLeft -= 1
  }

  return limited
}
