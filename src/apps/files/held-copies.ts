import { basename, dirname } from 'node:path'
import { toMeshError } from '../../core/model/errors.ts'
import type { Host } from '../../sdk/app.ts'
import { askWhatItHas, type Finder, listHolders } from './find-files.ts'
import type { Held } from './held-files.ts'
import { FILES_API } from './messages.ts'

/**
 * Ask the endpoint that published a copy whether it may still be given away, and to whom. One that cannot be reached
 * changes nothing.
 *
 * @returns false if it may not be given away any more
 */
export async function confirmCopy(finder: Finder, copy: Held): Promise<boolean> {
  const { owner, origin, name } = copy.item
  const { host, held } = finder
  try {
    const { holders, unanswered } = await listHolders(host)
    const publisher = holders.find(({ endpoint }) => endpoint === origin)
    if (publisher === undefined) {
      if (unanswered.some(({ endpoint }) => endpoint === origin)) return true
      // Online, and it gives no files to us at all.
      return !(await host.findEndpoint(origin)).isOnline
    }
    if (publisher.user !== owner) return false
    const [item] = await askWhatItHas(finder, publisher, owner, [name])
    if (item?.content !== copy.item.content || item.origin !== origin) return false
    await held.put({ ...copy, item, confirmedAtMs: host.clock.now() })
    return true
  } catch (thrown) {
    const { code } = toMeshError(thrown)
    return code !== 'denied' && code !== 'not-found'
  }
}

/**
 * Tell this user's other endpoints that something published here is otherwise now. Those who are offline ask by themselves
 * when they are back.
 *
 * @returns who had a copy and gives it no more, and what was removed there
 */
export async function tellCopies(
  host: Host,
  body: { readonly path: string; readonly isWithdrawn: boolean; readonly isErased: boolean },
): Promise<{ endpoints: string[]; erased: string[] }> {
  const told = { endpoints: [] as string[], erased: [] as string[] }
  const { holders } = await listHolders(host).catch(() => ({ holders: [] }))
  const route = FILES_API.confirmCopies
  for (const { endpoint, name, user } of holders) {
    if (user !== host.endpoint.user) continue
    try {
      const path = route.path.replace('{endpoint}', endpoint)
      const answer = await host.request(endpoint, { method: route.method, path, body })
      const { droppedCount, erased } = route.response.parse(answer)
      if (droppedCount > 0) told.endpoints.push(name)
      told.erased.push(...erased.map(file => `${name}:${file}`))
    } catch (thrown) {
      const { code, message } = toMeshError(thrown)
      host.log.warn('files.copy-not-told', { peer: endpoint, code, reason: message })
    }
  }
  return told
}

/** Remove something that was held from disk. @returns where it was */
export async function eraseHeld({ host, held }: Finder, erased: Held): Promise<string[]> {
  const { folder, path } = erased
  const [place, name] = path === '' ? [dirname(folder), basename(folder)] : [folder, path]
  await using above = await host.disk.openFolder(place)
  await above.remove(name, true)
  return [held.describe(erased).source]
}
