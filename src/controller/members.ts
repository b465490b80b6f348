import type { Caller } from '../core/api/caller.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId, MeshId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { type EndpointIdentity, isIdentityUser } from '../core/model/spiffe-id.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import type { EndpointRecord } from './records.ts'

/** Tells who still is a member, whatever a certificate says. */
export interface Members {
  /**
   * The record of an endpoint that may have a link.
   *
   * @param issuedAtMs  when its certificate was made
   * @throws MeshError `not-trusted` if it is of another mesh or was removed, `evicted`
   */
  admit(identity: EndpointIdentity, issuedAtMs: number): EndpointRecord
  /** The record of the endpoint that calls. @throws MeshError as `admit`, and `not-trusted` for any other caller */
  require(caller: Caller): EndpointRecord
  isEvicted(record: EndpointRecord): boolean
}

/** Make the one place that says who is a member. */
export function createMembers(parts: {
  mesh: MeshId
  endpoints: Pick<Endpoints, 'get'>
  evictions: Pick<Evictions, 'against'>
  /** Whether an API session still has the certificate that was made then. */
  hasCertificate?: (session: EndpointId, issuedAtMs: number) => boolean
}): Members {
  const { mesh, endpoints, evictions, hasCertificate } = parts

  // An eviction is compared with the membership too: renewing through a link that is about to be cut must not give
  // a certificate that is younger than the eviction.
  const evictionOf = (record: EndpointRecord, givenAtMs: number) =>
    evictions.against(
      { user: record.user, endpoint: record.id, key: record.key },
      Math.min(givenAtMs, record.enrolledAtMs),
    )

  function admit(identity: EndpointIdentity, issuedAtMs: number): EndpointRecord {
    if (identity.mesh !== mesh) {
      throw new MeshError(
        'not-trusted',
        `Cannot admit endpoint: it is of mesh ${identity.mesh}: join this one`,
      )
    }
    const record = endpoints.get(identity.endpoint)
    if (record === undefined || record.user !== identity.user) {
      throw new MeshError(
        'not-trusted',
        `Cannot admit endpoint ${identity.endpoint}: it was removed from the mesh: join again with a new permit`,
      )
    }
    if (isIdentityUser(record.user) && hasCertificate?.(record.id, issuedAtMs) === false) {
      throw new MeshError(
        'not-trusted',
        `Cannot admit ${quote(record.name)}: its certificate was taken back: ask for another`,
      )
    }
    const eviction = evictionOf(record, issuedAtMs)
    if (eviction === undefined) return record
    throw evictedError(
      eviction.endpoint === undefined ? `user ${record.user}` : `endpoint ${quote(record.name)}`,
    )
  }

  return {
    admit,
    require(caller) {
      const { identity } = caller
      if (identity?.kind !== 'endpoint') {
        throw new MeshError('not-trusted', 'Cannot do this: only endpoints of this mesh may: join first')
      }
      return admit(identity, caller.issuedAtMs ?? Number.POSITIVE_INFINITY)
    },
    isEvicted: record => evictionOf(record, Number.POSITIVE_INFINITY) !== undefined,
  }
}

/** The error that an evicted user or endpoint meets. @param whom  `user bob` */
export function evictedError(whom: string): MeshError {
  return new MeshError(
    'evicted',
    `Cannot enter the mesh: ${whom} was evicted: ask an administrator to undo it, or for a new invitation`,
  )
}

/** The user who administers the mesh. */
export const ROOT_USER = 'root' as UserName
