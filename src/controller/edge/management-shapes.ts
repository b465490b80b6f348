import { z } from 'zod'
import { pemShape } from '../../core/api/shapes.ts'
import {
  authPolicyIdShape,
  configTypeIdShape,
  costShape,
  edgeIdShape,
  edgeNameShape,
  precedenceShape,
  roleAttributesShape,
  rolesShape,
  tagsShape,
} from './edge-records.ts'

// What creates and replaces entities. Optional members may be null, which is as if they were missing; a default is filled
// in where the record is made, never here: a patch must not bring one along.

const tags = tagsShape.nullish()
const semantic = z.enum(['AnyOf', 'AllOf'])
const named = { name: edgeNameShape, tags }
const text = z.string().max(1_024).nullish()

/** An identity. */
export const identityInput = z.strictObject({
  ...named,
  type: z.enum(['User', 'Device', 'Service', 'Router', 'Default']),
  isAdmin: z.boolean(),
  roleAttributes: roleAttributesShape.nullish(),
  externalId: z.string().min(1).max(512).nullish(),
  authPolicyId: authPolicyIdShape.nullish(),
  enrollment: z
    .strictObject({ ott: z.boolean().optional(), updb: z.string().min(1).max(128).optional() })
    .nullish(),
  defaultHostingCost: costShape.nullish(),
  defaultHostingPrecedence: precedenceShape.nullish(),
  serviceHostingCosts: z.record(edgeIdShape, costShape).nullish(),
  serviceHostingPrecedences: z.record(edgeIdShape, precedenceShape).nullish(),
  appData: tagsShape.nullish(),
})
/** An identity. */
export type IdentityInput = z.output<typeof identityInput>

/** A service. */
export const serviceInput = z.strictObject({
  ...named,
  encryptionRequired: z.boolean(),
  configs: z.array(edgeIdShape).max(100).nullish(),
  roleAttributes: roleAttributesShape.nullish(),
  terminatorStrategy: z.enum(['', 'smartrouting', 'weighted', 'random', 'sticky']).nullish(),
  maxIdleTimeMillis: z.int().min(0).max(86_400_000).nullish(),
})
/** A service. */
export type ServiceInput = z.output<typeof serviceInput>

/** A service policy. */
export const servicePolicyInput = z.strictObject({
  ...named,
  type: z.enum(['Dial', 'Bind']),
  semantic,
  identityRoles: rolesShape.nullish(),
  serviceRoles: rolesShape.nullish(),
  postureCheckRoles: rolesShape.max(0, 'posture checks are not supported').nullish(),
})
/** A service policy. */
export type ServicePolicyInput = z.output<typeof servicePolicyInput>

/** An edge router policy. */
export const edgeRouterPolicyInput = z.strictObject({
  ...named,
  semantic,
  identityRoles: rolesShape.nullish(),
  edgeRouterRoles: rolesShape.nullish(),
})
/** An edge router policy. */
export type EdgeRouterPolicyInput = z.output<typeof edgeRouterPolicyInput>

/** A service edge router policy. */
export const serviceEdgeRouterPolicyInput = z.strictObject({
  ...named,
  semantic,
  serviceRoles: rolesShape.nullish(),
  edgeRouterRoles: rolesShape.nullish(),
})
/** A service edge router policy. */
export type ServiceEdgeRouterPolicyInput = z.output<typeof serviceEdgeRouterPolicyInput>

/** What an administrator says of a hub. */
export const edgeRouterInput = z.strictObject({
  ...named,
  roleAttributes: roleAttributesShape.nullish(),
  isTunnelerEnabled: z.literal(false).nullish(),
  cost: costShape.nullish(),
  noTraversal: z.boolean().nullish(),
  disabled: z.boolean().nullish(),
  appData: tagsShape.nullish(),
})
/** What an administrator says of a hub. */
export type EdgeRouterInput = z.output<typeof edgeRouterInput>

/** A signer of tokens. */
export const signerInput = z.strictObject({
  ...named,
  issuer: z.string().min(1).max(1_024),
  audience: z.string().min(1).max(1_024),
  enabled: z.boolean(),
  certPem: pemShape.nullish(),
  jwksEndpoint: z
    .url({ protocol: /^https?$/ })
    .max(1_024)
    .nullish(),
  kid: z.string().min(1).max(512).nullish(),
  claimsProperty: z.string().min(1).max(256).nullish(),
  useExternalId: z.boolean().nullish(),
  clientId: text,
  scopes: z.array(z.string().max(256)).max(64).nullish(),
  externalAuthUrl: text,
  targetToken: z.enum(['ACCESS', 'ID']).nullish(),
  enrollToCertEnabled: z.boolean().nullish(),
  enrollToTokenEnabled: z.boolean().nullish(),
  enrollNameClaimsSelector: z.string().max(256).nullish(),
  enrollAttributeClaimsSelector: z.string().max(256).nullish(),
  enrollAuthPolicyId: authPolicyIdShape.nullish(),
})
/** A signer of tokens. */
export type SignerInput = z.output<typeof signerInput>

const updb = z.strictObject({
  allowed: z.boolean(),
  minPasswordLength: z.int().min(1).max(1_024),
  requireSpecialChar: z.boolean(),
  requireNumberChar: z.boolean(),
  requireMixedCase: z.boolean(),
  maxAttempts: z.int().min(0).max(1_000),
  lockoutDurationMinutes: z.int().min(0).max(525_600),
})
const cert = z.strictObject({
  allowed: z.boolean(),
  allowExpiredCerts: z.literal(
    false,
    'a certificate that is over is good for nothing here: extend it before',
  ),
})
const extJwt = z.strictObject({ allowed: z.boolean(), allowedSigners: z.array(edgeIdShape).max(1_000) })
const apiKey = z.strictObject({ allowed: z.boolean() })
const secondary = z.strictObject({
  requireTotp: z.literal(false, 'one-time passwords are not supported').nullish(),
  requireExtJwtSigner: edgeIdShape.nullish(),
})

/** An auth policy. */
export const authPolicyInput = z.strictObject({
  ...named,
  primary: z.strictObject({ cert, extJwt, updb, apiKey: apiKey.nullish() }),
  secondary,
})
/** An auth policy. */
export type AuthPolicyInput = z.output<typeof authPolicyInput>

/** A part of an auth policy. */
export const authPolicyPatch = authPolicyInput.partial().extend({
  primary: z
    .strictObject({
      cert: cert.partial(),
      extJwt: extJwt.partial(),
      updb: updb.partial(),
      apiKey: apiKey.partial(),
    })
    .partial()
    .optional(),
})

/** A config. */
export const configInput = z.strictObject({
  ...named,
  configTypeId: configTypeIdShape,
  data: z.record(z.string(), z.json()),
})
/** A config. */
export type ConfigInput = z.output<typeof configInput>

/** A config type. */
export const configTypeInput = z.strictObject({
  ...named,
  schema: z.record(z.string(), z.json()).nullish(),
  target: z.enum(['service', 'router']).nullish(),
})
/** A config type. */
export type ConfigTypeInput = z.output<typeof configTypeInput>
