import { MeshError } from './errors.ts'
import { quote } from './quote.ts'

/** A mesh: 26 lower-case letters and digits, the hash of its root key (so it cannot be borrowed by another CA). */
export type MeshId = string & { readonly __id: 'mesh' }
/** One endpoint of a mesh: a UUID the controller gave it. */
export type EndpointId = string & { readonly __id: 'endpoint' }
/** One hub of a mesh: a UUID. */
export type HubId = string & { readonly __id: 'hub' }
/** One identity of the controller: a UUID. */
export type IdentityId = string & { readonly __id: 'identity' }
/** One connection of an agent to a hub process: a counter, never reused while the process lives. */
export type LinkId = number & { readonly __id: 'link' }

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** @throws MeshError `bad-input` unless it is 26 characters of a-z and 2-7 */
export function parseMeshId(value: unknown): MeshId {
  if (typeof value !== 'string' || !/^[a-z2-7]{26}$/.test(value)) {
    throw new MeshError('bad-input', `Cannot use mesh id ${quote(value)}: not a mesh id`)
  }
  return value as MeshId
}

/** @throws MeshError `bad-input` unless it is a lower-case UUID */
export function parseEndpointId(value: unknown): EndpointId {
  if (typeof value !== 'string' || !UUID.test(value)) {
    throw new MeshError('bad-input', `Cannot use endpoint id ${quote(value)}: not a UUID`)
  }
  return value as EndpointId
}

/** @throws MeshError `bad-input` unless it is a lower-case UUID */
export function parseHubId(value: unknown): HubId {
  if (typeof value !== 'string' || !UUID.test(value)) {
    throw new MeshError('bad-input', `Cannot use hub id ${quote(value)}: not a UUID`)
  }
  return value as HubId
}

/** @throws MeshError `bad-input` unless it is a lower-case UUID */
export function parseIdentityId(value: unknown): IdentityId {
  if (typeof value !== 'string' || !UUID.test(value)) {
    throw new MeshError('bad-input', `Cannot use identity id ${quote(value)}: not a UUID`)
  }
  return value as IdentityId
}

/** Whether the text has the form of a UUID; for commands that take a name or an id. */
export function isUuid(value: string): boolean {
  return UUID.test(value)
}
