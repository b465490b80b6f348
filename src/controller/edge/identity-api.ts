import { z } from 'zod'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { emptyEnvelope, entityBase, entityRef, oneEnvelope } from '../../core/edge/envelope.ts'
import type { Context } from '../context.ts'
import type { Standing } from '../standing.ts'
import { type EdgeCall, type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import type { AuthenticatorRecord } from './edge-records.ts'
import type { EdgeRouters } from './edge-routers.ts'
import type { EdgeSessions } from './edge-sessions.ts'
import type { EdgeTables } from './edge-tables.ts'
import { BASE_SYMBOLS, missing, NAMED_SYMBOLS, pageOf } from './entity-kind.ts'
import { type IdentityParts, showIdentity } from './identity-kind.ts'
import { requireSession } from './login-api.ts'
import type { Enrolments } from './logins.ts'
import { identityOfEndpoint } from './principals.ts'
import { requireAsker } from './services-api.ts'

const session = { needs: 'session' } as const
const own = '/current-identity/authenticators'
const passwordBody = {
  username: z.string().min(1).max(128).nullish(),
  password: z.string().max(1_024),
  currentPassword: z.string().max(1_024),
}

const IDENTITY_API = {
  show: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: '/current-identity',
    summary: 'Show who the caller is',
    answer: 'one',
  }),
  routers: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: '/current-identity/edge-routers',
    summary: 'List the hubs that the caller may use',
    answer: 'list',
  }),
  listAuthenticators: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: own,
    summary: 'List the ways in that the caller has',
    answer: 'list',
  }),
  showAuthenticator: defineEdgeRoute({
    ...session,
    method: 'GET',
    path: `${own}/{id}`,
    summary: 'Show one of them',
    answer: 'one',
    errors: ['NOT_FOUND'],
  }),
  replacePassword: defineEdgeRoute({
    ...session,
    method: 'PUT',
    path: `${own}/{id}`,
    summary: 'Change the password',
    answer: 'empty',
    body: z.strictObject(passwordBody),
    errors: ['COULD_NOT_VALIDATE'],
  }),
  patchPassword: defineEdgeRoute({
    ...session,
    method: 'PATCH',
    path: `${own}/{id}`,
    summary: 'Change the password',
    answer: 'empty',
    body: z.strictObject(passwordBody),
    errors: ['COULD_NOT_VALIDATE'],
  }),
  extend: defineEdgeRoute({
    ...session,
    method: 'POST',
    path: `${own}/{id}/extend`,
    summary: 'Have another certificate made in place of this one, good once it is verified',
    answer: 'one',
    body: z.strictObject({ clientCertCsr: z.string().max(16_384) }),
    errors: ['MISSING_OR_INVALID_CSR', 'CAN_NOT_UPDATE_AUTHENTICATOR'],
  }),
  verifyExtended: defineEdgeRoute({
    ...session,
    method: 'POST',
    path: `${own}/{id}/extend-verify`,
    summary: 'Say that the new certificate arrived: it takes the place of the old one',
    answer: 'empty',
    body: z.strictObject({ clientCert: z.string().max(16_384) }),
    errors: ['CERT_FAILED_VALIDATION'],
  }),
} as const

const ENROLL_BODY = z.looseObject({
  token: z.string().max(16_384).nullish(),
  clientCsr: z.string().max(16_384).nullish(),
  username: z.string().max(128).nullish(),
  password: z.string().max(1_024).nullish(),
})
const ENROLL_BASE = {
  method: 'POST',
  needs: 'nothing',
  answer: 'one',
  body: ENROLL_BODY,
  isBodyOptional: true,
  takesPem: true,
  query: ['method', 'token'],
  errors: [
    'INVALID_ENROLLMENT_TOKEN',
    'ENROLLMENT_EXPIRED',
    'INVALID_ENROLL_METHOD',
    'MISSING_OR_INVALID_CSR',
    'INVALID_ENROLLMENT_ALREADY_ENROLLED',
  ],
} as const
const ENROLL_API = {
  enroll: defineEdgeRoute({ ...ENROLL_BASE, path: '/enroll', summary: 'Use an enrollment' }),
  enrollBy: defineEdgeRoute({
    ...ENROLL_BASE,
    path: '/enroll/{method}',
    summary: 'Use an enrollment of one method',
  }),
} as const

/** What the routes about oneself are served with. */
export interface IdentityApiParts extends Pick<IdentityParts, 'tables' | 'isOnline'> {
  readonly sessions: Pick<EdgeSessions, 'routersFor'>
  readonly enrolments: Enrolments
  readonly standing: Standing
  readonly routers: EdgeRouters
}

/** Routes about who asks. */
export function serveIdentityApi(parts: IdentityApiParts): ServedRoute[] {
  const { tables, sessions, enrolments } = parts

  function requireOwn(call: EdgeCall): AuthenticatorRecord {
    const { identity } = requireSession(call)
    const record = tables.authenticators.get(call.params.id ?? '')
    if (record?.identityId !== identity.id) throw missing('authenticators', call.params.id)
    return record
  }

  async function changePassword(
    call: EdgeCall<{ username?: string | null | undefined; password: string; currentPassword: string }>,
  ) {
    const { username, password, currentPassword } = call.body
    const change = { password, currentPassword, ...(username != null && { username }) }
    await enrolments.setPassword(requireOwn(call), change, call.now)
    return { body: emptyEnvelope() }
  }

  const handlers: EdgeHandlers<typeof IDENTITY_API> = {
    show(call) {
      const asker = requireAsker(call)
      const record =
        asker.kind === 'session' ? asker.identity : identityOfEndpoint(asker.member, parts.standing)
      return { body: oneEnvelope(showIdentity(parts, record, call.now)) }
    },
    routers: call =>
      pageOf(
        { symbols: NAMED_SYMBOLS, show: parts.routers.show },
        sessions.routersFor(requireAsker(call), undefined),
        call.query,
        call.now,
      ),
    listAuthenticators(call) {
      const { identity } = requireSession(call)
      const show = (record: AuthenticatorRecord) => showAuthenticator(tables, record)
      const records = tables.authenticators.by('identityId', identity.id)
      return pageOf({ symbols: AUTHENTICATOR_SYMBOLS, show }, records, call.query, call.now)
    },
    showAuthenticator: call => ({ body: oneEnvelope(showAuthenticator(tables, requireOwn(call))) }),
    replacePassword: changePassword,
    patchPassword: changePassword,
    async extend(call) {
      return {
        body: oneEnvelope(await enrolments.extend(requireOwn(call), call.body.clientCertCsr, call.now)),
      }
    },
    async verifyExtended(call) {
      await enrolments.verifyExtended(requireOwn(call), call.body.clientCert, call.now)
      return { body: emptyEnvelope() }
    },
  }
  return serveEdge(IDENTITY_API, handlers)
}

/** Routes of enrolment, which anybody may ask: the token says who. */
export function serveEnrollApi(
  { enrolments }: Pick<IdentityApiParts, 'enrolments'>,
  { log }: Pick<Context, 'log'>,
): ServedRoute[] {
  async function enroll(call: EdgeCall<z.output<typeof ENROLL_BODY>>) {
    const { query, params, body, caller, now } = call
    const method = params.method ?? query.method ?? ''
    const token = query.token ?? body.token ?? undefined
    const authorizations = [call.headers.get('authorization') ?? ''].filter(one => one !== '')
    const answer = await enrolments.enroll({ method, token, authorizations, body, caller }, now)
    log.info('edge.enrolled', { method, address: caller.address })
    const wantsPem = /application\/x-pem-file/.test(call.headers.get('accept') ?? '')
    if (wantsPem && answer.cert !== undefined) {
      return { body: answer.cert, headers: { 'content-type': 'application/x-pem-file' } }
    }
    return { body: oneEnvelope(answer) }
  }
  return serveEdge(ENROLL_API, { enroll, enrollBy: enroll })
}

/** A way in as both APIs show it, without what is secret of it. */
export function showAuthenticator(
  { identities }: Pick<EdgeTables, 'identities'>,
  record: AuthenticatorRecord,
): object {
  const name = identities.get(record.identityId)?.name ?? ''
  const base = {
    ...entityBase('authenticators', record),
    method: record.method,
    identityId: record.identityId,
    identity: entityRef('identities', record.identityId, name),
  }
  switch (record.method) {
    case 'updb':
      return { ...base, username: record.username }
    case 'api-key':
      return { ...base, prefix: record.prefix, ...expiryOf(record.expiresAtMs) }
    case 'cert':
      return {
        ...base,
        fingerprint: record.fingerprint,
        certPem: record.certPem,
        isIssuedByNetwork: record.isIssuedByNetwork,
        isExtendRequested: false,
        isKeyRollRequested: false,
        extendRequestedAt: null,
        ...expiryOf(record.expiresAtMs),
      }
  }
}

/** What a filter of authenticators may name. */
export const AUTHENTICATOR_SYMBOLS = {
  ...BASE_SYMBOLS,
  method: { type: 'string' },
  identity: { type: 'string', read: (record: unknown) => (record as AuthenticatorRecord).identityId },
  identityId: { type: 'string' },
  username: { type: 'string' },
} as const

function expiryOf(expiresAtMs: number | undefined): { expiresAt?: string } {
  return expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }
}
