import type { MeshInfo } from '../core/api/mesh-shape.ts'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import type { Cli } from './context.ts'
import type { Tone } from './output/colors.ts'
import { age } from './output/words.ts'

/** A mesh's state for a person: `online`, or `offline for 3 min: Cannot …`. */
export function describeMeshState(cli: Cli, { state, sinceMs, error }: MeshInfo): string {
  if (state === 'online' || state === 'disabled') return state
  const since = age(cli, sinceMs)
  const text = since === 'now' ? state : `${state} for ${since}`
  return error === undefined ? text : `${text}: ${error.message}`
}

/** The colour of a mesh's state. */
export function meshTone({ state }: MeshInfo): Tone {
  if (state === 'online') return 'good'
  return state === 'disabled' ? 'quiet' : state === 'connecting' ? 'warning' : 'bad'
}

/** What is wrong with a mesh, as an error; undefined where it is online, or offline because somebody wants it so. */
export function meshTrouble(cli: Cli, mesh: MeshInfo): MeshError | undefined {
  if (mesh.state === 'online' || mesh.state === 'disabled') return undefined
  const code = mesh.error?.code ?? 'offline'
  const state = describeMeshState(cli, mesh)
  return new MeshError(code, `Cannot use mesh ${quote(mesh.name)}: ${state}: see \`ztm doctor\``)
}
