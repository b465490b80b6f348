import { z } from 'zod'

// A network as a person writes it down: what apply makes of it, and what export gives. Everything is referred to by name;
// what is left out has its default, so that a file says all there is to say.

const name = z.string().trim().min(1).max(128)
const names = z.array(name).max(1_000).default([])
const attributes = z.array(z.string().min(1).max(128)).max(128).default([])
const roles = z
  .array(z.string().regex(/^[#@]./u, 'a role is #attribute, #all or @name'))
  .max(1_000)
  .default([])
const tags = z
  .record(z.string().max(128), z.union([z.string().max(4_096), z.number(), z.boolean(), z.null()]))
  .default({})
const text = z.string().max(1_024).nullable().default(null)
const semantic = z.enum(['AnyOf', 'AllOf']).default('AnyOf')
const cost = z.int().min(0).max(65_535).default(0)
const json = z.record(z.string(), z.json())

/** One entity of each section of a file, defaults filled in by parsing. */
export const ITEM_SHAPES = {
  configTypes: z.strictObject({
    name,
    schema: json.default({ type: 'object' }),
    target: z.enum(['service', 'router']).default('service'),
    tags,
  }),
  configs: z.strictObject({
    name,
    /** The config type's name. */
    type: name,
    data: json.default({}),
    tags,
  }),
  signers: z.strictObject({
    name,
    issuer: z.string().min(1).max(1_024),
    audience: z.string().min(1).max(1_024),
    enabled: z.boolean().default(true),
    jwksEndpoint: text,
    certPem: z.string().max(65_536).nullable().default(null),
    kid: text,
    claimsProperty: z.string().min(1).max(256).default('sub'),
    useExternalId: z.boolean().default(true),
    clientId: text,
    scopes: z.array(z.string().max(256)).max(64).default([]),
    externalAuthUrl: text,
    targetToken: z.enum(['ACCESS', 'ID']).default('ACCESS'),
    enrollToCertEnabled: z.boolean().default(false),
    enrollToTokenEnabled: z.boolean().default(false),
    enrollNameClaimsSelector: text,
    enrollAttributeClaimsSelector: text,
    /** The auth policy's name. */
    enrollAuthPolicy: text,
    tags,
  }),
  authPolicies: z.strictObject({
    name,
    cert: z
      .strictObject({ allowed: z.boolean().default(true), allowExpiredCerts: z.boolean().default(false) })
      .prefault({}),
    extJwt: z
      .strictObject({
        allowed: z.boolean().default(true),
        /** Names of signers; any where there is none. */
        allowedSigners: names,
      })
      .prefault({}),
    updb: z
      .strictObject({
        allowed: z.boolean().default(true),
        minPasswordLength: z.int().default(8),
        requireSpecialChar: z.boolean().default(false),
        requireNumberChar: z.boolean().default(false),
        requireMixedCase: z.boolean().default(false),
        maxAttempts: z.int().default(5),
        lockoutDurationMinutes: z.int().default(5),
      })
      .prefault({}),
    apiKey: z.strictObject({ allowed: z.boolean().default(true) }).prefault({}),
    /** Name of the signer whose token is wanted besides. */
    secondSigner: text,
    tags,
  }),
  identities: z.strictObject({
    name,
    type: z.enum(['User', 'Device', 'Service', 'Router', 'Default']).default('User'),
    isAdmin: z.boolean().default(false),
    roleAttributes: attributes,
    externalId: text,
    /** The auth policy's name. */
    authPolicy: name.default('Default'),
    defaultHostingCost: cost,
    defaultHostingPrecedence: z.enum(['default', 'required', 'failed']).default('default'),
    appData: tags,
    tags,
  }),
  services: z.strictObject({
    name,
    roleAttributes: attributes,
    /** Names of configs. */
    configs: names,
    terminatorStrategy: z.enum(['smartrouting', 'weighted', 'random', 'sticky']).default('smartrouting'),
    maxIdleTimeMillis: z.int().min(0).default(0),
    tags,
  }),
  policies: z.strictObject({
    name,
    type: z.enum(['Dial', 'Bind']),
    semantic,
    identityRoles: roles,
    serviceRoles: roles,
    tags,
  }),
  edgeRouterPolicies: z.strictObject({
    name,
    semantic,
    identityRoles: roles,
    edgeRouterRoles: roles,
    tags,
  }),
  serviceEdgeRouterPolicies: z.strictObject({
    name,
    semantic,
    serviceRoles: roles,
    edgeRouterRoles: roles,
    tags,
  }),
} as const

/** The sections of a file, in the order in which their entities are made: each refers to earlier ones only. */
export const SECTIONS = Object.keys(ITEM_SHAPES) as Section[]

/** Name of a section. */
export type Section = keyof typeof ITEM_SHAPES

/** An entity of a file: its name, and members of its section's shape. */
export type NetworkItem = { readonly name: string; readonly tags: Tags } & Readonly<Record<string, unknown>>

/** What a person hangs on an entity. */
export type Tags = Readonly<Record<string, string | number | boolean | null>>

/** A network, each section complete. */
export interface Network {
  /** Tells what one file made from what others did: what prune may remove. */
  readonly name: string
  readonly sections: Readonly<Record<Section, readonly NetworkItem[]>>
}

/** Name of a network that has none of its own. */
export const DEFAULT_NETWORK = 'default'

/** Shape of a whole file. */
export const networkFileShape = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'letters, digits, ".", "_" and "-", at most 64')
    .default(DEFAULT_NETWORK),
  ...(Object.fromEntries(
    Object.entries(ITEM_SHAPES).map(([section, shape]) => [section, z.array(shape).max(20_000).default([])]),
  ) as { [S in Section]: z.ZodDefault<z.ZodArray<(typeof ITEM_SHAPES)[S]>> }),
})
