import { quoteForFilter } from '../../core/edge/edge-client.ts'
import type { EdgeKind } from '../../core/edge/edge-kinds.ts'
import { type Entity, memberOf } from '../../core/edge/entity-members.ts'
import type { Collection, EntityColumn, Field, Related } from './collection.ts'
import { API_SESSIONS, AUTHENTICATORS, ENROLLMENTS, SESSIONS, TERMINATORS } from './nameless-collections.ts'
import { AUTH_POLICIES, SIGNERS } from './sign-in-collections.ts'

const attributes: EntityColumn = { title: 'edge.attributes', show: 'texts', of: ['roleAttributes'] }
const semanticColumn: EntityColumn = { title: 'edge.semantic', show: 'text', of: ['semantic'] }
const semantic: Field = {
  is: 'choice',
  choices: ['AnyOf', 'AllOf'],
  member: 'semantic',
  label: 'edge.semantic',
  flag: '--semantic',
}
const identityRoles: Field = {
  is: 'roles',
  kind: 'identity',
  member: 'identityRoles',
  label: 'edge.who',
  flag: '--identities',
}
const serviceRoles: Field = {
  is: 'roles',
  kind: 'service',
  member: 'serviceRoles',
  label: 'edge.what',
  flag: '--services',
}
const routerRoles: Field = {
  is: 'roles',
  kind: 'edge-router',
  member: 'edgeRouterRoles',
  label: 'edge.whichHubs',
  flag: '--routers',
}
const whoColumn: EntityColumn = { title: 'edge.who', show: 'roles', of: ['identityRoles'] }
const whatColumn: EntityColumn = { title: 'edge.what', show: 'roles', of: ['serviceRoles'] }
const hubsColumn: EntityColumn = { title: 'edge.whichHubs', show: 'roles', of: ['edgeRouterRoles'] }

const IDENTITIES: Collection = {
  kind: 'identity',
  title: 'edge.identity.title',
  about: 'edge.identity.about',
  searched: ['name', 'externalId'],
  columns: [{ title: 'edge.type', show: 'text', of: ['typeId'] }, attributes],
  state(entity) {
    if (entity.disabled === true) return { text: 'edge.state.disabled', mood: 'ill' }
    if (entity.hasApiSession === true || entity.hasEdgeRouterConnection === true)
      return { text: 'edge.state.loggedIn', mood: 'well' }
    if (memberOf(entity, 'enrollment.ott') !== undefined)
      return { text: 'edge.state.enrolling', mood: 'waiting' }
    return { text: 'edge.state.away', mood: 'resting' }
  },
  form: {
    base: { type: 'Device', isAdmin: false },
    fields: [
      {
        is: 'choice',
        choices: ['User', 'Device', 'Service'],
        member: 'type',
        from: 'typeId',
        label: 'edge.type',
        flag: '--type',
      },
      {
        is: 'attributes',
        kind: 'identity',
        member: 'roleAttributes',
        label: 'edge.attributes',
        flag: '--attributes',
      },
      { is: 'text', member: 'externalId', label: 'edge.externalId', flag: '--external-id' },
      {
        is: 'one',
        kind: 'auth-policy',
        member: 'authPolicyId',
        label: 'edge.authPolicy',
        flag: '--auth-policy',
      },
      {
        is: 'switch',
        member: 'isAdmin',
        label: 'edge.isAdmin',
        flag: '--admin',
        offFlag: '--no-admin',
      },
    ],
    // Endpoints and users of the mesh are identities by themselves.
    isFixed: ({ isOfMesh }) => isOfMesh === true,
  },
  related: [
    {
      title: 'edge.service.title',
      kind: 'service',
      path: id => `/identities/${encodeURIComponent(id)}/services`,
    },
    {
      title: 'edge.policy.title',
      kind: 'policy',
      path: id => `/identities/${encodeURIComponent(id)}/service-policies`,
    },
    {
      title: 'edge.edge-router.title',
      kind: 'edge-router',
      path: id => `/identities/${encodeURIComponent(id)}/edge-routers`,
    },
    { title: 'edge.session.title', kind: 'session', filter: ofIdentity },
    { title: 'edge.api-session.title', kind: 'api-session', filter: ofIdentity },
    { title: 'edge.enrollment.title', kind: 'enrollment', filter: ofIdentity },
    { title: 'edge.authenticator.title', kind: 'authenticator', filter: ofIdentity },
  ],
  deleteAsk: 'edge.identity.deleteAsk',
}

const SERVICES: Collection = {
  kind: 'service',
  title: 'edge.service.title',
  about: 'edge.service.about',
  searched: ['name'],
  columns: [attributes, { title: 'edge.strategy', show: 'text', of: ['terminatorStrategy'] }],
  form: {
    base: { encryptionRequired: true, terminatorStrategy: 'smartrouting' },
    fields: [
      {
        is: 'attributes',
        kind: 'service',
        member: 'roleAttributes',
        label: 'edge.attributes',
        flag: '--attributes',
      },
      { is: 'several', kind: 'config', member: 'configs', label: 'edge.config.title', flag: '--configs' },
      {
        is: 'choice',
        choices: ['smartrouting', 'weighted', 'random', 'sticky'],
        member: 'terminatorStrategy',
        label: 'edge.strategy',
        flag: '--strategy',
      },
      { is: 'count', min: 0, max: 86_400_000, member: 'maxIdleTimeMillis', label: 'edge.maxIdle' },
    ],
  },
  related: [
    { title: 'edge.terminator.title', kind: 'terminator', path: ofService('terminators') },
    { title: 'edge.policy.title', kind: 'policy', path: ofService('service-policies') },
    { title: 'edge.config.title', kind: 'config', path: ofService('configs') },
    {
      title: 'edge.session.title',
      kind: 'session',
      filter: id => `serviceId = ${quoteForFilter(id)}`,
    },
  ],
  deleteAsk: 'edge.service.deleteAsk',
}

const POLICIES: Collection = {
  kind: 'policy',
  title: 'edge.policy.title',
  about: 'edge.policy.about',
  searched: ['name'],
  columns: [{ title: 'edge.allows', show: 'text', of: ['type'] }, semanticColumn, whoColumn, whatColumn],
  form: {
    base: { type: 'Dial', semantic: 'AnyOf' },
    fields: [
      {
        is: 'choice',
        choices: ['Dial', 'Bind'],
        member: 'type',
        label: 'edge.allows',
        flag: '--type',
        isRequired: true,
      },
      semantic,
      identityRoles,
      serviceRoles,
    ],
  },
  related: selectedBy('service-policies', ['identity', 'identities'], ['service', 'services']),
  deleteAsk: 'edge.policy.deleteAsk',
}

const ROUTER_POLICIES: Collection = {
  kind: 'edge-router-policy',
  title: 'edge.edge-router-policy.title',
  about: 'edge.edge-router-policy.about',
  searched: ['name'],
  columns: [semanticColumn, whoColumn, hubsColumn],
  form: { base: { semantic: 'AnyOf' }, fields: [semantic, identityRoles, routerRoles] },
  related: selectedBy('edge-router-policies', ['identity', 'identities'], ['edge-router', 'edge-routers']),
  deleteAsk: 'edge.policy.deleteAsk',
}

const SERVICE_ROUTER_POLICIES: Collection = {
  kind: 'service-edge-router-policy',
  title: 'edge.service-edge-router-policy.title',
  about: 'edge.service-edge-router-policy.about',
  searched: ['name'],
  columns: [semanticColumn, whatColumn, hubsColumn],
  form: { base: { semantic: 'AnyOf' }, fields: [semantic, serviceRoles, routerRoles] },
  related: selectedBy(
    'service-edge-router-policies',
    ['service', 'services'],
    ['edge-router', 'edge-routers'],
  ),
  deleteAsk: 'edge.policy.deleteAsk',
}

const CONFIGS: Collection = {
  kind: 'config',
  title: 'edge.config.title',
  about: 'edge.config.about',
  searched: ['name'],
  columns: [{ title: 'edge.type', show: 'text', of: ['configType.name', 'configTypeId'] }],
  form: {
    base: { configTypeId: 'host.v1', data: {} },
    fields: [
      {
        is: 'one',
        kind: 'config-type',
        member: 'configTypeId',
        label: 'edge.type',
        flag: '--type',
        isRequired: true,
        isLasting: true,
      },
      { is: 'config', member: 'data', label: 'edge.data', flag: '--value' },
    ],
  },
  related: [],
  deleteAsk: 'edge.config.deleteAsk',
}

const CONFIG_TYPES: Collection = {
  kind: 'config-type',
  title: 'edge.config-type.title',
  about: 'edge.config-type.about',
  searched: ['name'],
  columns: [{ title: 'edge.target', show: 'text', of: ['target'] }],
  form: {
    base: { schema: { type: 'object' }, target: 'service' },
    fields: [
      { is: 'json', member: 'schema', label: 'edge.schema' },
      {
        is: 'choice',
        choices: ['service', 'router'],
        member: 'target',
        label: 'edge.target',
        flag: '--target',
      },
    ],
    isFixed: ({ id }) => id === 'intercept.v1' || id === 'host.v1',
  },
  related: [
    {
      title: 'edge.config.title',
      kind: 'config',
      filter: id => `configTypeId = ${quoteForFilter(id)}`,
    },
  ],
  deleteAsk: 'edge.config-type.deleteAsk',
}

const ROUTERS: Collection = {
  kind: 'edge-router',
  title: 'edge.edge-router.title',
  about: 'edge.edge-router.about',
  searched: ['name'],
  columns: [attributes, { title: 'edge.cost', show: 'text', of: ['cost'] }],
  state: ({ disabled, isOnline }) =>
    disabled === true
      ? { text: 'edge.state.disabled', mood: 'ill' }
      : isOnline === true
        ? { text: 'state.online', mood: 'well' }
        : { text: 'state.offline', mood: 'resting' },
  form: {
    isChangeOnly: true,
    base: {},
    fields: [
      {
        is: 'attributes',
        kind: 'edge-router',
        member: 'roleAttributes',
        label: 'edge.attributes',
        flag: '--attributes',
      },
      { is: 'count', min: 0, max: 65_535, member: 'cost', label: 'edge.cost', flag: '--cost' },
      {
        is: 'switch',
        member: 'disabled',
        label: 'edge.state.disabled',
        flag: '--disabled',
        offFlag: '--enabled',
      },
    ],
  },
  related: [],
  deleteAsk: 'edge.edge-router.deleteAsk',
}

/** Every collection of the controller, by its kind. */
export const COLLECTIONS: Readonly<Record<EdgeKind, Collection>> = {
  identity: IDENTITIES,
  service: SERVICES,
  policy: POLICIES,
  'edge-router-policy': ROUTER_POLICIES,
  'service-edge-router-policy': SERVICE_ROUTER_POLICIES,
  'auth-policy': AUTH_POLICIES,
  config: CONFIGS,
  'config-type': CONFIG_TYPES,
  signer: SIGNERS,
  'edge-router': ROUTERS,
  enrollment: ENROLLMENTS,
  authenticator: AUTHENTICATORS,
  terminator: TERMINATORS,
  session: SESSIONS,
  'api-session': API_SESSIONS,
}

/** Whether nobody may change this one. */
export function isFixed({ form }: Collection, entity: Entity): boolean {
  return form?.isFixed?.(entity) === true
}

function ofIdentity(id: string): string {
  return `identityId = ${quoteForFilter(id)}`
}

function ofService(what: string): (id: string) => string {
  return id => `/services/${encodeURIComponent(id)}/${what}`
}

function selectedBy(
  policies: string,
  ...targets: readonly (readonly ['identity' | 'service' | 'edge-router', string])[]
): Related[] {
  return targets.map(([kind, collection]) => ({
    title: `edge.selects.${kind}` as const,
    kind,
    path: (id: string) => `/${policies}/${encodeURIComponent(id)}/${collection}`,
  }))
}
