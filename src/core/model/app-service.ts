import { parseServiceName, type ServiceName, type UserName } from './names.ts'

/** SHA-256 of a text (UTF-8), as 64 hex digits: handed in, as here is no such function. */
export type TextHash = (text: string) => string

/**
 * The hidden service of one of many things of a kind, at endpoints of a user: `tcp/.app.` 24 hex digits of which thing, a dot,
 * and 24 of whose. Both are hashes, so that it is short whatever they are called.
 *
 * @param which  the thing: `alice/notes`, the hash of a package
 * @see docs/protocol.md, "Hidden services"
 */
export function appServiceOf(
  kind: 'app' | 'package',
  which: string,
  user: UserName,
  hash: TextHash,
): ServiceName {
  return parseServiceName(`tcp/.${kind}.${short(hash(which))}.${short(hash(user))}`)
}

/**
 * Whether a user may host a hidden service: it has to name them, as `tcp/.KIND.USER` or as `appServiceOf` does. So nobody can be
 * kept from hosting their own by another who was first. What hides otherwise is nobody's.
 */
export function mayHostAppService(service: ServiceName, user: UserName, hash: TextHash): boolean {
  const name = service.slice(service.indexOf('/') + 1)
  const [, tag] = /^\.(?:app|package)\.[0-9a-f]{24}\.([0-9a-f]{24})$/.exec(name) ?? []
  if (tag !== undefined) return tag === short(hash(user))
  const [, kind, owner] = /^\.([a-z]+)\.(.+)$/.exec(name) ?? []
  return owner === user && kind !== 'app' && kind !== 'package'
}

/** 96 bits: nobody finds another user name of that hash. */
function short(hex: string): string {
  return hex.slice(0, 24)
}
