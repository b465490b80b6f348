import { EdgeError } from '../../core/edge/edge-error.ts'
import { quote } from '../../core/model/quote.ts'
import type { Authority } from '../../pki/authority.ts'
import type { Context } from '../context.ts'
import { randomUuid } from '../uuid.ts'
import { createApiKey } from './api-key.ts'
import { type CertificateAuthenticator, withNext } from './certificate-login.ts'
import type { AuthenticatorRecord, IdentityRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { certificateFingerprint, certifyIdentity, type IdentityCertificate } from './identity-certificate.ts'
import { authPolicyOf } from './login-proof.ts'
import type { Enrolments } from './logins.ts'
import { hashPassword } from './password-hash.ts'
import { type PasswordAuthenticator, type PasswordLogin, unlocked, withUsername } from './password-login.ts'
import { checkPassword } from './password-rules.ts'
import type { WorkLimiter } from './work-limiter.ts'

/** Makes and changes the ways in of identities. */
export interface Authenticators
  extends Pick<Enrolments, 'extend' | 'verifyExtended' | 'setPassword' | 'create'> {
  /** @throws EdgeError MAX_AUTHENTICATOR_METHODS_REACHED */
  expectRoom(identity: IdentityRecord): void
  /** @throws EdgeError COULD_NOT_VALIDATE where another has the user name */
  expectFree(username: string, except?: string): void
  /** Within a turn of `exclusive`. @throws EdgeError MAX_AUTHENTICATOR_METHODS_REACHED */
  addCertificate(identity: IdentityRecord, made: IdentityCertificate, now: number): Promise<void>
  /**
   * A password that its identity's auth policy takes, hashed, not stored yet.
   *
   * @throws EdgeError COULD_NOT_VALIDATE, MAX_AUTHENTICATOR_METHODS_REACHED, SERVER_TOO_MANY_REQUESTS
   */
  preparePassword(wish: PasswordWish, now: number): Promise<PasswordAuthenticator>
}

/** A password that is to be set. */
export interface PasswordWish {
  readonly identity: IdentityRecord
  readonly username: string
  readonly password: string
}

interface Parts {
  readonly tables: Pick<EdgeTables, 'identities' | 'authPolicies' | 'authenticators'>
  readonly authority: Authority
  readonly passwords: Pick<PasswordLogin, 'isCurrent'>
  readonly hashing: WorkLimiter
}

/** Make the one place where authenticators are made and changed. */
export function createAuthenticators(context: Context, parts: Parts): Authenticators {
  const { exclusive, log, random } = context
  const { tables, authority, hashing } = parts
  const { authenticators } = tables
  const base = (identity: IdentityRecord, now: number) => {
    const id = randomUuid(random)
    return { version: 1, id, createdAtMs: now, updatedAtMs: now, tags: {}, identityId: identity.id } as const
  }

  function expectRoom({ id }: IdentityRecord): void {
    if (authenticators.by('identityId', id).length < MAX_AUTHENTICATORS) return
    throw new EdgeError(
      'MAX_AUTHENTICATOR_METHODS_REACHED',
      `An identity has at most ${MAX_AUTHENTICATORS} authenticators`,
    )
  }

  function expectFree(username: string, except?: string): void {
    const holder = withUsername(tables, username)
    if (holder === undefined || holder.id === except) return
    throw new EdgeError('COULD_NOT_VALIDATE', 'another identity has this user name', {
      field: 'username',
      value: username,
    })
  }

  async function hash(identity: IdentityRecord, password: string, field?: string): Promise<string> {
    const rules = authPolicyOf(tables, identity)?.primary.updb
    if (rules === undefined) {
      throw new EdgeError('COULD_NOT_VALIDATE', `there is no auth policy ${quote(identity.authPolicyId)}`)
    }
    checkPassword(password, rules, field)
    return hashing.run(() => hashPassword(password))
  }

  async function preparePassword({ identity, username, password }: PasswordWish, now: number) {
    expectRoom(identity)
    expectFree(username)
    const passwordHash = await hash(identity, password)
    return { ...base(identity, now), method: 'updb', username, passwordHash, failureCount: 0 } as const
  }

  return {
    expectRoom,
    expectFree,
    preparePassword,
    async addCertificate(identity, made, now) {
      expectRoom(identity)
      await authenticators.put({ ...base(identity, now), method: 'cert', ...made, isIssuedByNetwork: true })
    },
    async extend(authenticator, csrPem, now) {
      const { id, identityId } = expectCertificate(authenticator)
      const next = await certifyIdentity(authority, identityId, csrPem, now)
      return exclusive(async () => {
        const current = expectCertificate(authenticators.get(id))
        await authenticators.put({ ...current, next, updatedAtMs: now })
        log.info('authenticator.extended', { authenticator: id, identity: identityId })
        return { clientCert: next.certPem, ca: authority.rootCertificatePem }
      })
    },
    verifyExtended: ({ id }, certPem, now) =>
      exclusive(async () => {
        const current = expectCertificate(authenticators.get(id))
        if (current.next === undefined || fingerprintOf(certPem) !== current.next.fingerprint) {
          throw new EdgeError('CERT_FAILED_VALIDATION', 'It is not the certificate that was made last')
        }
        await authenticators.put(withNext(current, now))
      }),
    async setPassword({ id, method, identityId }, { username, password, currentPassword }, now) {
      const record = authenticators.get(id)
      const identity = tables.identities.get(identityId)
      if (method !== 'updb' || record?.method !== 'updb' || identity === undefined) throw notOfThisKind()
      if (currentPassword !== undefined && !(await parts.passwords.isCurrent(record, currentPassword, now))) {
        throw new EdgeError('UNAUTHORIZED', 'The current password is another')
      }
      const passwordHash = await hash(identity, password)
      await exclusive(async () => {
        const current = authenticators.get(id)
        if (current?.method !== 'updb') throw notOfThisKind()
        const name = username ?? current.username
        expectFree(name, id)
        await authenticators.put({ ...unlocked(current, now), username: name, passwordHash })
        log.info('authenticator.changed', { authenticator: id, identity: identityId })
      })
    },
    async create({ identity, method, username, password, expiresAtMs }, now) {
      const { record, apiKey } = await prepare()
      return exclusive(async () => {
        expectRoom(identity)
        if (record.method === 'updb') expectFree(record.username)
        await authenticators.put(record)
        log.info('authenticator.made', { authenticator: record.id, identity: identity.id, method })
        return { authenticator: record, ...(apiKey !== undefined && { apiKey }) }
      })

      async function prepare(): Promise<{ record: AuthenticatorRecord; apiKey?: string }> {
        if (method === 'api-key') {
          const made = createApiKey(random)
          const ends = expiresAtMs !== undefined && { expiresAtMs }
          return { apiKey: made.key, record: { ...base(identity, now), method, ...made.record, ...ends } }
        }
        if (username === undefined) throw missing('username')
        if (password === undefined) throw missing('password')
        return { record: await preparePassword({ identity, username, password }, now) }
      }
    },
  }
}

function expectCertificate(record: AuthenticatorRecord | undefined): CertificateAuthenticator {
  if (record?.method !== 'cert') throw notOfThisKind()
  return record
}

function notOfThisKind(): EdgeError {
  return new EdgeError('CAN_NOT_UPDATE_AUTHENTICATOR', 'This authenticator is of another method, or gone')
}

function missing(field: string): EdgeError {
  return new EdgeError('COULD_NOT_VALIDATE', 'wanted', { field })
}

function fingerprintOf(certPem: string): string | undefined {
  try {
    return certPem.length > MAX_CERTIFICATE_CHARACTERS ? undefined : certificateFingerprint(certPem)
  } catch {
    return undefined
  }
}

/** Ways in that one identity may have. */
export const MAX_AUTHENTICATORS = 20
const MAX_CERTIFICATE_CHARACTERS = 16_384
