import { z } from 'zod'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Context } from '../context.ts'
import type { AuthenticatorRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { admitIdentity, authPolicyOf, type Proof, refusal } from './login-proof.ts'
import { isPassword } from './password-hash.ts'
import { MAX_PASSWORD_CHARACTERS } from './password-rules.ts'
import type { WorkLimiter } from './work-limiter.ts'

/** A name with a password, of an identity. */
export type PasswordAuthenticator = Extract<AuthenticatorRecord, { method: 'updb' }>

interface Parts {
  readonly tables: Pick<EdgeTables, 'authenticators' | 'identities' | 'authPolicies'>
  /** Bounds the hashing. */
  readonly hashing: WorkLimiter
}

/** Judges names and passwords. */
export interface PasswordLogin {
  /**
   * Whether body `{username, password}` is good. It takes as long for a name that nobody has.
   *
   * @throws EdgeError COULD_NOT_VALIDATE, SERVER_TOO_MANY_REQUESTS
   */
  prove(body: Readonly<Record<string, unknown>>, now: number): Promise<Proof>
  /** Whether it is the password of this authenticator; a wrong one counts towards its lock. */
  isCurrent(authenticator: PasswordAuthenticator, password: string, now: number): Promise<boolean>
}

/** Make the judge of passwords. */
export function createPasswordLogin(context: Context, { tables, hashing }: Parts): PasswordLogin {
  const { authenticators } = tables

  /** @returns the reason why it is not, `locked` whatever the password is */
  async function check(find: () => PasswordAuthenticator | undefined, password: string, now: number) {
    const { id, isRight } = await hashing.run(async () => {
      const found = find()
      return { id: found?.id, isRight: await isPassword(password, found?.passwordHash) }
    })
    // Others may have tried meanwhile: each counts before the next is judged, in its turn. But the answer does not wait
    // until it is counted, as that would tell which names there are.
    return new Promise<string | undefined>((resolve, reject) => {
      const turn = context.exclusive(async () => {
        const record = id === undefined ? undefined : authenticators.get(id)
        if (record?.method !== 'updb') return resolve('user-unknown')
        if (isLocked(record, now)) return resolve('locked')
        if (!isRight) {
          resolve('password')
          return countFailure(context, tables, record, now)
        }
        if (record.failureCount > 0) await authenticators.put(unlocked(record, now))
        resolve(undefined)
      })
      turn.catch(error => {
        context.log.error('authenticator.not-saved', { code: toMeshError(error).code })
        reject(error)
      })
    })
  }

  return {
    async prove(body, now) {
      const parsed = bodyShape.safeParse(body)
      if (!parsed.success) {
        const [issue] = parsed.error.issues
        const field = issue?.path.join('.') ?? ''
        throw new EdgeError('COULD_NOT_VALIDATE', issue?.message ?? 'wanted', { field })
      }
      const { username, password } = parsed.data
      const find = () => withUsername(tables, username)
      const problem = await check(find, password, now)
      const record = find()
      const identity = record && tables.identities.get(record.identityId)
      if (problem !== undefined || record === undefined || identity === undefined) {
        const fields = identity && { identity: identity.id, name: identity.name }
        return refusal(problem ?? 'user-unknown', `user name ${quote(username)}`, fields)
      }
      return admitIdentity(tables, { identity, authenticatorId: record.id }, ({ updb }) => updb.allowed, now)
    },
    async isCurrent({ id }, password, now) {
      const find = () => {
        const record = authenticators.get(id)
        return record?.method === 'updb' ? record : undefined
      }
      return (await check(find, password, now)) === undefined
    },
  }
}

/** The one who has a user name; upper and lower case are the same. */
export function withUsername(
  { authenticators }: Pick<EdgeTables, 'authenticators'>,
  username: string,
): PasswordAuthenticator | undefined {
  const [record] = authenticators.by('username', username.toLowerCase())
  return record?.method === 'updb' ? record : undefined
}

/** The authenticator with nothing counted against it. */
export function unlocked({ lockedUntilMs: _, ...record }: PasswordAuthenticator, now: number) {
  return { ...record, failureCount: 0, updatedAtMs: now }
}

function isLocked({ lockedUntilMs }: PasswordAuthenticator, now: number): boolean {
  return lockedUntilMs !== undefined && now < lockedUntilMs
}

/** Within a turn of `exclusive`. */
async function countFailure(
  { log }: Context,
  tables: Parts['tables'],
  record: PasswordAuthenticator,
  now: number,
): Promise<void> {
  const identity = tables.identities.get(record.identityId)
  const { maxAttempts = 0, lockoutDurationMinutes = 0 } =
    (identity && authPolicyOf(tables, identity)?.primary.updb) ?? {}
  if (maxAttempts === 0) return
  // One that is locked never comes here: a lock that is over takes its failures with it.
  const fresh = record.lockedUntilMs === undefined ? record : unlocked(record, now)
  const failureCount = fresh.failureCount + 1
  const untilMs = lockoutDurationMinutes === 0 ? END_OF_TIME_MS : now + lockoutDurationMinutes * 60_000
  const isOver = failureCount >= maxAttempts
  await tables.authenticators.put({
    ...fresh,
    failureCount,
    updatedAtMs: now,
    ...(isOver && { lockedUntilMs: untilMs }),
  })
  if (isOver) {
    log.warn('authenticator.locked', { authenticator: record.id, identity: record.identityId, failureCount })
  }
}

const bodyShape = z.object({
  username: z.string().min(1).max(128),
  password: z.string().min(1).max(MAX_PASSWORD_CHARACTERS),
})
// ECMA-262, 21.4.1.1.
const END_OF_TIME_MS = 8.64e15
