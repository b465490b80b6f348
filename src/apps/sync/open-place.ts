import type { Duplex } from 'node:stream'
import { z } from 'zod'
import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import { type TreeHello, type TreeOpened, treeOpenedShape } from '../../core/files/tree-requests.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import { findOwned } from '../../sdk/for-apps/find-owned.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { createFarTree } from './tree-link.ts'
import { type Computer, openTree, type TreePlace, type TreeTerms } from './tree-site.ts'

/** The service by which endpoints of a user give their folders. @throws MeshError `bad-name` for a user name over 58 characters */
export function syncServiceOf(user: UserName): ServiceName {
  return parseServiceName(`tcp/.sync.${user}`)
}

/** What is said first of a tree: how it was opened, or why not. */
export const treeGreetingShape = z.union([
  z.object({ opened: treeOpenedShape }),
  z.object({ error: z.unknown() }),
])

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
    return createFarTree(stream, await readGreeting(stream))
  } catch (error) {
    stream?.destroy()
    throw error
  } finally {
    terms.signal?.removeEventListener('abort', cancel)
  }
}

async function readGreeting(stream: Duplex): Promise<TreeOpened> {
  const greeting = await readSmallMessage(stream, treeGreetingShape)
  if ('opened' in greeting) return greeting.opened
  throw (
    parseErrorBody(greeting.error) ?? new MeshError('bad-message', 'Cannot open it: refused without a reason')
  )
}
