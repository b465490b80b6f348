import { pipeline } from 'node:stream/promises'
import { parseCopyPlace } from '../../core/files/copy-request.ts'
import { toMeshError } from '../../core/model/errors.ts'
import { openDownload } from '../../net/http-download.ts'
import { agentPlace } from '../api-client.ts'
import { type Cli, remainingMs } from '../context.ts'
import { readPlace } from '../file/sync-place.ts'
import { choosePlace } from '../mesh-choice.ts'
import { wholePath } from './files-place.ts'

/** `ztm file cat [ENDPOINT:]PATH`: the bytes of a published file, or of one on the disk of an endpoint; of a folder, an archive. */
export async function catFile(cli: Cli, typed: string, { tar = false }: { tar?: boolean }): Promise<void> {
  const place = await choosePlace(cli)
  const isOnDisk = parseCopyPlace(typed).endpoint !== undefined
  const query = isOnDisk ? readPlace(cli, typed, place) : { path: wholePath(place, typed) }
  const asked = { ...query, ...(tar && { as: 'tar' }) }
  const texts = Object.entries(asked).filter(([, value]) => value !== undefined) as [string, string][]
  const path = `/api/meshes/${encodeURIComponent(place.mesh.name)}/apps/ztm/${isOnDisk ? 'sync' : 'files'}/content`
  const bytes = await openDownload(await agentPlace(cli), {
    path: `${path}?${new URLSearchParams(texts)}`,
    action: 'Cannot read file',
    timeoutMs: remainingMs(cli),
  })
  try {
    await pipeline(bytes, cli.world.console().output, { end: false })
  } catch (thrown) {
    // Whoever has seen enough closes the pipe: `ztm file cat … | head`.
    if ((thrown as { code?: unknown }).code !== 'EPIPE') throw toMeshError(thrown)
  }
}
