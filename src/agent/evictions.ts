import { z } from 'zod'
import { type Eviction, evictionShape } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Name } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Json, Store } from '../core/model/store.ts'

/** Who is put out of one mesh, as this agent knows it; kept, so that it holds before the first hub answers. */
export interface Evictions {
  load(): Promise<void>
  /** The whole list, from a hub's greeting. @returns those that are new */
  replace(list: readonly Eviction[]): readonly Eviction[]
  add(eviction: Eviction): readonly Eviction[]
  remove(id: string): void
  /** @throws MeshError `evicted` */
  admit(identity: EndpointIdentity, issuedAtMs: number): void
}

/** Make the list of one mesh. */
export function createEvictions(store: Store, mesh: Name, log: Log): Evictions {
  const key = `evictions/${mesh}`
  let byId = new Map<string, Eviction>()

  function save(): void {
    // In force at once; the copy on disk only matters for the time before the next greeting.
    store.put(key, [...byId.values()] as unknown as Json).catch((error: unknown) => {
      log.error('evictions.not-kept', { reason: error instanceof Error ? error.message : String(error) })
    })
  }

  return {
    async load() {
      const stored = z.array(evictionShape).safeParse((await store.get(key))?.value ?? [])
      if (stored.success) byId = new Map(stored.data.map(eviction => [eviction.id, eviction]))
      else log.warn('evictions.unreadable')
    },
    replace(list) {
      const added = list.filter(({ id }) => !byId.has(id))
      const isSame = added.length === 0 && list.length === byId.size
      byId = new Map(list.map(eviction => [eviction.id, eviction]))
      if (!isSame) save()
      return added
    },
    add(eviction) {
      byId.set(eviction.id, eviction)
      save()
      return [eviction]
    },
    remove(id) {
      if (byId.delete(id)) save()
    },
    admit(identity, issuedAtMs) {
      for (const { user, endpoint, beforeMs } of byId.values()) {
        const isMeant = user === identity.user && (endpoint === undefined || endpoint === identity.endpoint)
        if (isMeant && issuedAtMs < beforeMs) {
          throw new MeshError('evicted', `Cannot open session: ${identity.user} was evicted from the mesh`)
        }
      }
    },
  }
}
