import { MeshError, parseErrorBody } from '../core/model/errors.ts'

/** Why a hub closed a link, as it said: a MeshError of any code; `link-closed` if it gave no reason. */
export function readRefusal(text: string): MeshError {
  try {
    const error = parseErrorBody(JSON.parse(text))
    if (error !== undefined) return error
  } catch {
    // Not JSON: told below.
  }
  return new MeshError('link-closed', 'Cannot open link: hub closed it without a reason')
}

/** Nobody is there to ask: `offline`, with what was wrong the last time and what finds out more. */
export function noLink(error: MeshError | undefined): MeshError {
  const why = error === undefined ? 'no answer yet' : error.message
  const help = '`ztm doctor` tells what is in the way'
  return new MeshError('offline', `Cannot reach the mesh: no link to a hub: ${why}: ${help}`)
}
