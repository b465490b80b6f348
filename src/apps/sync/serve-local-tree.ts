import type { Duplex } from 'node:stream'
import type { CopyPlaceName } from '../../core/files/copy-request.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { Host } from '../../sdk/app.ts'
import { encodeSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { openPlace } from './open-place.ts'
import { serveTree } from './tree-link.ts'
import type { Computer, TreePlace } from './tree-site.ts'

/**
 * Give a program of this computer's user a tree, here or at another endpoint, until the stream ends: first how it was opened, or why
 * not, as another endpoint is told it; then the frames of `serveTree`.
 */
export async function serveLocalTree(
  host: Host,
  computer: Computer,
  stream: Duplex,
  at: CopyPlaceName,
): Promise<void> {
  const left = new AbortController()
  stream.once('close', () => left.abort())
  let place: TreePlace
  try {
    place = await openPlace(host, computer, at, { signal: left.signal })
  } catch (thrown) {
    if (!stream.destroyed) stream.end(encodeSmallMessage({ error: toMeshError(thrown).toBody() }))
    return
  }
  if (stream.destroyed) return place[Symbol.asyncDispose]()
  stream.write(encodeSmallMessage({ opened: place.opened }))
  await serveTree(stream, place)
}
