import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { entityBase, entityRef } from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import { isDisabled } from './api-sessions.ts'
import { DEFAULT_AUTH_POLICY, type IdentityRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { type EntityKind, NAMED_SYMBOLS } from './entity-kind.ts'
import type { Enrolments } from './logins.ts'
import { type IdentityInput, identityInput } from './management-shapes.ts'
import type { Principals } from './principals.ts'
import { requireAuthPolicy } from './sign-in-kinds.ts'

/** What the kind of identities needs beside the tables. */
export interface IdentityParts {
  readonly tables: EdgeTables
  readonly principals: Principals
  readonly enrolments: Enrolments
  /** Whether it, or one of its sessions, has a link now. */
  readonly isOnline: (record: IdentityRecord) => boolean
  /** End its logins, within a turn of `exclusive`. */
  readonly endSessions: (identityId: string, reason: string) => Promise<void>
  readonly now: () => number
  readonly ranksChanged: (identityId: string) => void
}

/** Who logs in. */
export function identityKind(parts: IdentityParts): EntityKind<IdentityRecord, IdentityInput> {
  const { tables, principals, enrolments, endSessions, now } = parts

  async function enrol(identity: IdentityRecord, { enrollment }: IdentityInput): Promise<void> {
    if (enrollment?.ott === true) {
      await tables.enrollments.put(await enrolments.prepare({ identity, method: 'ott' }, now()))
    }
    const username = enrollment?.updb
    if (username !== undefined) {
      await tables.enrollments.put(await enrolments.prepare({ identity, method: 'updb', username }, now()))
    }
  }

  return {
    type: 'identities',
    entities: tables.identities,
    projected: principals,
    input: identityInput,
    symbols: IDENTITY_SYMBOLS,
    make: (input, base, previous) => makeIdentity(tables, input, base, previous),
    inputOf: record => ({
      name: record.name,
      type: record.typeId,
      isAdmin: record.isAdmin,
      roleAttributes: record.roleAttributes,
      externalId: record.externalId,
      authPolicyId: record.authPolicyId,
      defaultHostingCost: record.defaultHostingCost,
      defaultHostingPrecedence: record.defaultHostingPrecedence,
      serviceHostingCosts: record.serviceHostingCosts,
      serviceHostingPrecedences: record.serviceHostingPrecedences,
      appData: record.appData,
      tags: record.tags,
    }),
    async afterChange(next, previous, input) {
      if (next !== undefined && previous === undefined && input !== undefined) await enrol(next, input)
      if (next !== undefined && previous !== undefined && ranksOf(next) !== ranksOf(previous)) {
        parts.ranksChanged(next.id)
      }
      if (next === undefined && previous !== undefined) {
        await endSessions(previous.id, 'identity deleted')
        await forgetIdentity(tables, previous.id)
      }
    },
    show: (record, at) => showIdentity(parts, record, at),
  }
}

function ranksOf(record: IdentityRecord): string {
  const { defaultHostingCost, defaultHostingPrecedence, serviceHostingCosts, serviceHostingPrecedences } =
    record
  return JSON.stringify([
    defaultHostingCost,
    defaultHostingPrecedence,
    serviceHostingCosts,
    serviceHostingPrecedences,
  ])
}

/** An identity as both APIs show it. */
export function showIdentity(
  { tables, isOnline }: Pick<IdentityParts, 'tables' | 'isOnline'>,
  record: IdentityRecord,
  now: number,
): object {
  const hasSession = tables.apiSessions.by('identityId', record.id).length > 0
  const isConnected = isOnline(record)
  const { disabled } = record
  return {
    ...entityBase('identities', record),
    name: record.name,
    type: { ...entityRef('identity-types', record.typeId, record.typeId) },
    typeId: record.typeId,
    // An endpoint or user of the mesh: it is one by itself, and is not changed here.
    isOfMesh: tables.identities.get(record.id) === undefined,
    isAdmin: record.isAdmin,
    isDefaultAdmin: false,
    isMfaEnabled: false,
    hasApiSession: hasSession,
    hasEdgeRouterConnection: isConnected,
    edgeRouterConnectionStatus: isConnected ? 'online' : 'offline',
    roleAttributes: record.roleAttributes,
    externalId: record.externalId ?? null,
    authPolicyId: record.authPolicyId,
    authPolicy: entityRef(
      'auth-policies',
      record.authPolicyId,
      tables.authPolicies.get(record.authPolicyId)?.name ?? '',
    ),
    authenticators: authenticatorsOf(tables, record.id),
    enrollment: enrollmentsOf(tables, record.id),
    defaultHostingCost: record.defaultHostingCost,
    defaultHostingPrecedence: record.defaultHostingPrecedence,
    serviceHostingCosts: record.serviceHostingCosts,
    serviceHostingPrecedences: record.serviceHostingPrecedences,
    disabled: isDisabled(record, now),
    disabledAt: disabled === undefined ? null : new Date(disabled.atMs).toISOString(),
    disabledUntil: disabled?.untilMs === undefined ? null : new Date(disabled.untilMs).toISOString(),
    envInfo: record.envInfo ?? {},
    sdkInfo: record.sdkInfo ?? {},
    appData: record.appData,
    permissions: [],
    interfaces: [],
  }
}

function authenticatorsOf(tables: EdgeTables, identityId: string): object {
  const shown: Record<string, object> = {}
  for (const record of tables.authenticators.by('identityId', identityId)) {
    if (record.method === 'updb') shown.updb = { id: record.id, username: record.username }
    else if (record.method === 'cert') shown.cert = { id: record.id, fingerprint: record.fingerprint }
    else shown[record.method] = { id: record.id, prefix: record.prefix }
  }
  return shown
}

function enrollmentsOf(tables: EdgeTables, identityId: string): object {
  const shown: Record<string, object> = {}
  for (const { id, method, token, jwt, expiresAtMs, username, usedAtMs } of tables.enrollments.by(
    'identityId',
    identityId,
  )) {
    if (usedAtMs !== undefined) continue
    const expiresAt = new Date(expiresAtMs).toISOString()
    shown[method] = { id, token, jwt: jwt ?? '', expiresAt, ...(username !== undefined && { username }) }
  }
  return shown
}

function makeIdentity(
  tables: EdgeTables,
  input: IdentityInput,
  base: Parameters<EntityKind<IdentityRecord, IdentityInput>['make']>[1],
  previous: IdentityRecord | undefined,
): IdentityRecord {
  const authPolicyId = input.authPolicyId ?? DEFAULT_AUTH_POLICY
  requireAuthPolicy(tables, authPolicyId, 'authPolicyId')
  const { externalId } = input
  const second = externalId == null ? undefined : tables.identities.by('externalId', externalId)[0]
  if (second !== undefined && second.id !== base.id) {
    throw fieldError('externalId', 'another identity has it already', externalId)
  }
  if (input.isAdmin && input.type === 'Router') throw fieldError('isAdmin', 'a router is no administrator')
  if (previous !== undefined && input.enrollment != null) {
    throw new EdgeError('ENTITY_CAN_NOT_BE_UPDATED', 'Enrollments are made below /enrollments')
  }
  const { disabled, serviceConfigs = [], envInfo, sdkInfo } = previous ?? {}
  return {
    ...base,
    name: input.name,
    typeId: input.type,
    isAdmin: input.isAdmin,
    roleAttributes: [...new Set(input.roleAttributes ?? [])],
    ...(externalId != null && { externalId }),
    authPolicyId,
    ...(disabled !== undefined && { disabled }),
    defaultHostingCost: input.defaultHostingCost ?? 0,
    defaultHostingPrecedence: input.defaultHostingPrecedence ?? 'default',
    serviceHostingCosts: input.serviceHostingCosts ?? {},
    serviceHostingPrecedences: input.serviceHostingPrecedences ?? {},
    serviceConfigs,
    appData: input.appData ?? {},
    ...(envInfo !== undefined && { envInfo }),
    ...(sdkInfo !== undefined && { sdkInfo }),
  }
}

/** Take away what is nothing without its identity, within a turn of `exclusive`. */
async function forgetIdentity(tables: EdgeTables, id: string): Promise<void> {
  for (const one of tables.authenticators.by('identityId', id)) await tables.authenticators.delete(one.id)
  for (const one of tables.enrollments.by('identityId', id)) await tables.enrollments.delete(one.id)
  const role = `@${id}`
  for (const policy of tables.servicePolicies.list()) {
    if (!policy.identityRoles.includes(role)) continue
    await tables.servicePolicies.put({
      ...policy,
      identityRoles: policy.identityRoles.filter(one => one !== role),
    })
  }
  for (const policy of tables.edgeRouterPolicies.list()) {
    if (!policy.identityRoles.includes(role)) continue
    await tables.edgeRouterPolicies.put({
      ...policy,
      identityRoles: policy.identityRoles.filter(one => one !== role),
    })
  }
}

const IDENTITY_SYMBOLS = {
  ...NAMED_SYMBOLS,
  type: { type: 'string', read: record => (record as IdentityRecord).typeId },
  typeId: { type: 'string' },
  isAdmin: { type: 'boolean' },
  roleAttributes: { type: 'string', isSet: true },
  externalId: { type: 'string' },
  authPolicyId: { type: 'string' },
  appData: { type: 'any', isMap: true },
  disabled: { type: 'boolean', read: record => (record as IdentityRecord).disabled !== undefined },
} satisfies FilterSymbols
