import type { Context } from '../context.ts'
import { randomUuid } from '../uuid.ts'
import { HOST_V1_SCHEMA, INTERCEPT_V1_SCHEMA } from './config-schemas.ts'
import {
  type ApiSessionRecord,
  type AuthenticatorRecord,
  type AuthPolicyRecord,
  apiSessionRecordShape,
  authenticatorRecordShape,
  authPolicyRecordShape,
  type ConfigRecord,
  type ConfigTypeRecord,
  configRecordShape,
  configTypeRecordShape,
  DEFAULT_AUTH_POLICY,
  type EdgeRouterPolicyRecord,
  type EdgeRouterRecord,
  type EnrollmentRecord,
  edgeRouterPolicyRecordShape,
  edgeRouterRecordShape,
  enrollmentRecordShape,
  type IdentityRecord,
  identityRecordShape,
  type PlannedTerminatorRecord,
  plannedTerminatorRecordShape,
  type ServiceEdgeRouterPolicyRecord,
  type ServicePolicyRecord,
  type ServiceRecord,
  type SignerRecord,
  serviceEdgeRouterPolicyRecordShape,
  servicePolicyRecordShape,
  serviceRecordShape,
  signerRecordShape,
} from './edge-records.ts'
import { type Entities, openEntities } from './entities.ts'

/** All that the Edge APIs keep. Written within `context.exclusive`; read at any time. */
export interface EdgeTables {
  /** By `externalId`. */
  readonly identities: Entities<IdentityRecord>
  readonly services: Entities<ServiceRecord>
  readonly servicePolicies: Entities<ServicePolicyRecord>
  readonly edgeRouterPolicies: Entities<EdgeRouterPolicyRecord>
  readonly serviceEdgeRouterPolicies: Entities<ServiceEdgeRouterPolicyRecord>
  readonly edgeRouters: Entities<EdgeRouterRecord>
  /** By `endpoint`, `serviceId`. */
  readonly plannedTerminators: Entities<PlannedTerminatorRecord>
  /** By `issuer`. */
  readonly signers: Entities<SignerRecord>
  readonly authPolicies: Entities<AuthPolicyRecord>
  readonly configTypes: Entities<ConfigTypeRecord>
  /** By `configTypeId`. */
  readonly configs: Entities<ConfigRecord>
  /** By `token`, `identityId`. */
  readonly enrollments: Entities<EnrollmentRecord>
  /** By `identityId`, `username` (lower case), `keyHash`, `fingerprint`. */
  readonly authenticators: Entities<AuthenticatorRecord>
  /** By `tokenHash`, `identityId`. */
  readonly apiSessions: Entities<ApiSessionRecord>
}

/** Load them all; a controller that has none yet starts with the built-in ones. @throws MeshError as the store */
export async function openEdgeTables(context: Context): Promise<EdgeTables> {
  const open = openEntities
  const tables: EdgeTables = {
    identities: await open(context, {
      prefix: 'edge-identity',
      shape: identityRecordShape,
      indexes: { externalId: record => record.externalId },
    }),
    services: await open(context, { prefix: 'edge-service', shape: serviceRecordShape }),
    servicePolicies: await open(context, { prefix: 'edge-service-policy', shape: servicePolicyRecordShape }),
    edgeRouterPolicies: await open(context, {
      prefix: 'edge-router-policy',
      shape: edgeRouterPolicyRecordShape,
    }),
    serviceEdgeRouterPolicies: await open(context, {
      prefix: 'edge-service-router-policy',
      shape: serviceEdgeRouterPolicyRecordShape,
    }),
    edgeRouters: await open(context, { prefix: 'edge-router', shape: edgeRouterRecordShape }),
    plannedTerminators: await open(context, {
      prefix: 'edge-terminator',
      shape: plannedTerminatorRecordShape,
      indexes: { endpoint: record => record.endpoint, serviceId: record => record.serviceId },
    }),
    signers: await open(context, {
      prefix: 'edge-signer',
      shape: signerRecordShape,
      indexes: { issuer: record => record.issuer },
    }),
    authPolicies: await open(context, { prefix: 'edge-auth-policy', shape: authPolicyRecordShape }),
    configTypes: await open(context, { prefix: 'edge-config-type', shape: configTypeRecordShape }),
    configs: await open(context, {
      prefix: 'edge-config',
      shape: configRecordShape,
      indexes: { configTypeId: record => record.configTypeId },
    }),
    enrollments: await open(context, {
      prefix: 'edge-enrollment',
      shape: enrollmentRecordShape,
      indexes: { token: record => record.token, identityId: record => record.identityId },
    }),
    authenticators: await open(context, {
      prefix: 'edge-authenticator',
      shape: authenticatorRecordShape,
      indexes: {
        identityId: record => record.identityId,
        username: record => (record.method === 'updb' ? record.username.toLowerCase() : undefined),
        keyHash: record => (record.method === 'api-key' ? record.keyHash : undefined),
        fingerprint: record => (record.method === 'cert' ? record.fingerprint : undefined),
      },
    }),
    apiSessions: await open(context, {
      prefix: 'edge-api-session',
      shape: apiSessionRecordShape,
      indexes: { tokenHash: record => record.tokenHash, identityId: record => record.identityId },
    }),
  }
  if (tables.authPolicies.get(DEFAULT_AUTH_POLICY) === undefined) await putBuiltIns(context, tables)
  return tables
}

/** The default auth policy comes last: it says that the others were made, so that one who deletes them is not defied. */
async function putBuiltIns({ clock, random }: Context, tables: EdgeTables): Promise<void> {
  const now = clock.now()
  const base = () => ({
    version: 1 as const,
    id: randomUuid(random),
    createdAtMs: now,
    updatedAtMs: now,
    tags: {},
  })
  const types = { 'intercept.v1': INTERCEPT_V1_SCHEMA, 'host.v1': HOST_V1_SCHEMA } as const
  for (const [name, schema] of Object.entries(types)) {
    const id = name as keyof typeof types
    await tables.configTypes.put({ ...base(), id, name, schema, target: 'service' })
  }
  const all = { ...base(), name: 'all', semantic: 'AnyOf' as const, edgeRouterRoles: ['#all'] }
  await tables.edgeRouterPolicies.put({ ...all, identityRoles: ['#all'] })
  await tables.serviceEdgeRouterPolicies.put({ ...all, id: randomUuid(random), serviceRoles: ['#all'] })
  await tables.authPolicies.put({
    ...base(),
    id: DEFAULT_AUTH_POLICY,
    name: 'Default',
    primary: {
      cert: { allowed: true, allowExpiredCerts: false },
      extJwt: { allowed: true, allowedSigners: [] },
      updb: {
        allowed: true,
        minPasswordLength: 8,
        requireSpecialChar: false,
        requireNumberChar: false,
        requireMixedCase: false,
        maxAttempts: 5,
        lockoutDurationMinutes: 5,
      },
      apiKey: { allowed: true },
    },
    secondary: { requireTotp: false },
  })
}
