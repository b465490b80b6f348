import type { Duplex } from 'node:stream'
import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import type { TreeHello } from '../../core/files/tree-requests.ts'
import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import { findOwned } from '../../sdk/for-apps/find-owned.ts'
import { encodeSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { greetFarTree } from './tree-link.ts'
import { type Computer, openTree, type TreePlace, type TreeTerms } from './tree-site.ts'

/** The service by which endpoints of a user give their folders. @throws MeshError `bad-name` for a user name over 58 characters */
export function syncServiceOf(user: UserName): ServiceName {
  return parseServiceName(`tcp/.sync.${user}`)
}

/**
 * Open a tree, here or at an endpoint.
 *
 * @param endpoint  name or id; this one if absent
 * @throws MeshError `not-found`, `denied`, `offline` …
 */
export async function openPlace(
  host: Host,
  computer: Computer,
  place: CopyPlaceName,
  terms: Pick<TreeTerms, 'mirror' | 'isHolder'> & { readonly signal?: AbortSignal } = {},
): Promise<TreePlace> {
  const { endpoint, path } = place
  const { mirror, isHolder } = terms
  if (endpoint === undefined || endpoint === host.endpoint.id || endpoint === host.endpoint.name) {
    return openTree(computer, { path, mirror, isHolder })
  }
  const { id, user } = await findOwned(host, { ...place, endpoint })
  if (id === host.endpoint.id) return openTree(computer, { path, mirror, isHolder })
  const dialing = host.dial(syncServiceOf(user), { owner: user, exits: [id] })
  const cancel = () => dialing.cancel()
  terms.signal?.addEventListener('abort', cancel, { once: true })
  let stream: Duplex | undefined
  try {
    dialing.write(encodeSmallMessage({ kind: 'tree', path, mirror, isHolder } satisfies TreeHello))
    stream = (await dialing.opened).stream
    stream.on('error', () => {})
    return await greetFarTree(stream)
  } catch (error) {
    stream?.destroy()
    throw error
  } finally {
    terms.signal?.removeEventListener('abort', cancel)
  }
}
