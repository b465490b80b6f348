import { MeshError } from '../core/model/errors.ts'
import type { Entry, Json, Store } from '../core/model/store.ts'
import { checkExpected, checkKey, checkPrefix, encodeValue, show } from './entry-check.ts'
import { type CommittedChange, Watchers } from './watchers.ts'

/** Make a store that lives in this process's memory and dies with it: for a program that keeps nothing. */
export function createMemoryStore(): Store {
  const rows = new Map<string, { readonly json: string; readonly revision: number }>()
  const watchers = new Watchers()
  let head = 0
  let isClosed = false

  const refuseIfClosed = () => {
    if (isClosed) throw new MeshError('storage-failed', 'Cannot use store in memory: it is closed')
  }
  const entryOf = (key: string, { json, revision }: { json: string; revision: number }): Entry => ({
    key,
    value: JSON.parse(json) as Json,
    revision,
  })

  /** Applied at once, told a moment later: a watcher is never called within the call that it hears of. */
  async function write(key: string, json: string | undefined, expected: number | undefined): Promise<number> {
    checkExpected(expected)
    refuseIfClosed()
    const current = rows.get(key)?.revision ?? 0
    if (expected !== undefined && expected !== current) {
      const state = current === 0 ? 'it does not exist' : `its revision is ${current}`
      throw new MeshError('conflict', `Cannot write ${show(key)}: ${state}, not ${expected}: read it again`)
    }
    if (json === undefined && current === 0) return 0
    head += 1
    const change: CommittedChange = { key, json, revision: head }
    if (json === undefined) rows.delete(key)
    else rows.set(key, { json, revision: head })
    await Promise.resolve()
    watchers.tell([change])
    return change.revision
  }

  return {
    async get(key) {
      checkKey(key)
      refuseIfClosed()
      const row = rows.get(key)
      return row && entryOf(key, row)
    },
    async list(prefix) {
      checkPrefix(prefix)
      refuseIfClosed()
      return [...rows]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, row]) => entryOf(key, row))
        .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    },
    async put(key, value, options = {}) {
      checkKey(key)
      return write(key, encodeValue(key, value), options.expected)
    },
    async delete(key, options = {}) {
      checkKey(key)
      await write(key, undefined, options.expected)
    },
    watch(prefix, onChange) {
      checkPrefix(prefix)
      refuseIfClosed()
      return watchers.add(prefix, onChange)
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      watchers.clear()
    },
  }
}
