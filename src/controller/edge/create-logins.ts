import type { Caller } from '../../core/api/caller.ts'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { MeshError } from '../../core/model/errors.ts'
import { createAttempts } from '../attempts.ts'
import type { Context } from '../context.ts'
import { hashApiKey, isApiKey } from './api-key.ts'
import { proveCertificate } from './certificate-login.ts'
import type { IdentityRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { TokenChecker } from './ext-jwt.ts'
import { admitIdentity, invalidAuth, type Proof, type Refusal, refusal } from './login-proof.ts'
import type { LoginAttempt, Logins } from './logins.ts'
import type { PasswordLogin } from './password-login.ts'
import { bearersOf, createTokenLogin } from './token-login.ts'
import type { WorkLimiter } from './work-limiter.ts'

/** What logins are judged by. */
export interface LoginsParts {
  readonly tables: Pick<EdgeTables, 'identities' | 'signers' | 'authPolicies' | 'authenticators'>
  readonly checker: TokenChecker
  readonly passwords: Pick<PasswordLogin, 'prove'>
  /** Bounds the checking of tokens. */
  readonly checking: WorkLimiter
  /** The identity that an endpoint of the mesh is seen as; none is, where absent. */
  readonly identityOf?: (caller: Caller) => IdentityRecord | undefined
}

/** How many logins go on at once; see docs/limits.md, "Logins". */
export const LOGIN_LIMITS = {
  /** Tokens being checked, which may wait for their issuer's keys. */
  tokensAtOnce: 64,
  tokensWaiting: 400,
  /** Passwords being hashed: of Node's four threads for such work two stay free. */
  passwordsAtOnce: 2,
  passwordsWaiting: 100,
  /** Whoever would wait longer is refused at once. */
  waitMs: 5_000,
  /** Wrong passwords from one address in a minute. */
  failuresPerMinute: 30,
  /** Addresses whose failures are counted. */
  addresses: 10_000,
} as const

/** Make the judge of all logins. */
export function createLogins(context: Context, parts: LoginsParts): Logins {
  const { tables, passwords, checking } = parts
  const tokens = createTokenLogin(parts)
  const { failuresPerMinute, addresses } = LOGIN_LIMITS
  const attempts = createAttempts({ maxFailures: failuresPerMinute, maxAddresses: addresses })

  async function provePassword({ body, caller }: LoginAttempt, now: number): Promise<Proof> {
    refuseGuesser(attempts, caller, now)
    const proof = await passwords.prove(body, now)
    if (!proof.isGood) attempts.failed(caller.address, now)
    return proof
  }

  function prove(attempt: LoginAttempt, bearers: readonly string[], now: number): Promise<Proof> | Proof {
    switch (attempt.method) {
      case 'password':
        return provePassword(attempt, now)
      case 'cert':
        return proveCertificate(context, parts, attempt.caller, now)
      case 'api-key':
        return proveApiKey(tables, bearers[0] ?? attempt.body.apiKey, now)
      case 'ext-jwt':
        // Clients of some platforms have API keys where others have tokens, and one way to show them.
        if (bearers[0] !== undefined && isApiKey(bearers[0])) return proveApiKey(tables, bearers[0], now)
        return checking.run(() => tokens.prove(bearers, now))
      default:
        throw new EdgeError('INVALID_AUTH_METHOD', 'method must be ext-jwt, cert, password or api-key')
    }
  }

  return {
    async login(attempt, now) {
      const bearers = bearersOf(attempt.authorizations)
      const proof = await prove(attempt, bearers, now)
      if (!proof.isGood) throw refuse(context, attempt, proof)
      const lacking = await tokens.second(proof.login, bearers, now)
      if (lacking !== undefined) throw refuse(context, attempt, lacking, proof.login.identity)
      return proof.login
    },
  }
}

/** Tell the log why, and whoever asked nothing but that it failed. */
function refuse(
  { log }: Context,
  { method, caller }: LoginAttempt,
  { reason, detail, fields, challenge }: Refusal,
  identity?: IdentityRecord,
): EdgeError {
  const who = identity && { identity: identity.id, name: identity.name }
  log.warn('login.refused', { method, reason, detail, address: caller.address, ...fields, ...who })
  return invalidAuth(challenge)
}

function proveApiKey(tables: LoginsParts['tables'], key: unknown, now: number): Proof {
  if (typeof key !== 'string' || !isApiKey(key)) {
    return refusal('api-key-missing', 'no key in the authorization header or apiKey')
  }
  const [record] = tables.authenticators.by('keyHash', hashApiKey(key))
  const identity = record && tables.identities.get(record.identityId)
  if (record?.method !== 'api-key' || identity === undefined) {
    return refusal('api-key-unknown', 'nobody has this key')
  }
  if (record.expiresAtMs !== undefined && record.expiresAtMs <= now) {
    const detail = `the key ended ${new Date(record.expiresAtMs).toISOString()}`
    return refusal('api-key-expired', detail, { identity: identity.id, name: identity.name })
  }
  return admitIdentity(tables, { identity, authenticatorId: record.id }, ({ apiKey }) => apiKey.allowed, now)
}

function refuseGuesser(attempts: ReturnType<typeof createAttempts>, { address }: Caller, now: number): void {
  try {
    attempts.check(address, now)
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    throw new EdgeError('RATE_LIMITED', 'Too many wrong passwords from this address: try again in a minute', {
      headers: { 'retry-after': '60' },
    })
  }
}
