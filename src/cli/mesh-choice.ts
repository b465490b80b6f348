import { AGENT_API } from '../core/api/agent-api.ts'
import type { MeshInfo } from '../core/api/mesh-shape.ts'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import { callAgent } from './api-client.ts'
import { type Cli, selectionOf } from './context.ts'
import { readSettings } from './settings.ts'

/** The mesh a command speaks of, and the endpoint in it. */
export interface Place {
  readonly mesh: MeshInfo
  /** As typed, a name or an id; the local endpoint's id if none was. */
  readonly endpoint: string
  /** An endpoint was named. */
  readonly isChosen: boolean
}

/**
 * Which mesh, and which endpoint of it: flag or prefix, else `ZTM_MESH`, else `ztm config`, else the only mesh joined.
 *
 * @throws MeshError `not-joined`, `ambiguous`, `agent-down`
 */
export async function choosePlace(cli: Cli): Promise<Place> {
  const selection = selectionOf(cli)
  const { meshes } = await callAgent(cli, AGENT_API.listMeshes, {})
  const wanted = selection.mesh ?? (await defaultMesh(cli))
  const mesh = chooseMesh(meshes, wanted)
  const isChosen = selection.endpoint !== undefined
  return { mesh, endpoint: selection.endpoint ?? mesh.endpoint.id, isChosen }
}

/** The mesh to speak of when the line names none, if one is set. */
export async function defaultMesh(cli: Cli): Promise<string | undefined> {
  return cli.world.env.ZTM_MESH || (await readSettings(cli)).mesh
}

/**
 * The mesh of that name, or the only one.
 *
 * @throws MeshError `not-joined` if there is none of that name or none at all, `ambiguous` if there are several
 */
export function chooseMesh(meshes: readonly MeshInfo[], wanted: string | undefined): MeshInfo {
  const names = meshes.map(mesh => quote(mesh.name)).join(', ')
  if (wanted !== undefined) {
    const mesh = meshes.find(each => each.name === wanted)
    if (mesh !== undefined) return mesh
    const state = names === '' ? 'no mesh is joined' : `joined are ${names}`
    throw new MeshError('not-joined', `Cannot use mesh ${quote(wanted)}: ${state}: join it with \`ztm join\``)
  }
  const [only] = meshes
  if (only === undefined) {
    throw new MeshError(
      'not-joined',
      'Cannot choose a mesh: none is joined: join one with `ztm join MESH --as NAME --permit FILE`',
    )
  }
  if (meshes.length === 1) return only
  throw new MeshError(
    'ambiguous',
    `Cannot choose a mesh: several are joined, ${names}: name one with --mesh, or set one with \`ztm config --mesh\``,
  )
}
