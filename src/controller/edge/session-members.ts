import { type EndpointId, parseEndpointId } from '../../core/model/ids.ts'
import { type Name, parseName, type UserName } from '../../core/model/names.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Endpoints } from '../endpoints.ts'
import type { EndpointRecord } from '../records.ts'
import type { ApiSessions } from './api-sessions.ts'
import type { ApiSessionRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'

/** API sessions as endpoints of the mesh: what a program is there that logged in and asked for a certificate. */
export interface SessionMembers {
  /** What a session is as a member, whether or not it has a certificate. */
  memberOf(session: ApiSessionRecord): EndpointRecord
  /** The member with this id, if its session is good and has a certificate. */
  get(id: string): EndpointRecord | undefined
  ofIdentity(identityId: string): EndpointRecord[]
  /** Whether a certificate that was made then is one that the session still has. */
  hasCertificate(id: string, issuedAtMs: number): boolean
}

/** Make the view of API sessions as endpoints. */
export function createSessionMembers(
  tables: Pick<EdgeTables, 'apiSessions' | 'identities'>,
  sessions: Pick<ApiSessions, 'get'>,
  clock: { now(): number },
): SessionMembers {
  // A record is never changed, only replaced.
  const made = new WeakMap<ApiSessionRecord, { attributes: readonly string[]; record: EndpointRecord }>()

  function memberOf(session: ApiSessionRecord): EndpointRecord {
    const attributes = tables.identities.get(session.identityId)?.roleAttributes ?? []
    const known = made.get(session)
    if (known?.attributes === attributes) return known.record
    const newest = session.certificates.at(-1)
    const record: EndpointRecord = {
      version: 1,
      id: parseEndpointId(session.id),
      name: session.endpointName as Name,
      user: session.identityId as UserName,
      key: newest?.key ?? 'none',
      labels: attributes.flatMap(toLabel),
      software: '',
      createdAtMs: session.createdAtMs,
      enrolledAtMs: session.createdAtMs,
      certificate: {
        serial: newest?.serial ?? '',
        issuedAtMs: newest?.createdAtMs ?? 0,
        expiresAtMs: newest?.expiresAtMs ?? 0,
      },
    }
    made.set(session, { attributes, record })
    return record
  }

  function get(id: string): EndpointRecord | undefined {
    const session = sessions.get(id, clock.now())
    return session === undefined || session.certificates.length === 0 ? undefined : memberOf(session)
  }

  return {
    memberOf,
    get,
    ofIdentity: identityId =>
      tables.apiSessions.by('identityId', identityId).flatMap(session => get(session.id) ?? []),
    hasCertificate(id, issuedAtMs) {
      const certificates = tables.apiSessions.get(id)?.certificates ?? []
      return certificates.some(({ createdAtMs }) => createdAtMs === issuedAtMs)
    },
  }
}

/**
 * The endpoints of the mesh, API sessions with a certificate among them. Sessions are found by id and by user alone, so
 * that they are in no list of endpoints and take no names; what is written of one goes nowhere, as its record follows
 * from the session's.
 */
export function withSessions(
  endpoints: Endpoints,
  members: Pick<SessionMembers, 'get' | 'ofIdentity'>,
  hears: { put(record: EndpointRecord): void; removed(id: EndpointId): void },
): Endpoints {
  return {
    get size() {
      return endpoints.size
    },
    values: () => endpoints.values(),
    get: id => endpoints.get(id) ?? members.get(id),
    named: endpoints.named,
    withKey: endpoints.withKey,
    ofUser: user => (isIdentityUser(user) ? members.ofIdentity(user) : endpoints.ofUser(user)),
    async put(record) {
      if (isIdentityUser(record.user)) return
      await endpoints.put(record)
      hears.put(record)
    },
    async delete(id) {
      await endpoints.delete(id)
      hears.removed(id)
    },
  }
}

function toLabel(attribute: string): Name[] {
  try {
    return [parseName(attribute)]
  } catch {
    return []
  }
}
