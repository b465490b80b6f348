import { MeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import type { AppStorage } from '../../sdk/app.ts'

/** How much an app may keep in its storage. */
export const APP_STORAGE_LIMITS = {
  maxRecords: 10_000,
  /** Of all keys and values, as JSON. */
  maxBytes: 33_554_432,
  /** Of one value; the store takes no more. */
  maxValueBytes: 262_144,
} as const

/** Keep an app's own records within limits: they lie in the store of the whole endpoint. */
export function limitStorage(storage: AppStorage): AppStorage {
  let sizes: Promise<Map<string, number>> | undefined
  let byteCount = 0
  const load = async () => {
    const rows = await storage.list('')
    const known = new Map(rows.map(({ key, value }) => [key, sizeOf(key, value)]))
    byteCount = [...known.values()].reduce((sum, size) => sum + size, 0)
    return known
  }
  return {
    get: storage.get,
    list: storage.list,
    async put(key, value) {
      sizes ??= load()
      const known = await sizes
      const size = sizeOf(key, value)
      const before = known.get(key) ?? 0
      if (size > APP_STORAGE_LIMITS.maxValueBytes)
        throw new MeshError(
          'too-large',
          `Cannot keep "${key}": at most ${APP_STORAGE_LIMITS.maxValueBytes} bytes`,
        )
      const isFull =
        byteCount + size - before > APP_STORAGE_LIMITS.maxBytes ||
        (before === 0 && known.size >= APP_STORAGE_LIMITS.maxRecords)
      if (isFull) throw new MeshError('storage-full', `Cannot keep "${key}": the app has kept all it may`)
      // Before it is written: two at once must not both find room for one.
      known.set(key, size)
      byteCount += size - before
      await storage.put(key, value)
    },
    async delete(key) {
      await storage.delete(key)
      const known = await sizes
      byteCount -= known?.get(key) ?? 0
      known?.delete(key)
    },
  }
}

function sizeOf(key: string, value: Json): number {
  return Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(value))
}
