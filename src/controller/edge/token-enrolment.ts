import { EdgeError } from '../../core/edge/edge-error.ts'
import { quote } from '../../core/model/quote.ts'
import type { Context } from '../context.ts'
import { randomUuid } from '../uuid.ts'
import type { Authenticators } from './authenticators.ts'
import {
  DEFAULT_AUTH_POLICY,
  type IdentityRecord,
  identityRecordShape,
  type SignerRecord,
} from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { claimOf, type TokenChecker } from './ext-jwt.ts'
import type { IdentityCertificate } from './identity-certificate.ts'
import { invalidAuth } from './login-proof.ts'
import type { EnrolmentAttempt } from './logins.ts'
import { bearersOf } from './token-login.ts'
import type { WorkLimiter } from './work-limiter.ts'

/** What enrolment by a token of an external signer works with. */
export interface TokenEnrolmentParts {
  readonly tables: Pick<EdgeTables, 'identities' | 'signers'>
  readonly checker: TokenChecker
  /** Bounds the checking of tokens. */
  readonly checking: WorkLimiter
}

/**
 * Make an identity for whoever shows a token of a signer that lets its own people in: its name and role attributes come
 * from the claims that the signer names. With a signing request it gets a certificate, without one it logs in by tokens.
 *
 * @param certify  makes the certificate of an identity's id
 * @returns the certificate, where one was asked for
 * @throws EdgeError INVALID_AUTH, INVALID_ENROLLMENT_NOT_ALLOWED, ENROLLMENT_IDENTITY_ALREADY_ENROLLED,
 *   COULD_NOT_VALIDATE for claims that make no identity, and as `certify`
 */
export async function enrolByToken(
  context: Context,
  parts: TokenEnrolmentParts & {
    readonly authenticators: Pick<Authenticators, 'addCertificate'>
    readonly certify: (identityId: string) => Promise<IdentityCertificate>
  },
  attempt: EnrolmentAttempt,
  now: number,
): Promise<IdentityCertificate | undefined> {
  const { tables, authenticators } = parts
  const isForCertificate = attempt.body.clientCsr != null
  const { signer, subject, claims } = await prove(context, parts, attempt, now)
  if (!(isForCertificate ? signer.enrollToCertEnabled : signer.enrollToTokenEnabled)) {
    throw new EdgeError('INVALID_ENROLLMENT_NOT_ALLOWED', 'This signer lets nobody enrol this way')
  }
  const identity = identityFrom(context, signer, { subject, claims, now })
  const made = isForCertificate ? await parts.certify(identity.id) : undefined
  return context.exclusive(async () => {
    const isKnown = tables.identities.by('externalId', subject).length > 0
    if (isKnown || tables.identities.named(identity.name) !== undefined) {
      throw new EdgeError('ENROLLMENT_IDENTITY_ALREADY_ENROLLED', 'There is an identity of this name already')
    }
    if (tables.identities.size >= MAX_IDENTITIES) {
      throw new EdgeError('SERVER_TOO_MANY_REQUESTS', `There are ${MAX_IDENTITIES} identities already`)
    }
    await tables.identities.put(identity)
    if (made !== undefined) await authenticators.addCertificate(identity, made, now)
    context.log.info('identity.enrolled', { identity: identity.id, name: identity.name, signer: signer.name })
    return made
  })
}

/** The signer whose token it is, and what it says. */
async function prove(
  { log }: Context,
  { tables, checker, checking }: TokenEnrolmentParts,
  { authorizations, caller }: EnrolmentAttempt,
  now: number,
) {
  const [token = ''] = bearersOf(authorizations)
  const verdict = await checking.run(() => checker.check(token, tables.signers.values(), now))
  const signer = verdict.signer && tables.signers.get(verdict.signer.id)
  // An identity is found again by its externalId alone: a signer that names ids of ours knows them already.
  if (verdict.isGood && signer?.useExternalId) return { ...verdict, signer }
  const reason = verdict.isGood ? 'signer' : verdict.problem
  const detail = verdict.isGood ? 'its signer names identities by id' : verdict.detail
  log.warn('login.refused', { method: 'enroll-token', reason, detail, address: caller.address })
  throw invalidAuth()
}

function identityFrom(
  { random }: Context,
  signer: SignerRecord,
  { subject, claims, now }: { subject: string; claims: Readonly<Record<string, unknown>>; now: number },
): IdentityRecord {
  const { enrollNameClaimsSelector: nameClaim, enrollAttributeClaimsSelector: attributesClaim } = signer
  const attributes = attributesClaim === undefined ? [] : (claimOf(claims, attributesClaim) ?? [])
  const parsed = identityRecordShape.safeParse({
    version: 1,
    id: randomUuid(random),
    createdAtMs: now,
    updatedAtMs: now,
    name: nameClaim === undefined ? subject : claimOf(claims, nameClaim),
    typeId: 'Default',
    isAdmin: false,
    roleAttributes: Array.isArray(attributes) ? attributes : [attributes],
    externalId: subject,
    authPolicyId: signer.enrollAuthPolicyId ?? DEFAULT_AUTH_POLICY,
    defaultHostingCost: 0,
    defaultHostingPrecedence: 'default',
    serviceHostingCosts: {},
    serviceHostingPrecedences: {},
    serviceConfigs: [],
  })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new EdgeError('COULD_NOT_VALIDATE', `the token's claims make no identity: ${quote(issue?.message)}`, {
    field: String(issue?.path[0] ?? ''),
  })
}

/** As many as administrators may make: see `entity-kind.ts`. */
const MAX_IDENTITIES = 20_000
