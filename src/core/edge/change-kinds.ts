import { EDGE_KINDS, type EdgeKind } from './edge-kinds.ts'

/** Kinds of things of which the controller tells that some changed: its entities, and what else a mesh has beside endpoints. */
export const CHANGE_KINDS = [
  ...(Object.keys(EDGE_KINDS) as EdgeKind[]),
  'user',
  'group',
  'invitation',
  'eviction',
  'hub',
  'usage',
] as const
/** Kinds of things of which the controller tells that some changed. */
export type ChangeKind = (typeof CHANGE_KINDS)[number]
