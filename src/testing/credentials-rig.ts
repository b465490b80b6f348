import { randomBytes, randomUUID } from 'node:crypto'
import type { Context } from '../controller/context.ts'
import { createCredentials } from '../controller/edge/credentials.ts'
import type { AuthPolicyRecord, IdentityRecord, SignerRecord } from '../controller/edge/edge-records.ts'
import { type EdgeTables, openEdgeTables } from '../controller/edge/edge-tables.ts'
import type { FetchJson } from '../controller/edge/jwks-cache.ts'
import type { Enrolments, Login, LoginAttempt, Logins } from '../controller/edge/logins.ts'
import { createExclusive } from '../controller/exclusive.ts'
import { DEFAULT_LIMITS } from '../controller/limits.ts'
import type { Caller } from '../core/api/caller.ts'
import { EdgeError, type EdgeErrorCode } from '../core/edge/edge-error.ts'
import type { HubId } from '../core/model/ids.ts'
import type { Authority } from '../pki/authority.ts'
import type { HubTokenSigner } from '../pki/hub-token.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { issueHub, openMemoryAuthority } from './controller-rig.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { PROVIDER_AUDIENCE } from './openid-provider.ts'
import { createRecordedLog, type RecordedLog } from './recorded-log.ts'

/** Whatever verifies and gives credentials, with a store, an authority and a clock. */
export interface CredentialsRig extends AsyncDisposable {
  readonly context: Context
  readonly tables: EdgeTables
  readonly clock: ManualClock
  readonly log: RecordedLog
  readonly authority: Authority
  readonly signer: HubTokenSigner
  readonly logins: Logins
  readonly enrolments: Enrolments
  addIdentity(wish?: Partial<IdentityRecord>): Promise<IdentityRecord>
  addSigner(wish: Pick<SignerRecord, 'issuer'> & Partial<SignerRecord>): Promise<SignerRecord>
  /** Change the default auth policy. */
  setPolicy(change: {
    readonly primary?: { [K in keyof AuthPolicyRecord['primary']]?: Partial<AuthPolicyRecord['primary'][K]> }
    readonly secondary?: AuthPolicyRecord['secondary']
  }): Promise<void>
  /** Log in from some address without a certificate. */
  login(attempt: Pick<LoginAttempt, 'method'> & Partial<LoginAttempt>): Promise<Login>
  /** Why the last login was refused. */
  lastReason(): unknown
}

/** Make a rig. */
export async function openCredentialsRig(
  options: { readonly fetchJson?: FetchJson; readonly nowMs?: number } = {},
): Promise<CredentialsRig> {
  const clock = createManualClock(options.nowMs)
  const log = createRecordedLog()
  const store = await openSqliteStore(':memory:')
  const exclusive = createExclusive()
  const context: Context = {
    store,
    clock,
    log,
    limits: DEFAULT_LIMITS,
    random: randomBytes,
    exclusive,
    emit: () => undefined,
  }
  const tables = await openEdgeTables(context)
  const authority = await openMemoryAuthority(clock.now())
  const signer = await issueHub(authority, randomUUID() as HubId, clock.now())
  const noFetch: FetchJson = async url => Promise.reject(new Error(`nobody fetches ${url}`))
  const credentials = createCredentials(context, {
    tables,
    authority,
    signer: () => signer,
    hosts: ['hub.example:8888'],
    fetchJson: options.fetchJson ?? noFetch,
    identityOf: ({ identity }) =>
      identity?.kind === 'endpoint' ? tables.identities.get(identity.endpoint) : undefined,
  })
  const base = () => ({
    version: 1 as const,
    id: randomUUID() as string,
    createdAtMs: clock.now(),
    updatedAtMs: clock.now(),
    tags: {},
  })

  return {
    context,
    tables,
    clock,
    log,
    authority,
    signer,
    ...credentials,
    async addIdentity(wish = {}) {
      const record: IdentityRecord = {
        ...base(),
        name: 'worker',
        typeId: 'Device',
        isAdmin: false,
        roleAttributes: [],
        authPolicyId: 'default',
        defaultHostingCost: 0,
        defaultHostingPrecedence: 'default',
        serviceHostingCosts: {},
        serviceHostingPrecedences: {},
        serviceConfigs: [],
        appData: {},
        ...wish,
      }
      await exclusive(() => tables.identities.put(record))
      return record
    },
    async addSigner(wish) {
      const record: SignerRecord = {
        ...base(),
        name: 'iam',
        audience: PROVIDER_AUDIENCE,
        enabled: true,
        claimsProperty: 'sub',
        useExternalId: true,
        scopes: [],
        targetToken: 'ACCESS',
        enrollToCertEnabled: false,
        enrollToTokenEnabled: false,
        ...wish,
      }
      await exclusive(() => tables.signers.put(record))
      return record
    },
    async setPolicy({ primary = {}, secondary }) {
      const before = tables.authPolicies.get('default')
      if (before === undefined) throw new Error('no default auth policy')
      const ways = Object.entries(before.primary).map(([way, rules]) => [
        way,
        { ...rules, ...primary[way as keyof typeof primary] },
      ])
      const next = { ...before, primary: Object.fromEntries(ways), ...(secondary && { secondary }) }
      await exclusive(() => tables.authPolicies.put(next))
    },
    login: attempt =>
      credentials.logins.login({ authorizations: [], body: {}, caller: NOBODY, ...attempt }, clock.now()),
    lastReason: () => log.fieldsOf('login.refused').at(-1)?.reason,
    async [Symbol.asyncDispose]() {
      await exclusive(async () => undefined)
      await store[Symbol.asyncDispose]()
    },
  }
}

/** The code of an Edge error that a call must fail with. */
export async function edgeCodeOf(call: Promise<unknown>): Promise<EdgeErrorCode | 'none'> {
  try {
    await call
    return 'none'
  } catch (error) {
    if (error instanceof EdgeError) return error.code
    throw error
  }
}

/** Somebody without a certificate. */
export const NOBODY: Caller = { identity: undefined, address: '192.0.2.7:40000' }
