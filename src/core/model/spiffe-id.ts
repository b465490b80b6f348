import { MeshError } from './errors.ts'
import { type EndpointId, type HubId, type MeshId, parseEndpointId, parseHubId, parseMeshId } from './ids.ts'
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
  | { readonly kind: 'hub'; readonly mesh: MeshId; readonly hub: HubId }
  | { readonly kind: 'permit'; readonly mesh: MeshId; readonly user: UserName; readonly permit: string }

/** An endpoint's identity. */
export type EndpointIdentity = Extract<Identity, { kind: 'endpoint' }>

/** The SPIFFE ID, as it stands in the URI SAN of a certificate: `spiffe://<mesh>/user/<user>/endpoint/<uuid>`. */
export function formatSpiffeId(identity: Identity): string {
  const trustDomain = `spiffe://${identity.mesh}`
  switch (identity.kind) {
    case 'endpoint':
      return `${trustDomain}/user/${identity.user}/endpoint/${identity.endpoint}`
    case 'hub':
      return `${trustDomain}/hub/${identity.hub}`
    case 'permit':
      return `${trustDomain}/user/${identity.user}/permit/${identity.permit}`
  }
}

/**
 * Read a SPIFFE ID of ours.
 *
 * @throws MeshError `not-trusted` if it is not exactly one of the three forms
 * @see docs/protocol.md, "Identities"
 */
export function parseSpiffeId(text: string): Identity {
  const match = /^spiffe:\/\/([a-z2-7]{26})\/([A-Za-z0-9._/-]{1,200})$/.exec(text)
  const parts = match?.[2]?.split('/') ?? []
  try {
    const mesh = parseMeshId(match?.[1])
    if (parts.length === 2 && parts[0] === 'hub') return { kind: 'hub', mesh, hub: parseHubId(parts[1]) }
    if (parts.length === 4 && parts[0] === 'user') {
      const user = parseUserName(parts[1])
      if (parts[2] === 'endpoint')
        return { kind: 'endpoint', mesh, user, endpoint: parseEndpointId(parts[3]) }
      if (parts[2] === 'permit') return { kind: 'permit', mesh, user, permit: parseEndpointId(parts[3]) }
    }
  } catch (cause) {
    throw new MeshError('not-trusted', `Cannot read identity ${quote(text)}: not one of this system`, {
      cause,
    })
  }
  throw new MeshError('not-trusted', `Cannot read identity ${quote(text)}: not one of this system`)
}

/** Whether two identities are the same one. */
export function isSameIdentity(a: Identity, b: Identity): boolean {
  return formatSpiffeId(a) === formatSpiffeId(b)
}
