/**
 * Which way the bytes of a session go: a TCP connection between the two agents, a UDP hole through their NATs, or
 * through a hub by a connection of its own or inside the link.
 */
export type PathKind = 'direct' | 'punched' | 'relay' | 'relay-h2'

/** All kinds, best first. */
export const PATH_KINDS: readonly PathKind[] = ['direct', 'punched', 'relay', 'relay-h2']

/** Whether a session over `one` is better than one over `other`: closer, or cheaper for the hub. */
export function isBetterPath(one: PathKind, other: PathKind): boolean {
  return PATH_KINDS.indexOf(one) < PATH_KINDS.indexOf(other)
}
