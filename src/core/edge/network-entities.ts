import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'
import type { EdgeClient } from './edge-client.ts'
import type { EdgeKind } from './edge-kinds.ts'
import { type Entity, type Json, memberOf, nameOf, rolesOf, textsOf } from './entity-members.ts'
import type { KnownItem, KnownNetwork } from './network-plan.ts'
import { ITEM_SHAPES, type NetworkItem, SECTIONS, type Section, type Tags } from './network-shape.ts'

/** What the command line calls the entities of each section. */
export const SECTION_KINDS: Readonly<Record<Section, EdgeKind>> = {
  configTypes: 'config-type',
  configs: 'config',
  signers: 'signer',
  authPolicies: 'auth-policy',
  identities: 'identity',
  services: 'service',
  policies: 'policy',
  edgeRouterPolicies: 'edge-router-policy',
  serviceEdgeRouterPolicies: 'service-edge-router-policy',
}

/** The tag by which apply knows what it made; its value is the network's name. */
export const APPLY_TAG = 'ztm-apply'

/**
 * Read all that a file can declare.
 *
 * @param members  ids of endpoints and names of users: those of the mesh are identities too, but nobody declares them, they join
 * @throws MeshError as the controller
 */
export async function readKnownNetwork(
  edge: EdgeClient,
  members: ReadonlySet<string>,
): Promise<KnownNetwork> {
  const entities = {} as Record<Section, Entity[]>
  for (const section of SECTIONS) entities[section] = await edge.list(SECTION_KINDS[section])
  entities.identities = entities.identities.filter(({ id }) => !members.has(id))
  const nameById = new Map(
    SECTIONS.flatMap(section => entities[section].map(each => [each.id, nameOf(each)])),
  )
  const known = SECTIONS.map(section => [
    section,
    entities[section].filter(({ id }) => !BUILT_IN.has(id)).map(each => describe(section, each, nameById)),
  ])
  return Object.fromEntries(known) as KnownNetwork
}

function describe(section: Section, entity: Entity, names: ReadonlyMap<string, string>): KnownItem {
  const { [APPLY_TAG]: madeBy, ...tags } = (entity.tags ?? {}) as Tags
  // What a file may say is read from the entity, and what is missing there has its default.
  const members = { ...memberReader[section](entity, names), name: nameOf(entity), tags }
  const parsed = ITEM_SHAPES[section].safeParse(members)
  if (!parsed.success) {
    const state = 'it is not of the form that this version knows: use the version of the controller'
    throw new MeshError('bad-message', `Cannot read ${section}: ${quote(nameOf(entity))}: ${state}`)
  }
  return {
    id: entity.id,
    item: parsed.data,
    madeBy: typeof madeBy === 'string' ? madeBy : undefined,
  }
}

type Names = ReadonlyMap<string, string>
type Members = Readonly<Record<string, unknown>>

const nameIn = (names: Names, id: unknown) => (typeof id === 'string' ? (names.get(id) ?? id) : null)
const pick = (entity: Entity, ...members: readonly string[]): Members =>
  Object.fromEntries(members.filter(member => entity[member] != null).map(member => [member, entity[member]]))

/** Members of a file's item, from the entity that the controller shows. */
const memberReader: Readonly<Record<Section, (entity: Entity, names: Names) => Members>> = {
  configTypes: entity => pick(entity, 'schema', 'target'),
  configs: (entity, names) => ({ ...pick(entity, 'data'), type: nameIn(names, entity.configTypeId) }),
  signers: (entity, names) => ({
    ...pick(entity, ...SIGNER_MEMBERS),
    enrollAuthPolicy: nameIn(names, entity.enrollAuthPolicyId),
  }),
  authPolicies(entity, names) {
    const primary = (entity.primary ?? {}) as Readonly<Record<string, object>>
    const allowedSigners = textsOf(memberOf(entity, 'primary.extJwt.allowedSigners'))
    return {
      cert: primary.cert,
      updb: primary.updb,
      apiKey: primary.apiKey,
      extJwt: { ...primary.extJwt, allowedSigners: allowedSigners.map(id => nameIn(names, id)) },
      secondSigner: nameIn(names, memberOf(entity, 'secondary.requireExtJwtSigner')),
    }
  },
  identities: (entity, names) => ({
    ...pick(entity, ...IDENTITY_MEMBERS),
    type: entity.typeId,
    authPolicy: nameIn(names, entity.authPolicyId) ?? 'Default',
  }),
  services: (entity, names) => ({
    ...pick(entity, 'roleAttributes', 'terminatorStrategy', 'maxIdleTimeMillis'),
    configs: textsOf(entity.configs).map(id => nameIn(names, id)),
  }),
  policies: entity => ({
    ...pick(entity, 'type', 'semantic'),
    identityRoles: rolesOf(entity, 'identityRoles'),
    serviceRoles: rolesOf(entity, 'serviceRoles'),
  }),
  edgeRouterPolicies: entity => ({
    ...pick(entity, 'semantic'),
    identityRoles: rolesOf(entity, 'identityRoles'),
    edgeRouterRoles: rolesOf(entity, 'edgeRouterRoles'),
  }),
  serviceEdgeRouterPolicies: entity => ({
    ...pick(entity, 'semantic'),
    serviceRoles: rolesOf(entity, 'serviceRoles'),
    edgeRouterRoles: rolesOf(entity, 'edgeRouterRoles'),
  }),
}

/** The id that a name stands for; of something that may have been made a moment ago. @throws MeshError `not-found` */
export type IdOf = (kind: EdgeKind, name: string) => Promise<string>

/**
 * The body that makes an entity what an item says.
 *
 * @param mark  name of the network, for one that apply made
 */
export async function bodyOf(
  section: Section,
  item: NetworkItem,
  mark: string | undefined,
  idOf: IdOf,
): Promise<Record<string, Json>> {
  const { tags, ...members } = item as NetworkItem & Readonly<Record<string, Json>>
  const body: Record<string, Json> = {
    ...members,
    tags: mark === undefined ? tags : { ...tags, [APPLY_TAG]: mark },
  }
  const optional = async (kind: EdgeKind, name: unknown) =>
    typeof name === 'string' ? await idOf(kind, name) : null
  const all = (kind: EdgeKind, names: unknown) => Promise.all(textsOf(names).map(name => idOf(kind, name)))
  switch (section) {
    case 'configs':
      delete body.type
      body.configTypeId = await idOf('config-type', String(item.type))
      break
    case 'signers':
      delete body.enrollAuthPolicy
      body.enrollAuthPolicyId = await optional('auth-policy', item.enrollAuthPolicy)
      break
    case 'authPolicies': {
      const { cert, updb, apiKey, extJwt } = members
      const allowedSigners = await all('signer', memberOf(item, 'extJwt.allowedSigners'))
      for (const member of ['cert', 'updb', 'apiKey', 'extJwt', 'secondSigner']) delete body[member]
      body.primary = { cert, updb, apiKey, extJwt: { ...(extJwt as object), allowedSigners } } as Json
      body.secondary = { requireExtJwtSigner: await optional('signer', item.secondSigner) }
      break
    }
    case 'identities':
      delete body.authPolicy
      body.authPolicyId = await idOf('auth-policy', String(item.authPolicy))
      break
    case 'services':
      body.configs = await all('config', item.configs)
      body.encryptionRequired = true
      break
    default:
  }
  return body
}

const SIGNER_MEMBERS = [
  'issuer',
  'audience',
  'enabled',
  'jwksEndpoint',
  'certPem',
  'kid',
  'claimsProperty',
  'useExternalId',
  'clientId',
  'scopes',
  'externalAuthUrl',
  'targetToken',
  'enrollToCertEnabled',
  'enrollToTokenEnabled',
  'enrollNameClaimsSelector',
  'enrollAttributeClaimsSelector',
]
const IDENTITY_MEMBERS = [
  'isAdmin',
  'roleAttributes',
  'externalId',
  'defaultHostingCost',
  'defaultHostingPrecedence',
  'appData',
]
/** Config types that no file declares. */
const BUILT_IN: ReadonlySet<string> = new Set(['intercept.v1', 'host.v1'])
