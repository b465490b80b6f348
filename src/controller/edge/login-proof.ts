import { EdgeError } from '../../core/edge/edge-error.ts'
import type { LogValue } from '../../core/model/log.ts'
import { isDisabled } from './api-sessions.ts'
import type { AuthPolicyRecord, IdentityRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { Login } from './logins.ts'

/** What came of looking at credentials: who it is, or why not. */
export type Proof =
  | { readonly isGood: true; readonly login: Login }
  | {
      readonly isGood: false
      /** A fixed word, for the log alone. */
      readonly reason: string
      /** What was found and what was wanted; no secret. */
      readonly detail: string
      /** More for the log. */
      readonly fields?: Readonly<Record<string, LogValue>>
      /** What whoever asked may know beside that it failed. */
      readonly challenge?: string
    }

/** One that failed. */
export type Refusal = Extract<Proof, { isGood: false }>

/** Say why a login fails. */
export function refusal(reason: string, detail: string, fields?: Refusal['fields']): Refusal {
  return { isGood: false, reason, detail, ...(fields !== undefined && { fields }) }
}

/**
 * Judge an identity whose credentials are good: it must be enabled, and its auth policy must allow this way in.
 *
 * @param isAllowed  what the policy says of the way
 */
export function admitIdentity(
  tables: Pick<EdgeTables, 'authPolicies'>,
  proven: Omit<Login, 'authPolicy'>,
  isAllowed: (primary: AuthPolicyRecord['primary']) => boolean,
  now: number,
): Proof {
  const { identity } = proven
  const fields = { identity: identity.id, name: identity.name }
  if (isDisabled(identity, now)) return refusal('identity-disabled', 'the identity is disabled', fields)
  const authPolicy = authPolicyOf(tables, identity)
  if (authPolicy === undefined) {
    return refusal('auth-policy', `there is no auth policy ${identity.authPolicyId}`, fields)
  }
  if (!isAllowed(authPolicy.primary)) {
    return refusal('auth-policy', `auth policy "${authPolicy.name}" does not allow it`, fields)
  }
  return { isGood: true, login: { ...proven, authPolicy } }
}

/** The auth policy of an identity. */
export function authPolicyOf(
  { authPolicies }: Pick<EdgeTables, 'authPolicies'>,
  { authPolicyId }: IdentityRecord,
): AuthPolicyRecord | undefined {
  return authPolicies.get(authPolicyId)
}

/** What anybody who fails to log in is told, whatever failed. */
export function invalidAuth(challenge?: string): EdgeError {
  return new EdgeError('INVALID_AUTH', 'The authentication request failed', {
    ...(challenge !== undefined && { headers: { 'www-authenticate': challenge } }),
  })
}
