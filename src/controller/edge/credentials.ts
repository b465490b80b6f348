import type { Context } from '../context.ts'
import { createEnrolments, type EnrolmentsParts } from './create-enrolments.ts'
import { createLogins, LOGIN_LIMITS, type LoginsParts } from './create-logins.ts'
import { createTokenChecker } from './ext-jwt.ts'
import { createJwksCache, type FetchJson } from './jwks-cache.ts'
import type { Enrolments, Logins } from './logins.ts'
import { createPasswordLogin } from './password-login.ts'
import { createWorkLimiter } from './work-limiter.ts'

/** What verifies credentials and gives them. */
export interface CredentialsParts
  extends Omit<LoginsParts, 'checker' | 'checking' | 'passwords'>,
    Omit<EnrolmentsParts, 'checker' | 'checking' | 'passwords' | 'hashing'> {
  readonly tables: LoginsParts['tables'] & EnrolmentsParts['tables']
  /** Fetches key sets of external signers. */
  readonly fetchJson: FetchJson
}

/** Make both halves; they share what bounds the hashing of passwords. */
export function createCredentials(
  context: Context,
  parts: CredentialsParts,
): { readonly logins: Logins; readonly enrolments: Enrolments } {
  const { tables, fetchJson } = parts
  const { passwordsAtOnce, passwordsWaiting, tokensAtOnce, tokensWaiting, waitMs } = LOGIN_LIMITS
  const limit = (atOnce: number, waiting: number) =>
    createWorkLimiter({ atOnce, waiting, waitMs }, () => performance.now())
  const hashing = limit(passwordsAtOnce, passwordsWaiting)
  const checking = limit(tokensAtOnce, tokensWaiting)
  const passwords = createPasswordLogin(context, { tables, hashing })
  const checker = createTokenChecker(createJwksCache({ ...context, fetchJson }))
  return {
    logins: createLogins(context, { ...parts, checker, checking, passwords }),
    enrolments: createEnrolments(context, { ...parts, checker, checking, passwords, hashing }),
  }
}
