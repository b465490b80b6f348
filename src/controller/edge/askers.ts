import type { Caller } from '../../core/api/caller.ts'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Members } from '../members.ts'
import type { EndpointRecord } from '../records.ts'
import type { Standing } from '../standing.ts'
import type { ApiSessions } from './api-sessions.ts'
import type { Asker } from './edge-call.ts'
import type { ApiSessionRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { identityOfEndpoint } from './principals.ts'

/** Tells who asks. */
export interface Askers {
  /** @returns who it is, or what to say to somebody who had to be someone: a value of `www-authenticate` */
  find(headers: Headers, caller: Caller, now: number): { found: Asker | undefined; challenge: string }
  /** Headers that every answer to a session has. */
  headersOf(asker: Asker | undefined, now: number): Record<string, string>
}

/** Make the one place that knows who asks the Edge APIs. */
export function createAskers(parts: {
  tables: Pick<EdgeTables, 'identities'>
  sessions: Pick<ApiSessions, 'find' | 'get' | 'touch' | 'expiresAtMs'>
  members: Pick<Members, 'admit'>
  standing: Standing
  /** What a session is as a member of the mesh. */
  memberOf: (session: ApiSessionRecord) => EndpointRecord
  /** An endpoint of the mesh that may do something. */
  endpointOf: (id: string) => EndpointRecord | undefined
}): Askers {
  const { tables, sessions, members, standing, memberOf, endpointOf } = parts

  function ofSession(session: ApiSessionRecord | undefined, token: string | undefined): Asker | undefined {
    if (session === undefined) return undefined
    const identity = tables.identities.get(session.identityId)
    const endpoint = identity === undefined ? endpointOf(session.identityId) : undefined
    if (endpoint !== undefined) {
      const isAdmin = standing.isAdmin(endpoint.user)
      return {
        kind: 'session',
        identity: identityOfEndpoint(endpoint, standing),
        session,
        token,
        isAdmin,
        member: endpoint,
      }
    }
    if (identity === undefined) return undefined
    return { kind: 'session', identity, session, token, isAdmin: identity.isAdmin, member: memberOf(session) }
  }

  function byCertificate({ identity, issuedAtMs }: Caller, now: number): Asker | undefined {
    if (identity?.kind !== 'endpoint') return undefined
    let member: EndpointRecord
    try {
      member = members.admit(identity, issuedAtMs ?? Number.POSITIVE_INFINITY)
    } catch {
      return undefined
    }
    if (!isIdentityUser(member.user)) {
      return { kind: 'endpoint', member, isAdmin: standing.isAdmin(member.user) }
    }
    const session = sessions.get(member.id, now)
    if (session !== undefined) sessions.touch(session, now)
    return ofSession(session, undefined)
  }

  return {
    find(headers, caller, now) {
      const token = headers.get(SESSION_HEADER)
      if (token !== null && token !== '') {
        const session = token.length > MAX_TOKEN_LENGTH ? undefined : sessions.find(token, now)
        return { found: ofSession(session, token), challenge: INVALID_SESSION }
      }
      const found = byCertificate(caller, now)
      const hasBearer = /^bearer /i.test(headers.get('authorization') ?? '')
      return { found, challenge: hasBearer ? INVALID_BEARER : MISSING }
    },
    headersOf(asker, now) {
      if (asker?.kind !== 'session') return {}
      const expiresAtMs = sessions.expiresAtMs(asker.session, now)
      return {
        'expires-at': new Date(expiresAtMs).toISOString(),
        'expiration-seconds': String(Math.max(0, Math.floor((expiresAtMs - now) / 1_000))),
      }
    },
  }
}

/** The answer to somebody who may not. @param challenge  value of `www-authenticate` */
export function unauthorized(challenge: string): EdgeError {
  return new EdgeError(
    'UNAUTHORIZED',
    'The request could not be completed. The session is not authorized or the credentials are invalid',
    { headers: { 'www-authenticate': challenge } },
  )
}

/** The header in which a session's token comes, and goes after a login. */
export const SESSION_HEADER = 'zt-session'

const MAX_TOKEN_LENGTH = 256
const DESCRIBED = (error: string, text: string) => `error="${error}" error_description="${text}"`
const INVALID_SESSION = `zt-session realm="zt-session" ${DESCRIBED('invalid', 'the token is not that of a session')}`
const INVALID_BEARER = `Bearer realm="openziti-oidc" ${DESCRIBED('invalid', 'bearer tokens are for logins alone')}`
const MISSING = ['zt-session realm="zt-session"', 'Bearer realm="openziti-oidc"']
  .map(scheme => `${scheme} ${DESCRIBED('missing', 'no token was shown')}`)
  .join(', ')
