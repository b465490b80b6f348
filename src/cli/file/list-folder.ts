import type { CopyEvent } from '../../core/files/copy-request.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showList } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { bytes, moment } from '../output/words.ts'
import { askSync, readPlace } from './sync-place.ts'

type Entry = Omit<Extract<CopyEvent, { event: 'entry' }>, 'event'>

/** `ztm file ls [ep:]path`: what is in a folder of an endpoint's disk. */
export async function listFolder(cli: Cli, text: string): Promise<void> {
  if (cli.options.timeout === undefined) cli.deadlineMs = undefined
  const place = await choosePlace(cli)
  const request = { kind: 'list-files', at: readPlace(cli, text, place) }
  const entries: Entry[] = []
  const signal = new AbortController().signal
  for await (const event of askSync(cli, place.mesh.name, request, signal)) {
    if (event.event === 'failed') {
      cli.exitCode = 10
      cli.world.stderr.write(`ztm: ${visible(event.path)}: ${visible(event.message)}\n`)
    }
    if (event.event !== 'entry') continue
    const { event: _, ...entry } = event
    entries.push(entry)
    if (entries.length > MAX_LISTED)
      throw new MeshError('too-many', `Cannot list: over ${MAX_LISTED} entries`)
  }
  await showList(cli, entries, {
    nameOf: ({ name, kind }) => (kind === 'folder' ? `${name}/` : name),
    columns: [
      { title: 'NAME', cell: ({ name, kind }) => (kind === 'folder' ? `${name}/` : name) },
      { title: 'SIZE', cell: ({ size }) => (size === undefined ? '-' : bytes(size)) },
      { title: 'MODIFIED', cell: ({ mtimeMs }) => (mtimeMs === undefined ? '-' : moment(mtimeMs)) },
      { title: 'MODE', cell: ({ mode }) => (mode === undefined ? '-' : mode.toString(8).padStart(3, '0')) },
      { title: 'LINK TO', cell: ({ target }) => target ?? '' },
    ],
  })
}

/** Entries of a folder that are shown. */
const MAX_LISTED = 1_000_000
