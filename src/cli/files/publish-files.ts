import { FILES_API } from '../../apps/files/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import { type Cli, pathOf } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'
import { report, showThing } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { bytes, plural } from '../output/words.ts'
import { callFiles, chooseOrigin, wholePath } from './files-place.ts'
import { followJob } from './follow-job.ts'
import { keepInput } from './keep-input.ts'
import { heldFields } from './list-files.ts'

/** Who may see something, as typed. */
export interface AccessWords {
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  readonly everyone?: boolean
  readonly private?: boolean
}

/** What `file publish` was told. */
export interface PublishWords extends AccessWords {
  readonly as?: string
  readonly tag?: readonly string[]
  readonly keep?: number
}

/** `ztm file publish PATH` */
export async function publishFile(cli: Cli, typed: string, words: PublishWords): Promise<void> {
  const place = await choosePlace(cli)
  const name = words.as === undefined ? undefined : ownName(place, words.as)
  const source = await sourceOf(cli, place, typed, name)
  const access = readAccess(words)
  const started = await callFiles(cli, place.mesh.name, FILES_API.publish, {
    params: { endpoint: place.endpoint },
    body: {
      source,
      ...(name !== undefined && { name }),
      ...(words.tag !== undefined && { tags: [...words.tag] as never }),
      ...(access && { access }),
      ...(words.keep !== undefined && { keepCount: words.keep }),
    },
  })
  const job = await followJob(cli, place, started)
  const what = `${plural(job.totalFiles, 'file')}, ${bytes(job.totalBytes)}`
  await report(cli, `Published ${visible(job.path)}: ${what}`, { name: job.path, data: job })
}

/** The file that is meant; `-` is standard input. Another endpoint's paths begin at the home folder there. */
async function sourceOf(cli: Cli, place: Place, typed: string, name: string | undefined): Promise<string> {
  if (typed !== '-') return place.isChosen ? typed : pathOf(cli, typed)
  if (name !== undefined) return keepInput(cli, place, name)
  throw new MeshError('bad-usage', 'Cannot publish from standard input: say its name: --as NAME')
}

/** `ztm file share PATH`: change who may see it, or show it. */
export async function shareFile(
  cli: Cli,
  typed: string,
  words: AccessWords & { tag?: readonly string[] },
): Promise<void> {
  const { mesh, endpoint, path } = await chooseOrigin(cli, typed)
  const access = readAccess(words)
  const { tag } = words
  const body = { path, ...(access && { access }), ...(tag !== undefined && { tags: [...tag] as never }) }
  if (access === undefined && tag === undefined) {
    const { items } = await callFiles(cli, mesh.name, FILES_API.listHeld, { params: { endpoint } })
    const held = items.find(item => item.path === path)
    if (held !== undefined) return showThing(cli, held, { name: held.path, fields: heldFields(held) })
  }
  const held = await callFiles(cli, mesh.name, FILES_API.share, { params: { endpoint }, body })
  await showThing(cli, held, { name: held.path, fields: heldFields(held) })
}

/** `ztm file unpublish PATH`, `ztm file erase PATH` */
export async function withdrawFile(cli: Cli, typed: string, isErased: boolean): Promise<void> {
  const { mesh, endpoint, path } = await chooseOrigin(cli, typed)
  const answer = await callFiles(cli, mesh.name, FILES_API.withdraw, {
    params: { endpoint },
    body: { path, isErased },
  })
  const removed = answer.erased.map(file => `\n  removed ${visible(file)}`).join('')
  const others = answer.endpoints.length === 0 ? '' : `, also at ${answer.endpoints.map(visible).join(', ')}`
  await report(cli, `Withdrew ${visible(path)}${others}${removed}`, { name: path, data: answer })
}

function readAccess(words: AccessWords) {
  const { users, groups, everyone } = words
  if (words.private) return { users: [], groups: [], everyone: false }
  if (users === undefined && groups === undefined && everyone === undefined) return undefined
  const named = (list: readonly string[] = []) => list.filter(one => one !== 'none')
  return { users: named(users) as never[], groups: named(groups) as never[], everyone: everyone ?? false }
}

/** A name below one's own place, also if it was written whole. */
function ownName(place: Place, typed: string): string {
  const own = `/users/${place.mesh.endpoint.user}/`
  const path = wholePath(place, typed)
  return path.startsWith(own) ? path.slice(own.length) : typed
}
