import type { Address } from '../model/address.ts'
import { plainAddress } from './candidate.ts'

/**
 * What the NAT in front of a socket does.
 *
 * `none`: the socket's address is seen everywhere. `endpoint-independent`: one outer address for all destinations.
 * `symmetric`: another one for each destination, so nobody can be told where to send to. `blocked`: UDP does not pass.
 * `unknown`: too little is known to say.
 */
export type NatKind = 'none' | 'endpoint-independent' | 'symmetric' | 'blocked' | 'unknown'

/** One question by echo, and what came of it. */
export interface EchoResult {
  /** The port of a hub that was asked. */
  readonly asked: Address
  /** From where it saw us; undefined if no answer came. */
  readonly seen?: Address | undefined
}

/**
 * Tell the kind of NAT from echoes of one socket, all over IPv4 or all over IPv6.
 *
 * @param own  addresses of this computer with the socket's port
 * @param results  of at least two ports, or of two hubs; with answers of one alone all that can be told is whether there
 *   is a NAT
 */
export function natKindOf(own: readonly Address[], results: readonly EchoResult[]): NatKind {
  const answered = results.flatMap(({ asked, seen }) => (seen === undefined ? [] : [{ asked, seen }]))
  const seen = new Set(answered.map(one => keyOf(one.seen)))
  const asked = new Set(answered.map(one => keyOf(one.asked)))
  if (answered.length === 0) return results.length === 0 ? 'unknown' : 'blocked'
  if (seen.size > 1) return 'symmetric'
  const isOwn = own.some(address => seen.has(keyOf(address)))
  if (isOwn) return 'none'
  return asked.size > 1 ? 'endpoint-independent' : 'unknown'
}

function keyOf(address: Address): string {
  const { host, port } = plainAddress(address) ?? address
  return `${host} ${port}`
}
