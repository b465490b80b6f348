import { z } from 'zod'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import {
  createEnvelope,
  emptyEnvelope,
  entityBase,
  entityRef,
  oneEnvelope,
} from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import type { Context } from '../context.ts'
import type { ApiSessions } from './api-sessions.ts'
import { type EdgeCall, type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import {
  type ApiSessionRecord,
  type AuthenticatorRecord,
  type EnrollmentRecord,
  edgeIdShape,
  type IdentityRecord,
} from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { BASE_SYMBOLS, find, missing, pageOf } from './entity-kind.ts'
import { AUTHENTICATOR_SYMBOLS, showAuthenticator } from './identity-api.ts'
import type { Enrolments } from './logins.ts'

const admin = { needs: 'admin' } as const
const get = { ...admin, method: 'GET' } as const
const remove = { ...admin, method: 'DELETE', answer: 'empty' } as const
const username = z.string().min(1).max(128)

const API = {
  listEnrollments: defineEdgeRoute({
    ...get,
    path: '/enrollments',
    summary: 'List enrollments',
    answer: 'list',
  }),
  enrollmentsOf: defineEdgeRoute({
    ...get,
    path: '/identities/{id}/enrollments',
    summary: 'List the enrollments of an identity',
    answer: 'list',
  }),
  showEnrollment: defineEdgeRoute({ ...get, path: '/enrollments/{id}', summary: 'Show one', answer: 'one' }),
  createEnrollment: defineEdgeRoute({
    ...admin,
    method: 'POST',
    path: '/enrollments',
    summary: 'Make a way in for an identity that has none',
    answer: 'create',
    body: z.strictObject({
      identityId: edgeIdShape,
      method: z.enum(['ott', 'updb']),
      expiresAt: z.iso.datetime({ offset: true }).nullish(),
      username: username.nullish(),
      caId: z.null().optional(),
    }),
    errors: ['ENROLLMENT_EXISTS', 'ENROLLMENT_IDENTITY_ALREADY_ENROLLED'],
  }),
  refreshEnrollment: defineEdgeRoute({
    ...admin,
    method: 'POST',
    path: '/enrollments/{id}/refresh',
    summary: 'Make another token for it',
    answer: 'create',
    body: z.strictObject({ expiresAt: z.iso.datetime({ offset: true }).nullish() }),
    isBodyOptional: true,
  }),
  deleteEnrollment: defineEdgeRoute({ ...remove, path: '/enrollments/{id}', summary: 'Take it back' }),
  listAuthenticators: defineEdgeRoute({
    ...get,
    path: '/authenticators',
    summary: 'List authenticators',
    answer: 'list',
  }),
  authenticatorsOf: defineEdgeRoute({
    ...get,
    path: '/identities/{id}/authenticators',
    summary: 'List the authenticators of an identity',
    answer: 'list',
  }),
  showAuthenticator: defineEdgeRoute({
    ...get,
    path: '/authenticators/{id}',
    summary: 'Show one',
    answer: 'one',
  }),
  createAuthenticator: defineEdgeRoute({
    ...admin,
    method: 'POST',
    path: '/authenticators',
    summary: 'Give an identity a password, or an API key, which is in the answer and nowhere else',
    answer: 'create',
    body: z.strictObject({
      identityId: edgeIdShape,
      method: z.enum(['updb', 'api-key']),
      username: username.nullish(),
      password: z.string().max(1_024).nullish(),
      expiresAt: z.iso.datetime({ offset: true }).nullish(),
    }),
    errors: ['MAX_AUTHENTICATOR_METHODS_REACHED'],
  }),
  setPassword: defineEdgeRoute({
    ...admin,
    method: 'PUT',
    path: '/authenticators/{id}',
    summary: 'Set a password',
    answer: 'empty',
    body: z.strictObject({ username: username.nullish(), password: z.string().max(1_024) }),
  }),
  deleteAuthenticator: defineEdgeRoute({
    ...remove,
    path: '/authenticators/{id}',
    summary: 'Take a way in; logins by it end',
  }),
  listApiSessions: defineEdgeRoute({ ...get, path: '/api-sessions', summary: 'List logins', answer: 'list' }),
  showApiSession: defineEdgeRoute({ ...get, path: '/api-sessions/{id}', summary: 'Show one', answer: 'one' }),
  deleteApiSession: defineEdgeRoute({ ...remove, path: '/api-sessions/{id}', summary: 'End a login' }),
} as const

/** What these routes are served with. */
export interface ManagementAccessParts {
  readonly tables: EdgeTables
  readonly identities: { readonly get: (id: string) => IdentityRecord | undefined }
  readonly enrolments: Enrolments
  readonly apiSessions: ApiSessions
}

/** Routes of how identities get in: enrollments, authenticators, logins. */
export function serveManagementAccess(
  { exclusive, log }: Pick<Context, 'exclusive' | 'log'>,
  parts: ManagementAccessParts,
): ServedRoute[] {
  const { tables, enrolments, apiSessions } = parts

  function requireIdentity(id: string): IdentityRecord {
    const identity = tables.identities.get(id)
    if (identity === undefined) throw fieldError('identityId', 'there is no such identity', id)
    return identity
  }

  function pageOfEnrollments(call: EdgeCall, records: readonly EnrollmentRecord[]) {
    const open = records.filter(({ usedAtMs }) => usedAtMs === undefined)
    const show = (record: EnrollmentRecord) => showEnrollment(tables, record)
    return pageOf({ symbols: ENROLLMENT_SYMBOLS, show }, open, call.query, call.now)
  }

  function pageOfAuthenticators(call: EdgeCall, records: readonly AuthenticatorRecord[]) {
    const show = (record: AuthenticatorRecord) => showAuthenticator(tables, record)
    return pageOf({ symbols: AUTHENTICATOR_SYMBOLS, show }, records, call.query, call.now)
  }

  async function replaceEnrollment(
    record: EnrollmentRecord,
    expiresAt: string | null | undefined,
    now: number,
  ) {
    const { identityId, method, username: name } = record
    const order = {
      identity: requireIdentity(identityId),
      method,
      username: name,
      expiresAtMs: timeOf(expiresAt),
    }
    const fresh = await enrolments.prepare(order, now)
    await tables.enrollments.put({ ...fresh, id: record.id, createdAtMs: record.createdAtMs })
  }

  const required = {
    enrollment: (call: EdgeCall) =>
      find({ type: 'enrollments', entities: tables.enrollments }, call.params.id),
    authenticator: (call: EdgeCall) =>
      find({ type: 'authenticators', entities: tables.authenticators }, call.params.id),
    apiSession: (call: EdgeCall) =>
      find({ type: 'api-sessions', entities: tables.apiSessions }, call.params.id),
  }

  const handlers: EdgeHandlers<typeof API> = {
    listEnrollments: call => pageOfEnrollments(call, tables.enrollments.list()),
    enrollmentsOf(call) {
      if (parts.identities.get(call.params.id ?? '') === undefined)
        throw missing('identities', call.params.id)
      return pageOfEnrollments(call, tables.enrollments.by('identityId', call.params.id ?? ''))
    },
    showEnrollment: call => ({ body: oneEnvelope(showEnrollment(tables, required.enrollment(call))) }),
    createEnrollment: call =>
      exclusive(async () => {
        const { identityId, method, username: name, expiresAt } = call.body
        const identity = requireIdentity(identityId)
        refuseSecondEnrollment(tables, identityId, method)
        const order = { identity, method, username: name ?? undefined, expiresAtMs: timeOf(expiresAt) }
        const record = await enrolments.prepare(order, call.now)
        await tables.enrollments.put(record)
        log.info('enrollment.created', { identity: identityId, method })
        return { body: createEnvelope('enrollments', record.id), status: 201 }
      }),
    refreshEnrollment: call =>
      exclusive(async () => {
        const record = required.enrollment(call)
        await replaceEnrollment(record, call.body.expiresAt, call.now)
        return { body: createEnvelope('enrollments', record.id), status: 201 }
      }),
    deleteEnrollment: call =>
      exclusive(async () => {
        await tables.enrollments.delete(required.enrollment(call).id)
        return { body: emptyEnvelope() }
      }),
    listAuthenticators: call => pageOfAuthenticators(call, tables.authenticators.list()),
    authenticatorsOf(call) {
      if (parts.identities.get(call.params.id ?? '') === undefined)
        throw missing('identities', call.params.id)
      return pageOfAuthenticators(call, tables.authenticators.by('identityId', call.params.id ?? ''))
    },
    showAuthenticator: call => ({
      body: oneEnvelope(showAuthenticator(tables, required.authenticator(call))),
    }),
    async createAuthenticator(call) {
      const { identityId, method, username: name, password, expiresAt } = call.body
      const identity = requireIdentity(identityId)
      const order = {
        identity,
        method,
        username: name ?? undefined,
        password: password ?? undefined,
        expiresAtMs: timeOf(expiresAt),
      }
      const { authenticator, apiKey } = await enrolments.create(order, call.now)
      log.info('authenticator.created', { identity: identityId, method })
      const more = apiKey === undefined ? {} : { apiKey }
      return { body: createEnvelope('authenticators', authenticator.id, more), status: 201 }
    },
    async setPassword(call) {
      const { username: name, password } = call.body
      const change = { password, ...(name != null && { username: name }) }
      await enrolments.setPassword(required.authenticator(call), change, call.now)
      return { body: emptyEnvelope() }
    },
    deleteAuthenticator: call =>
      exclusive(async () => {
        const { id, identityId } = required.authenticator(call)
        await tables.authenticators.delete(id)
        for (const session of tables.apiSessions.by('identityId', identityId)) {
          if (session.authenticatorId === id) await apiSessions.end(session, 'authenticator deleted')
        }
        return { body: emptyEnvelope() }
      }),
    listApiSessions(call) {
      const show = (record: ApiSessionRecord) => showApiSession(parts, record, call.now)
      return pageOf({ symbols: API_SESSION_SYMBOLS, show }, tables.apiSessions.list(), call.query, call.now)
    },
    showApiSession: call => ({
      body: oneEnvelope(showApiSession(parts, required.apiSession(call), call.now)),
    }),
    deleteApiSession: call =>
      exclusive(async () => {
        await apiSessions.end(required.apiSession(call), 'ended by an administrator')
        return { body: emptyEnvelope() }
      }),
  }
  return serveEdge(API, handlers)
}

function refuseSecondEnrollment(tables: EdgeTables, identityId: string, method: 'ott' | 'updb'): void {
  const isOpen = tables.enrollments
    .by('identityId', identityId)
    .some(one => one.method === method && one.usedAtMs === undefined)
  if (isOpen)
    throw new EdgeError('ENROLLMENT_EXISTS', 'The identity has an enrollment of this method already')
  const wanted = method === 'ott' ? 'cert' : 'updb'
  if (tables.authenticators.by('identityId', identityId).some(one => one.method === wanted)) {
    throw new EdgeError(
      'ENROLLMENT_IDENTITY_ALREADY_ENROLLED',
      'The identity is enrolled by this method already',
    )
  }
}

function showEnrollment(tables: EdgeTables, record: EnrollmentRecord): object {
  const { identityId, method, token, jwt, username: name, expiresAtMs } = record
  return {
    ...entityBase('enrollments', record),
    identityId,
    identity: entityRef('identities', identityId, tables.identities.get(identityId)?.name ?? ''),
    method,
    token,
    ...(jwt !== undefined && { jwt }),
    ...(name !== undefined && { username: name }),
    expiresAt: new Date(expiresAtMs).toISOString(),
  }
}

/** Never its token: that is its client's alone. */
function showApiSession(
  { tables, apiSessions }: Pick<ManagementAccessParts, 'tables' | 'apiSessions'>,
  record: ApiSessionRecord,
  now: number,
): object {
  const lastActivityAt = new Date(apiSessions.lastActivityAtMs(record, now)).toISOString()
  return {
    ...entityBase('api-sessions', record),
    identityId: record.identityId,
    identity: entityRef(
      'identities',
      record.identityId,
      tables.identities.get(record.identityId)?.name ?? '',
    ),
    authenticatorId: record.authenticatorId ?? record.signerId ?? '',
    method: record.method,
    ipAddress: record.ipAddress,
    configTypes: record.configTypes,
    authQueries: [],
    isMfaRequired: false,
    isMfaComplete: true,
    lastActivityAt,
    cachedLastActivityAt: lastActivityAt,
    expiresAt: new Date(apiSessions.expiresAtMs(record, now)).toISOString(),
    certificateCount: record.certificates.length,
  }
}

function timeOf(text: string | null | undefined): number | undefined {
  return text == null ? undefined : Date.parse(text)
}

const ENROLLMENT_SYMBOLS = {
  ...BASE_SYMBOLS,
  method: { type: 'string' },
  identityId: { type: 'string' },
  identity: { type: 'string', read: record => (record as EnrollmentRecord).identityId },
  token: { type: 'string' },
  expiresAt: { type: 'datetime', read: record => (record as EnrollmentRecord).expiresAtMs },
} satisfies FilterSymbols
const API_SESSION_SYMBOLS = {
  ...BASE_SYMBOLS,
  identityId: { type: 'string' },
  identity: { type: 'string', read: record => (record as ApiSessionRecord).identityId },
  ipAddress: { type: 'string' },
} satisfies FilterSymbols
