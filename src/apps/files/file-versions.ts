import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { FilePeer } from './file-peer.ts'
import type { Finder } from './find-files.ts'
import { findPath } from './find-path.ts'
import type { FileVersion, FoundItem } from './messages.ts'

/**
 * The versions of something published that are kept, the newest first; none if its publisher keeps none.
 *
 * @throws MeshError `offline` if who published it is; those of asking it
 */
export async function listVersions({ host, held, limits }: Finder, item: FoundItem): Promise<FileVersion[]> {
  const { owner, name, origin } = item
  if (origin === host.endpoint.id) return held.find(owner, name)?.versions ?? []
  const holder = item.holders.find(({ endpoint }) => endpoint === origin)
  if (holder === undefined)
    throw new MeshError(
      'offline',
      `Cannot list versions of ${quote(item.path)}: who published it is not online`,
    )
  const peer = await FilePeer.open(host, holder, limits.answerTimeoutMs)
  try {
    const question = { kind: 'versions', owner, name } as const
    return (await peer.ask(host, question, limits.answerTimeoutMs)).versions ?? []
  } finally {
    peer.close()
  }
}

/**
 * Find what a path names, as it is or as it was.
 *
 * @param version  the number of a version that is kept; the newest if absent
 * @throws MeshError `not-found` if it is not kept, as `findPath`, as `listVersions`
 */
export async function findVersion(
  finder: Finder,
  path: string,
  version?: number,
): Promise<{ item: FoundItem; part: string }> {
  const found = await findPath(finder, path)
  if (version === undefined) return found
  const { item, part } = found
  const kept = (await listVersions(finder, item)).find(({ serial }) => serial === version)
  if (kept === undefined)
    throw new MeshError(
      'not-found',
      `Cannot fetch version ${version} of ${quote(item.path)}: it is not kept: \`ztm file versions\` lists those that are`,
    )
  const holders = item.holders.filter(({ endpoint }) => endpoint === item.origin)
  return { item: { ...item, ...kept, holders }, part }
}
