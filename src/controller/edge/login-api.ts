import { z } from 'zod'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import {
  createEnvelope,
  emptyEnvelope,
  entityBase,
  entityRef,
  listEnvelope,
  oneEnvelope,
} from '../../core/edge/envelope.ts'
import type { Context } from '../context.ts'
import type { ApiSessions } from './api-sessions.ts'
import { SESSION_HEADER, unauthorized } from './askers.ts'
import { type Asker, type EdgeCall, type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import type { ApiSessionRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { Logins } from './logins.ts'
import type { SessionCertificates } from './session-certificates.ts'

const texts = z.record(z.string().max(64), z.unknown())
const session = { needs: 'session' } as const

const LOGIN_API = {
  authenticate: defineEdgeRoute({
    method: 'POST',
    path: '/authenticate',
    summary: 'Log in: method is password, cert, ext-jwt or api-key',
    needs: 'nothing',
    answer: 'one',
    query: ['method'],
    body: z.looseObject({
      configTypes: z.array(z.string().max(128)).max(64).nullish(),
      envInfo: texts.nullish(),
      sdkInfo: texts.nullish(),
      username: z.string().max(128).nullish(),
      password: z.string().max(1_024).nullish(),
    }),
    isBodyOptional: true,
    errors: ['INVALID_AUTH', 'INVALID_AUTH_METHOD', 'RATE_LIMITED', 'SERVER_TOO_MANY_REQUESTS'],
  }),
  show: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: '/current-api-session',
    summary: 'Show the login, and keep it alive',
    answer: 'one',
  }),
  end: defineEdgeRoute({
    ...session,
    method: 'DELETE',
    path: '/current-api-session',
    summary: 'Log out: its sessions, certificates and streams end',
    answer: 'empty',
  }),
  listCertificates: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: '/current-api-session/certificates',
    summary: 'List the certificates of this login',
    answer: 'list',
  }),
  createCertificate: defineEdgeRoute({
    ...session,
    method: 'POST',
    path: '/current-api-session/certificates',
    summary: 'Have a certificate made for the mesh, for the key of a signing request',
    answer: 'create',
    body: z.strictObject({ csr: z.string().max(16_384) }),
    errors: ['MISSING_OR_INVALID_CSR', 'COULD_NOT_PROCESS_CSR'],
  }),
  showCertificate: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: '/current-api-session/certificates/{id}',
    summary: 'Show one of them',
    answer: 'one',
  }),
  deleteCertificate: defineEdgeRoute({
    ...session,
    method: 'DELETE',
    path: '/current-api-session/certificates/{id}',
    summary: 'End one of them',
    answer: 'empty',
  }),
  serviceUpdates: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: '/current-api-session/service-updates',
    summary: 'When the services of the caller last changed',
    answer: 'one',
    data: z.object({ lastChangeAt: z.string() }),
  }),
} as const

/** What logins are served with. */
export interface LoginApiParts {
  readonly tables: EdgeTables
  readonly logins: Logins
  readonly sessions: ApiSessions
  readonly certificates: SessionCertificates
  /** A certificate of it ended; `isLast` where it has none left. */
  readonly onCertificateEnd: (session: ApiSessionRecord, isLast: boolean) => Promise<void>
  readonly lastChangeAtMs: (asker: Asker, now: number) => number
  readonly rootPem: string
}

/** Routes of logging in and out. */
export function serveLoginApi(
  { exclusive, log }: Pick<Context, 'exclusive' | 'log'>,
  parts: LoginApiParts,
): ServedRoute[] {
  const { tables, logins, sessions, certificates } = parts

  /** Keep what a client says of itself, where that is news. */
  async function noteInfo(identityId: string, body: Record<string, unknown>, now: number): Promise<void> {
    const info = { envInfo: textsOf(body.envInfo), sdkInfo: textsOf(body.sdkInfo) }
    if (info.envInfo === undefined && info.sdkInfo === undefined) return
    await exclusive(async () => {
      const identity = tables.identities.get(identityId)
      if (identity === undefined) return
      const next = {
        ...identity,
        ...(info.envInfo && { envInfo: info.envInfo }),
        ...(info.sdkInfo && { sdkInfo: info.sdkInfo }),
      }
      if (JSON.stringify(next) === JSON.stringify(identity)) return
      await tables.identities.put({ ...next, updatedAtMs: now })
    }).catch(() => log.warn('identity.info-not-saved', { identity: identityId }))
  }

  const handlers: EdgeHandlers<typeof LOGIN_API> = {
    async authenticate({ query, headers, body, caller, now }) {
      const method = query.method ?? ''
      const authorizations = (headers.get('authorization') ?? '')
        .split(/,\s*(?=[Bb]earer )/)
        .filter(one => one !== '')
      const login = await logins.login({ method, authorizations, body, caller }, now)
      const configTypes = body.configTypes ?? []
      const opened = await sessions.open({ login, method, configTypes, address: caller.address }, now)
      await noteInfo(login.identity.id, body, now)
      const data = showSession(parts, opened.session, opened.token, now)
      const expiresAtMs = sessions.expiresAtMs(opened.session, now)
      return {
        body: oneEnvelope(data),
        isLogin: true,
        headers: {
          [SESSION_HEADER]: opened.token,
          'expires-at': new Date(expiresAtMs).toISOString(),
          'expiration-seconds': String(Math.floor((expiresAtMs - now) / 1_000)),
        },
      }
    },
    show(call) {
      const { session: own, token } = requireSession(call)
      return { body: oneEnvelope(showSession(parts, own, token ?? '', call.now)) }
    },
    end: call =>
      exclusive(async () => {
        await sessions.end(requireSession(call).session, 'logged out')
        return { body: emptyEnvelope() }
      }),
    listCertificates(call) {
      const { session: own } = requireSession(call)
      const shown = own.certificates.map(one => showCertificate(one))
      const pagination = { limit: 500, offset: 0, totalCount: shown.length }
      return { body: listEnvelope(shown, pagination, ['id']) }
    },
    async createCertificate(call) {
      const made = await certificates.create(requireSession(call).session, call.body.csr, call.now)
      const more = { certificate: made.chainPem, cas: parts.rootPem }
      return { body: createEnvelope('current-api-session/certificates', made.id, more), status: 201 }
    },
    showCertificate(call) {
      const found = requireSession(call).session.certificates.find(({ id }) => id === call.params.id)
      if (found === undefined) throw new EdgeError('NOT_FOUND', 'This session has no such certificate')
      return { body: oneEnvelope({ ...showCertificate(found), certificate: found.certPem }) }
    },
    deleteCertificate: call =>
      exclusive(async () => {
        const { session: own } = requireSession(call)
        const hasMore = await certificates.delete(own, call.params.id ?? '')
        await parts.onCertificateEnd(own, !hasMore)
        return { body: emptyEnvelope() }
      }),
    serviceUpdates({ asker, now }) {
      if (asker === undefined) throw unauthorized('')
      const lastChangeAt = new Date(parts.lastChangeAtMs(asker, now)).toISOString()
      return { body: oneEnvelope({ lastChangeAt }) }
    },
  }
  return serveEdge(LOGIN_API, handlers)
}

/** The API session of a call. @throws EdgeError for an endpoint of the mesh, whose certificate is all it has */
export function requireSession({ asker }: Pick<EdgeCall, 'asker'>): Extract<Asker, { kind: 'session' }> {
  if (asker?.kind === 'session') return asker
  throw new EdgeError('NOT_FOUND', 'An endpoint of the mesh has no API session: its certificate logs it in')
}

/** A login as the client API shows it. @param token  as it was shown; nothing else knows it */
export function showSession(
  { tables, sessions }: Pick<LoginApiParts, 'tables' | 'sessions'>,
  record: ApiSessionRecord,
  token: string,
  now: number,
): object {
  const identity = tables.identities.get(record.identityId)
  const expiresAtMs = sessions.expiresAtMs(record, now)
  const lastActivityAt = new Date(sessions.lastActivityAtMs(record, now)).toISOString()
  return {
    ...entityBase('current-api-session', record),
    token,
    identity: entityRef('identities', record.identityId, identity?.name ?? ''),
    identityId: record.identityId,
    authenticatorId: record.authenticatorId ?? record.signerId ?? '',
    configTypes: record.configTypes,
    authQueries: [],
    ipAddress: record.ipAddress,
    isMfaRequired: false,
    isMfaComplete: true,
    isCertExtendable: record.method === 'cert',
    isCertExtendRequested: false,
    isCertKeyRollRequested: false,
    improperClientCertChain: false,
    lastActivityAt,
    cachedLastActivityAt: lastActivityAt,
    cachedUpdatedAt: lastActivityAt,
    expiresAt: new Date(expiresAtMs).toISOString(),
    expirationSeconds: Math.max(0, Math.floor((expiresAtMs - now) / 1_000)),
  }
}

function showCertificate(certificate: ApiSessionRecord['certificates'][number]): object {
  const { id, createdAtMs, expiresAtMs, fingerprint } = certificate
  return {
    ...entityBase('current-api-session/certificates', { id, createdAtMs, updatedAtMs: createdAtMs }),
    fingerprint,
    subject: '',
    validFrom: new Date(createdAtMs).toISOString(),
    validTo: new Date(expiresAtMs).toISOString(),
  }
}

/** Only what is text, cut to a length that nobody minds. */
function textsOf(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const entries = Object.entries(value).filter(([, text]) => typeof text === 'string' && text !== '')
  if (entries.length === 0) return undefined
  return Object.fromEntries(entries.slice(0, 16).map(([name, text]) => [name, String(text).slice(0, 256)]))
}
