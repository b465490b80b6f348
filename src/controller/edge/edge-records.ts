import { z } from 'zod'
import { endpointIdShape, msShape, pemShape } from '../../core/api/shapes.ts'

// What the Edge APIs keep in the store, one document a record. The version is for whoever changes a shape: the old form
// then gets a migration here. Ids are lower-case UUIDs but for a few that are built in.

const version = z.literal(1)
/** A UUID of ours. */
export const edgeIdShape = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'not a UUID')
/** A name of an entity: what a person reads. */
export const edgeNameShape = z.string().trim().min(1).max(128)
/** Free text by which policies group identities, services and hubs. */
export const roleAttributesShape = z.array(z.string().min(1).max(128)).max(128)
/** `#attribute`, `#all`, `@id`. */
export const rolesShape = z.array(z.string().min(2).max(160)).max(1_000)
/** What a person hangs on an entity. */
export const tagsShape = z.record(
  z.string().max(128),
  z.union([z.string().max(4_096), z.number(), z.boolean(), z.null()]),
)
/** How a hosting ranks: `failed` is the last resort. */
export const precedenceShape = z.enum(['default', 'required', 'failed'])
/** Cost of a hosting, within its precedence. */
export const costShape = z.int().min(0).max(65_535)
const semanticShape = z.enum(['AnyOf', 'AllOf'])

const base = {
  version,
  id: edgeIdShape,
  createdAtMs: msShape,
  updatedAtMs: msShape,
  tags: tagsShape.default({}),
}
const infoShape = z.record(z.string().max(64), z.string().max(1_024))

/** Id of the auth policy that is there from the start. */
export const DEFAULT_AUTH_POLICY = 'default'
/** An auth policy's id. */
export const authPolicyIdShape = z.union([z.literal(DEFAULT_AUTH_POLICY), edgeIdShape])

/** `edge-identity/<id>` */
export const identityRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  typeId: z.enum(['User', 'Device', 'Service', 'Router', 'Default']),
  isAdmin: z.boolean(),
  roleAttributes: roleAttributesShape,
  /** What a token of an external signer, or the name in a certificate, calls this identity. */
  externalId: z.string().min(1).max(512).optional(),
  authPolicyId: authPolicyIdShape,
  disabled: z
    .object({
      atMs: msShape,
      /** Until somebody enables it, where absent. */
      untilMs: msShape.optional(),
    })
    .optional(),
  defaultHostingCost: costShape,
  defaultHostingPrecedence: precedenceShape,
  /** By service id. */
  serviceHostingCosts: z.record(edgeIdShape, costShape),
  serviceHostingPrecedences: z.record(edgeIdShape, precedenceShape),
  /** Configs that this identity sees of a service instead of the service's own. */
  serviceConfigs: z.array(z.object({ serviceId: edgeIdShape, configId: edgeIdShape })).max(1_000),
  appData: tagsShape.default({}),
  /** What its client last said of itself at a login. */
  envInfo: infoShape.optional(),
  sdkInfo: infoShape.optional(),
})
/** An identity, as stored. */
export type IdentityRecord = z.output<typeof identityRecordShape>

/** `edge-service/<id>` */
export const serviceRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  encryptionRequired: z.literal(true),
  configs: z.array(edgeIdShape).max(100),
  roleAttributes: roleAttributesShape,
  terminatorStrategy: z.enum(['smartrouting', 'weighted', 'random', 'sticky']),
  maxIdleTimeMillis: z.int().min(0).max(86_400_000),
})
/** A declared service, as stored. */
export type ServiceRecord = z.output<typeof serviceRecordShape>

/** `edge-service-policy/<id>` */
export const servicePolicyRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  type: z.enum(['Dial', 'Bind']),
  semantic: semanticShape,
  identityRoles: rolesShape,
  serviceRoles: rolesShape,
  postureCheckRoles: rolesShape,
})
/** A service policy, as stored. */
export type ServicePolicyRecord = z.output<typeof servicePolicyRecordShape>

/** `edge-router-policy/<id>` */
export const edgeRouterPolicyRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  semantic: semanticShape,
  identityRoles: rolesShape,
  edgeRouterRoles: rolesShape,
})
/** An edge router policy, as stored. */
export type EdgeRouterPolicyRecord = z.output<typeof edgeRouterPolicyRecordShape>

/** `edge-service-router-policy/<id>` */
export const serviceEdgeRouterPolicyRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  semantic: semanticShape,
  serviceRoles: rolesShape,
  edgeRouterRoles: rolesShape,
})
/** A service edge router policy, as stored. */
export type ServiceEdgeRouterPolicyRecord = z.output<typeof serviceEdgeRouterPolicyRecordShape>

/** `edge-router/<hub id>`: what an administrator says of a hub; that it exists the hub says itself. */
export const edgeRouterRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  roleAttributes: roleAttributesShape,
  isTunnelerEnabled: z.literal(false),
  cost: costShape,
  noTraversal: z.boolean(),
  disabled: z.boolean(),
})
/** What is kept of a hub, as stored. */
export type EdgeRouterRecord = z.output<typeof edgeRouterRecordShape>

/** `edge-terminator/<id>`: how an endpoint's hosting of a service ranks, said before it hosts it. */
export const plannedTerminatorRecordShape = z.object({
  ...base,
  endpoint: endpointIdShape,
  serviceId: edgeIdShape,
  rank: z.object({ cost: costShape, precedence: precedenceShape }),
})
/** A hosting that an administrator planned, as stored. */
export type PlannedTerminatorRecord = z.output<typeof plannedTerminatorRecordShape>

/** `edge-signer/<id>` */
export const signerRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  issuer: z.string().min(1).max(1_024),
  audience: z.string().min(1).max(1_024),
  enabled: z.boolean(),
  /** Either the keys' address, or one certificate and its kid; with neither its OpenID configuration tells where they are. */
  jwksEndpoint: z.url().max(1_024).optional(),
  certPem: pemShape.optional(),
  kid: z.string().min(1).max(512).optional(),
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: z.string().max(64).optional(),
  /** A claim's name, or a JSON pointer to it. */
  claimsProperty: z.string().min(1).max(256),
  /** The claim is an externalId; an identity's id otherwise. */
  useExternalId: z.boolean(),
  clientId: z.string().max(512).optional(),
  scopes: z.array(z.string().max(256)).max(64),
  externalAuthUrl: z.string().max(1_024).optional(),
  targetToken: z.enum(['ACCESS', 'ID']),
  enrollToCertEnabled: z.boolean(),
  enrollToTokenEnabled: z.boolean(),
  enrollNameClaimsSelector: z.string().max(256).optional(),
  enrollAttributeClaimsSelector: z.string().max(256).optional(),
  enrollAuthPolicyId: authPolicyIdShape.optional(),
})
/** A signer of tokens that is not of this mesh, as stored. */
export type SignerRecord = z.output<typeof signerRecordShape>

/** `edge-auth-policy/<id>` */
export const authPolicyRecordShape = z.object({
  ...base,
  id: authPolicyIdShape,
  name: edgeNameShape,
  primary: z.object({
    /** Records of before may say otherwise; it never had an effect. */
    cert: z.object({ allowed: z.boolean(), allowExpiredCerts: z.boolean().transform(() => false as const) }),
    extJwt: z.object({
      allowed: z.boolean(),
      /** Ids; any signer where it is empty. */
      allowedSigners: z.array(edgeIdShape).max(1_000),
    }),
    updb: z.object({
      allowed: z.boolean(),
      minPasswordLength: z.int().min(1).max(1_024),
      requireSpecialChar: z.boolean(),
      requireNumberChar: z.boolean(),
      requireMixedCase: z.boolean(),
      /** Failed logins until the lock; never where 0. */
      maxAttempts: z.int().min(0).max(1_000),
      /** Until an administrator opens it, where 0. */
      lockoutDurationMinutes: z.int().min(0).max(525_600),
    }),
    apiKey: z.object({ allowed: z.boolean() }).default({ allowed: true }),
  }),
  secondary: z.object({
    requireTotp: z.literal(false),
    /** A token of this signer is wanted beside every login. */
    requireExtJwtSigner: edgeIdShape.optional(),
  }),
})
/** What logins are good for an identity, as stored. */
export type AuthPolicyRecord = z.output<typeof authPolicyRecordShape>

/** Ids of the config types that are there from the start. */
export const BUILT_IN_CONFIG_TYPES = ['intercept.v1', 'host.v1'] as const
/** A config type's id. */
export const configTypeIdShape = z.union([z.enum(BUILT_IN_CONFIG_TYPES), edgeIdShape])

/** `edge-config-type/<id>` */
export const configTypeRecordShape = z.object({
  ...base,
  id: configTypeIdShape,
  name: edgeNameShape,
  /** A JSON schema of an object; data of configs is checked against it. */
  schema: z.record(z.string(), z.json()),
  target: z.enum(['service', 'router']),
})
/** A kind of config, as stored. */
export type ConfigTypeRecord = z.output<typeof configTypeRecordShape>

/** `edge-config/<id>` */
export const configRecordShape = z.object({
  ...base,
  name: edgeNameShape,
  configTypeId: configTypeIdShape,
  data: z.record(z.string(), z.json()),
})
/** A config, as stored. */
export type ConfigRecord = z.output<typeof configRecordShape>

/** `edge-enrollment/<id>` */
export const enrollmentRecordShape = z.object({
  ...base,
  identityId: edgeIdShape,
  method: z.enum(['ott', 'updb']),
  /** The one-time token: the `jti` of the JWT. */
  token: z.string().min(16).max(128),
  /** What the client is given, of method ott. */
  jwt: z.string().max(8_192).optional(),
  /** Of method updb. */
  username: z.string().max(128).optional(),
  expiresAtMs: msShape,
  /** Kept for a while so that a second use is told apart from a token that never was. */
  usedAtMs: msShape.optional(),
})
/** A way in for an identity that has none yet, as stored. */
export type EnrollmentRecord = z.output<typeof enrollmentRecordShape>

const authenticatorBase = { ...base, identityId: edgeIdShape }
/** `edge-authenticator/<id>` */
export const authenticatorRecordShape = z.discriminatedUnion('method', [
  z.object({
    ...authenticatorBase,
    method: z.literal('updb'),
    username: z.string().min(1).max(128),
    /** PHC string: `$argon2id$…`. */
    passwordHash: z.string().min(16).max(512),
    failureCount: z.int().min(0).default(0),
    /** Locked until then; until an administrator opens it where it is the end of time (8.64e15). */
    lockedUntilMs: msShape.optional(),
  }),
  z.object({
    ...authenticatorBase,
    method: z.literal('api-key'),
    /** First characters of the key, to find and to show it by. */
    prefix: z.string().min(4).max(32),
    /** SHA-256 of the whole key, lower-case hex: a key is unguessable, so this is not turned back. */
    keyHash: z.string().regex(/^[0-9a-f]{64}$/),
    expiresAtMs: msShape.optional(),
  }),
  z.object({
    ...authenticatorBase,
    method: z.literal('cert'),
    /** SHA-256 of the leaf, lower-case hex. */
    fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
    certPem: pemShape,
    expiresAtMs: msShape,
    /** A certificate that was made but is not confirmed yet: it takes the other's place with its first use. */
    next: z
      .object({ fingerprint: z.string().regex(/^[0-9a-f]{64}$/), certPem: pemShape, expiresAtMs: msShape })
      .optional(),
    isIssuedByNetwork: z.boolean().default(true),
  }),
])
/** A way in of an identity, as stored. */
export type AuthenticatorRecord = z.output<typeof authenticatorRecordShape>

/** `edge-api-session/<id>`: a login. */
export const apiSessionRecordShape = z.object({
  ...base,
  identityId: edgeIdShape,
  /** SHA-256 of the token, lower-case hex; the token itself is not kept. */
  tokenHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Absent for a login by a token of an external signer. */
  authenticatorId: edgeIdShape.optional(),
  /** The signer, where a token of an external one was shown. */
  signerId: edgeIdShape.optional(),
  method: z.string().max(32),
  configTypes: z.array(z.string().max(128)).max(64),
  ipAddress: z.string().max(64),
  lastActivityAtMs: msShape,
  /** Its certificate for the mesh, once it asked for one. */
  certificates: z
    .array(
      z.object({
        id: edgeIdShape,
        /** SHA-256 of the leaf, lower-case hex. */
        fingerprint: z.string().max(64),
        /** Fingerprint of the key, as of endpoints. */
        key: z.string().max(128),
        serial: z.string().max(64),
        /** The leaf. */
        certPem: pemShape,
        createdAtMs: msShape,
        expiresAtMs: msShape,
      }),
    )
    .max(8),
  /** What it is called as a member of the mesh: the identity's name and four hex digits. */
  endpointName: z.string().max(64),
})
/** A login, as stored. */
export type ApiSessionRecord = z.output<typeof apiSessionRecordShape>

/** A right to dial or bind that was asked for; follows from its API session and is not stored. */
export interface SessionRecord {
  readonly version: 1
  readonly id: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tags: Readonly<Record<string, string>>
  readonly apiSessionId: string
  readonly identityId: string
  readonly serviceId: string
  readonly type: 'Dial' | 'Bind'
}
