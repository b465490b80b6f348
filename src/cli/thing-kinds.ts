import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'

/** What can be listed, and mostly described. */
export type ThingKind = 'mesh' | 'hub' | 'ep' | 'user' | 'service' | 'app' | 'invitation' | 'eviction'

/** The words people use for each kind; the first is the one shown. */
export const THING_WORDS: Readonly<Record<ThingKind, readonly string[]>> = {
  mesh: ['mesh', 'meshes'],
  hub: ['hub', 'hubs'],
  ep: ['ep', 'eps', 'endpoint', 'endpoints'],
  user: ['user', 'users'],
  service: ['service', 'services', 'svc'],
  app: ['app', 'apps'],
  invitation: ['invitation', 'invitations'],
  eviction: ['eviction', 'evictions'],
}

/** All words for the kinds given, or for all. */
export function kindWords(kinds: readonly ThingKind[] = Object.keys(THING_WORDS) as ThingKind[]): string[] {
  return kinds.flatMap(kind => THING_WORDS[kind])
}

/** The kind a word means. @throws MeshError `bad-usage` if it is none */
export function thingKind(word: string): ThingKind {
  for (const [kind, words] of Object.entries(THING_WORDS)) if (words.includes(word)) return kind as ThingKind
  throw new MeshError('bad-usage', `Cannot show ${quote(word)}: no such kind of thing: see \`ztm help get\``)
}
