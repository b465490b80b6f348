import { MeshError } from './errors.ts'
import {
  type EndpointId,
  type HubId,
  type IdentityId,
  isUuid,
  type MeshId,
  parseEndpointId,
  parseHubId,
  parseIdentityId,
  parseMeshId,
} from './ids.ts'
import { parseUserName, type UserName } from './names.ts'
import { quote } from './quote.ts'

/**
 * Who a certificate speaks for. The kind is part of the name, so that no member can pose as a hub, and the key in a
 * permit can do nothing but ask for an endpoint's certificate.
 */
export type Identity =
  | {
      readonly kind: 'endpoint'
      readonly mesh: MeshId
      readonly user: UserName
      readonly endpoint: EndpointId
    }
  /** A hub with the controller in it: agents believe what it says of the mesh, and tickets that it signed. */
  | { readonly kind: 'hub'; readonly mesh: MeshId; readonly hub: HubId }
  /** A hub that only relays: it is believed nothing. */
  | { readonly kind: 'relay-hub'; readonly mesh: MeshId; readonly hub: HubId }
  /** An identity of the controller, not yet at work: its certificate logs in, and does nothing else. */
  | { readonly kind: 'identity'; readonly mesh: MeshId; readonly identity: IdentityId }
  | { readonly kind: 'permit'; readonly mesh: MeshId; readonly user: UserName; readonly permit: string }

/**
 * An endpoint's identity. Of a program that logged in at the controller the user is its identity's id, and the endpoint the
 * id of its API session; see `isIdentityUser`.
 */
export type EndpointIdentity = Extract<Identity, { kind: 'endpoint' }>

/**
 * Whether a user is of the controller, an identity or a service declared there: those have UUIDs for names, which no
 * person may have.
 */
export function isIdentityUser(user: UserName): boolean {
  return isUuid(user)
}

/**
 * The SPIFFE ID, as it stands in the URI SAN of a certificate: `spiffe://<mesh>/user/<user>/endpoint/<uuid>`, or
 * `spiffe://<mesh>/identity/<uuid>/session/<uuid>` for an API session of an identity.
 */
export function formatSpiffeId(identity: Identity): string {
  const trustDomain = `spiffe://${identity.mesh}`
  switch (identity.kind) {
    case 'endpoint':
      if (isIdentityUser(identity.user))
        return `${trustDomain}/identity/${identity.user}/session/${identity.endpoint}`
      return `${trustDomain}/user/${identity.user}/endpoint/${identity.endpoint}`
    case 'hub':
      return `${trustDomain}/hub/${identity.hub}`
    case 'relay-hub':
      return `${trustDomain}/relay-hub/${identity.hub}`
    case 'identity':
      return `${trustDomain}/identity/${identity.identity}`
    case 'permit':
      return `${trustDomain}/user/${identity.user}/permit/${identity.permit}`
  }
}

/**
 * Read a SPIFFE ID of ours.
 *
 * @throws MeshError `not-trusted` if it is not exactly one of the six forms
 * @see docs/protocol.md, "Identities"
 */
export function parseSpiffeId(text: string): Identity {
  const match = /^spiffe:\/\/([a-z2-7]{26})\/([A-Za-z0-9._/-]{1,200})$/.exec(text)
  const parts = match?.[2]?.split('/') ?? []
  try {
    const mesh = parseMeshId(match?.[1])
    const identity = parseParts(mesh, parts)
    if (identity !== undefined) return identity
  } catch (cause) {
    throw new MeshError('not-trusted', `Cannot read identity ${quote(text)}: not one of this system`, {
      cause,
    })
  }
  throw new MeshError('not-trusted', `Cannot read identity ${quote(text)}: not one of this system`)
}

function parseParts(
  mesh: MeshId,
  [first, id, second, sub, ...more]: readonly string[],
): Identity | undefined {
  if (more.length > 0) return undefined
  if (second === undefined) {
    if (first === 'hub' || first === 'relay-hub') return { kind: first, mesh, hub: parseHubId(id) }
    return first === 'identity' ? { kind: 'identity', mesh, identity: parseIdentityId(id) } : undefined
  }
  const user = parseUserName(id)
  const isIdentity = isIdentityUser(user)
  if (first === 'identity' && second === 'session' && isIdentity)
    return { kind: 'endpoint', mesh, user, endpoint: parseEndpointId(sub) }
  if (first !== 'user' || isIdentity) return undefined
  if (second === 'endpoint') return { kind: 'endpoint', mesh, user, endpoint: parseEndpointId(sub) }
  return second === 'permit' ? { kind: 'permit', mesh, user, permit: parseEndpointId(sub) } : undefined
}

/** Whether two identities are the same one. */
export function isSameIdentity(a: Identity, b: Identity): boolean {
  return formatSpiffeId(a) === formatSpiffeId(b)
}
