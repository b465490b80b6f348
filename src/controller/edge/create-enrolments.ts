import { z } from 'zod'
import { EdgeError } from '../../core/edge/edge-error.ts'
import type { Authority } from '../../pki/authority.ts'
import type { HubTokenSigner } from '../../pki/hub-token.ts'
import type { Context } from '../context.ts'
import { randomUuid } from '../uuid.ts'
import { createAuthenticators } from './authenticators.ts'
import type { EdgeTables } from './edge-tables.ts'
import { oneTimeTokenOf, randomEnrolmentToken, sealEnrolmentToken } from './enrolment-token.ts'
import { certifyIdentity } from './identity-certificate.ts'
import type { EnrolmentAttempt, Enrolments } from './logins.ts'
import type { PasswordLogin } from './password-login.ts'
import { MAX_PASSWORD_CHARACTERS } from './password-rules.ts'
import { enrolByToken, type TokenEnrolmentParts } from './token-enrolment.ts'
import type { WorkLimiter } from './work-limiter.ts'

/** What enrolments work with. */
export interface EnrolmentsParts extends TokenEnrolmentParts {
  readonly tables: Pick<
    EdgeTables,
    'identities' | 'signers' | 'authPolicies' | 'authenticators' | 'enrollments'
  >
  readonly authority: Authority
  /** The hub's key at the time, which signs the tokens. */
  readonly signer: () => HubTokenSigner
  /** Where the controller is reached, `host:port`. */
  readonly hosts: readonly string[]
  readonly passwords: Pick<PasswordLogin, 'isCurrent'>
  /** Bounds the hashing of passwords. */
  readonly hashing: WorkLimiter
}

/** Make the one place where identities get their authenticators. */
export function createEnrolments(context: Context, parts: EnrolmentsParts): Enrolments {
  const { exclusive, random, log } = context
  const { tables, authority, signer, hosts } = parts
  const authenticators = createAuthenticators(context, parts)

  /** The enrollment of a token that can still be used. @throws EdgeError */
  function find(token: string | undefined, method: string, now: number) {
    const wanted = token === undefined ? undefined : oneTimeTokenOf(token)
    const [record] = wanted === undefined ? [] : tables.enrollments.by('token', wanted)
    const identity = record && tables.identities.get(record.identityId)
    if (record === undefined || identity === undefined) {
      throw new EdgeError('INVALID_ENROLLMENT_TOKEN', 'There is no enrollment with this token')
    }
    if (record.usedAtMs !== undefined) {
      throw new EdgeError('INVALID_ENROLLMENT_ALREADY_ENROLLED', 'This enrollment was used before')
    }
    if (record.expiresAtMs <= now) {
      throw new EdgeError('ENROLLMENT_EXPIRED', 'This enrollment is past its end: ask for a new one')
    }
    if (method !== record.method) {
      throw new EdgeError('INVALID_ENROLL_METHOD', `This enrollment is of method ${record.method}`)
    }
    return { record, identity }
  }

  /** Use an enrollment up, and only then give what it is for: nobody gets it twice. */
  async function use(token: string | undefined, method: string, now: number): Promise<void> {
    const { record, identity } = find(token, method, now)
    await tables.enrollments.put({ ...record, usedAtMs: now, updatedAtMs: now })
    await forgetOld(tables, now)
    log.info('enrollment.used', { enrollment: record.id, method, identity: identity.id, name: identity.name })
  }

  async function enrollKey({ token, method, body }: EnrolmentAttempt, now: number) {
    const { identity } = find(token, method, now)
    authenticators.expectRoom(identity)
    const made = await certifyIdentity(authority, identity.id, body.clientCsr, now)
    return exclusive(async () => {
      await use(token, method, now)
      await authenticators.addCertificate(identity, made, now)
      return { cert: made.certPem, ca: authority.rootCertificatePem }
    })
  }

  async function enrollPassword({ token, method, body }: EnrolmentAttempt, now: number) {
    const { record, identity } = find(token, method, now)
    const { username = record.username, password } = readPasswordBody(body)
    if (username === undefined || (record.username !== undefined && record.username !== username)) {
      throw new EdgeError('COULD_NOT_VALIDATE', 'not the user name of this enrollment', { field: 'username' })
    }
    const made = await authenticators.preparePassword({ identity, username, password }, now)
    return exclusive(async () => {
      authenticators.expectFree(username)
      await use(token, method, now)
      await tables.authenticators.put(made)
      return {}
    })
  }

  async function enrollToken(attempt: EnrolmentAttempt, now: number) {
    const certify = (id: string) => certifyIdentity(authority, id, attempt.body.clientCsr, now)
    const made = await enrolByToken(context, { ...parts, authenticators, certify }, attempt, now)
    return made === undefined ? {} : { cert: made.certPem, ca: authority.rootCertificatePem }
  }

  return {
    async prepare(order, now) {
      const { identity, method, username } = order
      const expiresAtMs = order.expiresAtMs ?? now + ENROLLMENT_VALID_MS
      if (expiresAtMs <= now || expiresAtMs > now + MAX_ENROLLMENT_VALID_MS) {
        throw new EdgeError('COULD_NOT_VALIDATE', 'wanted a time within the next year', {
          field: 'expiresAt',
        })
      }
      if (method === 'updb' && username !== undefined) authenticators.expectFree(username)
      const token = randomEnrolmentToken(random)
      const base = {
        version: 1,
        id: randomUuid(random),
        createdAtMs: now,
        updatedAtMs: now,
        tags: {},
      } as const
      const record = { ...base, identityId: identity.id, method, token, expiresAtMs }
      if (method === 'updb') return { ...record, ...(username !== undefined && { username }) }
      const { mesh } = authority
      const jwt = await sealEnrolmentToken({ ...record, signer: signer(), mesh, hosts })
      return { ...record, jwt }
    },
    async enroll(attempt, now) {
      const { method, caller } = attempt
      try {
        if (method === 'ott') return await enrollKey(attempt, now)
        if (method === 'updb') return await enrollPassword(attempt, now)
        if (method === 'token') return await enrollToken(attempt, now)
        throw new EdgeError('INVALID_ENROLL_METHOD', 'method must be ott, updb or token')
      } catch (error) {
        if (error instanceof EdgeError) {
          const { code, message: reason } = error
          log.warn('enrollment.refused', { method, code, reason, address: caller.address })
        }
        throw error
      }
    },
    extend: authenticators.extend,
    verifyExtended: authenticators.verifyExtended,
    setPassword: authenticators.setPassword,
    create: authenticators.create,
  }
}

/** Those that are over stay a while, so that a late use is told apart from a token that never was. */
async function forgetOld({ enrollments }: EnrolmentsParts['tables'], now: number): Promise<void> {
  for (const { id, expiresAtMs, usedAtMs = expiresAtMs } of [...enrollments.values()]) {
    if (usedAtMs + ENROLLMENT_KEPT_MS < now) await enrollments.delete(id)
  }
}

/** A user name, where the enrollment does not name one, and a password. */
function readPasswordBody(body: EnrolmentAttempt['body']) {
  const parsed = passwordShape.safeParse(body)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new EdgeError('COULD_NOT_VALIDATE', issue?.message ?? 'wanted', {
    field: issue?.path.join('.') ?? '',
  })
}

const passwordShape = z.object({
  username: z.string().min(1).max(128).optional(),
  password: z.string().min(1).max(MAX_PASSWORD_CHARACTERS),
})
/** How long an enrollment is good where nothing is said. */
export const ENROLLMENT_VALID_MS = 180 * 60_000
/** How long one that was used, or is past its end, is remembered. */
const ENROLLMENT_KEPT_MS = 30 * 86_400_000
const MAX_ENROLLMENT_VALID_MS = 366 * 86_400_000
