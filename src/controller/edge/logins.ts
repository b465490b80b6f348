import type { Caller } from '../../core/api/caller.ts'
import type {
  AuthenticatorRecord,
  AuthPolicyRecord,
  EnrollmentRecord,
  IdentityRecord,
} from './edge-records.ts'

/** What a login shows. Nothing of it is trusted. */
export interface LoginAttempt {
  /** `method` of the query: `password`, `cert`, `ext-jwt`, `api-key`, or anything else. */
  readonly method: string
  /** Every `authorization` header value, as it came. */
  readonly authorizations: readonly string[]
  /** The parsed body, `{}` where there was none. */
  readonly body: Readonly<Record<string, unknown>>
  /** The certificate that the connection proved, if any, and where it comes from. */
  readonly caller: Caller
}

/** Who it was. */
export interface Login {
  readonly identity: IdentityRecord
  readonly authPolicy: AuthPolicyRecord
  /** Absent where a token of an external signer was shown. */
  readonly authenticatorId?: string
  readonly signerId?: string
}

/** Verifies credentials. It finds and changes records; API sessions are made by who asked. */
export interface Logins {
  /**
   * @param now  ms since the epoch
   * @throws EdgeError INVALID_AUTH (why is in the log alone), INVALID_AUTH_METHOD, COULD_NOT_VALIDATE, RATE_LIMITED,
   *   SERVER_TOO_MANY_REQUESTS, with `www-authenticate` and `retry-after` in `headers` where they belong
   */
  login(attempt: LoginAttempt, now: number): Promise<Login>
}

/** What `POST /enroll` and its kin show. */
export interface EnrolmentAttempt {
  /** `ott`, `updb`, `token`, …: from the path or the query. */
  readonly method: string
  readonly token: string | undefined
  readonly authorizations: readonly string[]
  /** JSON bodies parsed; a PEM body as `{ clientCsr: <text> }`. */
  readonly body: Readonly<Record<string, unknown>>
  readonly caller: Caller
}

/** How an identity gets its first authenticator, and keeps it. */
export interface Enrolments {
  /**
   * Make an enrollment for an identity, not stored yet.
   *
   * @throws EdgeError COULD_NOT_VALIDATE
   */
  prepare(
    order: {
      readonly identity: IdentityRecord
      readonly method: EnrollmentRecord['method']
      readonly username?: string | undefined
      /** By default 180 min from now. */
      readonly expiresAtMs?: number | undefined
    },
    now: number,
  ): Promise<EnrollmentRecord>
  /**
   * Use an enrollment.
   *
   * @returns `cert` and `ca` in PEM for a certificate, nothing for a password
   * @throws EdgeError INVALID_ENROLLMENT_TOKEN, ENROLLMENT_EXPIRED, INVALID_ENROLLMENT_ALREADY_ENROLLED,
   *   INVALID_ENROLL_METHOD, MISSING_OR_INVALID_CSR, …
   */
  enroll(attempt: EnrolmentAttempt, now: number): Promise<{ readonly cert?: string; readonly ca?: string }>
  /**
   * A new certificate for the key of a signing request, in place of that of an authenticator once it is verified.
   *
   * @throws EdgeError MISSING_OR_INVALID_CSR, CAN_NOT_UPDATE_AUTHENTICATOR
   */
  extend(
    authenticator: AuthenticatorRecord,
    csrPem: string,
    now: number,
  ): Promise<{ readonly clientCert: string; readonly ca: string }>
  /** The client has the certificate: it takes the old one's place. @throws EdgeError CERT_FAILED_VALIDATION */
  verifyExtended(authenticator: AuthenticatorRecord, certPem: string, now: number): Promise<void>
  /**
   * A password by its owner or an administrator.
   *
   * @param currentPassword  absent where an administrator asks
   * @throws EdgeError COULD_NOT_VALIDATE for one that its auth policy does not take, UNAUTHORIZED for a wrong current one
   */
  setPassword(
    authenticator: AuthenticatorRecord,
    change: { username?: string | undefined; password: string; currentPassword?: string | undefined },
    now: number,
  ): Promise<void>
  /** A new authenticator by an administrator: a password, or an API key, which is in the answer and nowhere else. */
  create(
    order: {
      readonly identity: IdentityRecord
      readonly method: 'updb' | 'api-key'
      readonly username?: string | undefined
      readonly password?: string | undefined
      readonly expiresAtMs?: number | undefined
    },
    now: number,
  ): Promise<{ readonly authenticator: AuthenticatorRecord; readonly apiKey?: string }>
}
