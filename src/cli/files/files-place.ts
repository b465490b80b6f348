import { FILES_API, type FoundItem } from '../../apps/files/messages.ts'
import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import { formatMeshPath, parseMeshPath, pathBelow } from '../../core/files/mesh-path.ts'
import { MeshError } from '../../core/model/errors.ts'
import { parseUserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'

/** Call a route of the files app in one mesh. @throws MeshError as `callAgent` */
export function callFiles<R extends Route>(
  cli: Cli,
  mesh: string,
  route: R,
  args: Arguments<R>,
  options: { readonly timeoutMs?: number } = {},
): Promise<Answer<R>> {
  const below = `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/files`
  return callAgent(cli, route, args, { ...options, below })
}

/** What is published in the mesh that fits, and who did not answer. */
export function findInMesh(
  cli: Cli,
  { mesh }: Pick<Place, 'mesh'>,
  query: { path?: string; pattern?: string; tag?: string; owner?: string },
): Promise<Answer<typeof FILES_API.findFiles>> {
  return callFiles(cli, mesh.name, FILES_API.findFiles, { query })
}

/** A place in the mesh's file space, written whole. @throws MeshError `bad-name` */
export function wholePath({ mesh }: Place, typed: string): string {
  const { owner, path } = parseMeshPath(typed, parseUserName(mesh.endpoint.user))
  return owner === undefined ? '/' : formatMeshPath(owner, path)
}

/** The item a place names, or is in. @throws MeshError `not-found` */
export async function findItem(cli: Cli, place: Place, typed: string): Promise<FoundItem> {
  const path = wholePath(place, typed)
  const { items, unanswered } = await findInMesh(cli, place, { path })
  const [item] = items
    .filter(one => pathBelow(path, one.path) !== undefined)
    .sort((a, b) => b.path.length - a.path.length)
  if (item !== undefined) return item
  const silent = unanswered.map(({ name }) => quote(name)).join(', ')
  const help = silent === '' ? 'see `ztm file ls`' : `not answered: ${silent}`
  throw new MeshError(
    'not-found',
    `Cannot find ${quote(path)}: nobody online has it, or not for you: ${help}`,
  )
}

/**
 * Where a change of something published has to be said: at the endpoint that was chosen, else the one that published it.
 *
 * @throws MeshError `not-found`
 */
export async function chooseOrigin(cli: Cli, typed: string): Promise<Place & { readonly path: string }> {
  const place = await choosePlace(cli)
  const path = wholePath(place, typed)
  if (place.isChosen) return { ...place, path }
  const { items } = await callFiles(cli, place.mesh.name, FILES_API.listHeld, {
    params: { endpoint: place.endpoint },
  })
  // What is here can be said here, also while nobody is online.
  if (items.some(item => item.path === path && !item.isCopy)) return { ...place, path }
  return { ...place, path, endpoint: (await findItem(cli, place, typed)).origin }
}
