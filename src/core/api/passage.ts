import { MeshError } from '../model/errors.ts'
import { type HubId, parseHubId } from '../model/ids.ts'

/** `:authority` of a CONNECT that asks a hub for a passage to another one. */
export const PASSAGE_AUTHORITY = 'hub'
/** The header that says to which: the id of one that only relays, or `controller`. */
export const PASSAGE_HEADER = 'ztm-hub'

/** Where a passage leads. */
export type PassageTarget = HubId | 'controller'

/** @throws MeshError `bad-message` unless it is a hub's id or `controller` */
export function parsePassageTarget(value: unknown): PassageTarget {
  if (value === 'controller') return value
  try {
    return parseHubId(value)
  } catch (cause) {
    throw new MeshError('bad-message', 'Cannot pass on: CONNECT needs the id of a hub, or controller', {
      cause,
    })
  }
}
