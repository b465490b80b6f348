import { type ControllerKind, EDGE_KINDS } from '../core/edge/edge-kinds.ts'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'

/** What can be listed, and mostly described. A service is of the mesh, and may be declared at the controller. */
export type ThingKind = MeshKind | ControllerKind
/** What the mesh itself knows. */
export type MeshKind =
  | 'mesh'
  | 'hub'
  | 'ep'
  | 'user'
  | 'group'
  | 'service'
  | 'app'
  | 'file'
  | 'invitation'
  | 'eviction'

/** The words people use for each kind; the first is the one shown. */
export const THING_WORDS: Readonly<Record<ThingKind, readonly string[]>> = {
  mesh: ['mesh', 'meshes'],
  hub: ['hub', 'hubs'],
  ep: ['ep', 'eps', 'endpoint', 'endpoints'],
  user: ['user', 'users'],
  group: ['group', 'groups'],
  service: EDGE_KINDS.service.words,
  app: ['app', 'apps'],
  file: ['file', 'files'],
  invitation: ['invitation', 'invitations'],
  eviction: ['eviction', 'evictions'],
  ...wordsOfEdgeKinds(),
}

function wordsOfEdgeKinds(): Record<ControllerKind, readonly string[]> {
  const entries = Object.entries(EDGE_KINDS).map(([kind, { words }]) => [kind, words])
  return Object.fromEntries(entries) as Record<ControllerKind, readonly string[]>
}

/** The first word of each kind. */
export const SHOWN_WORDS: ReadonlySet<string> = new Set(
  Object.values(THING_WORDS).map(words => words[0] ?? ''),
)

/** Words that mean what another word means too: completion does not offer them. */
export const SYNONYM_WORDS: ReadonlySet<string> = new Set(
  Object.values(THING_WORDS).flatMap(words => words.slice(1)),
)

/** All words for the kinds given, or for all. */
export function kindWords(kinds: readonly ThingKind[] = Object.keys(THING_WORDS) as ThingKind[]): string[] {
  return kinds.flatMap(kind => THING_WORDS[kind])
}

/** The kind a word means. @throws MeshError `bad-usage` if it is none */
export function thingKind(word: string): ThingKind {
  for (const [kind, words] of Object.entries(THING_WORDS)) if (words.includes(word)) return kind as ThingKind
  throw new MeshError('bad-usage', `Cannot show ${quote(word)}: no such kind of thing: see \`ztm help get\``)
}
