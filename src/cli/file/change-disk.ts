import { type CopyEvent, type DiskChangeRequest, parseCopyPlace } from '../../core/files/copy-request.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { plural } from '../output/words.ts'
import { askSync, readPlace } from './sync-place.ts'

/** `ztm file mkdir ep:path` */
export async function makeFolder(cli: Cli, text: string): Promise<void> {
  const { place } = await change(cli, text, at => ({ kind: 'make-folder', at }))
  await report(cli, `Made folder ${visible(place)}`, { name: place, data: { place } })
}

/** `ztm file rename ep:path name` */
export async function renameItem(cli: Cli, text: string, name: string): Promise<void> {
  const { place } = await change(cli, text, at => ({ kind: 'rename', at, name }))
  await report(cli, `Renamed ${visible(place)} to ${visible(name)}`, { name, data: { place, name } })
}

/** `ztm file rm ep:path` */
export async function removeItem(
  cli: Cli,
  text: string,
  { recursive = false }: { readonly recursive?: boolean },
): Promise<void> {
  const { place, ended } = await change(cli, text, at => ({ kind: 'remove', at, isWhole: recursive }))
  const count = ended?.removedCount ?? 0
  const what = count > 1 ? `${visible(place)}: ${plural(count, 'item')}` : visible(place)
  await report(cli, `Removed ${what}`, { name: place, data: { place, removedCount: count } })
}

async function change(
  cli: Cli,
  text: string,
  requestOf: (at: DiskChangeRequest['at']) => DiskChangeRequest,
): Promise<{ place: string; ended: Extract<CopyEvent, { event: 'ended' }> | undefined }> {
  if (cli.options.timeout === undefined) cli.deadlineMs = undefined
  const place = await choosePlace(cli)
  // Without an endpoint it could as well mean what is published.
  if (parseCopyPlace(text).endpoint === undefined && !place.isChosen)
    throw new MeshError(
      'bad-usage',
      `Cannot change "${visible(text)}": say on which disk: ENDPOINT:PATH, or \`ztm ep ENDPOINT file …\``,
    )
  const signal = cli.world.catchInterrupt()
  let ended: Extract<CopyEvent, { event: 'ended' }> | undefined
  for await (const event of askSync(cli, place.mesh.name, requestOf(readPlace(cli, text, place)), signal)) {
    if (event.event === 'failed')
      cli.world.stderr.write(`ztm: ${visible(event.path)}: ${visible(event.message)}\n`)
    if (event.event === 'ended') ended = event
  }
  if (ended === undefined) throw new MeshError('timed-out', 'Cannot go on: it was interrupted')
  return { place: text, ended }
}
