/** What the controller keeps, by what the command line calls it. */
export interface EdgeKindInfo {
  /** The words people use for it; the first is the one shown. */
  readonly words: readonly [string, ...string[]]
  /** Its collection in the management API. */
  readonly collection: string
  /** What it is, for help. */
  readonly about: string
}

/** Every kind of entity of the management API that the command line knows. */
export const EDGE_KINDS = {
  identity: {
    words: ['identity', 'identities'],
    collection: 'identities',
    about: 'an identity: a program or a person that logs in',
  },
  service: {
    words: ['service', 'services', 'svc'],
    collection: 'services',
    about: 'a service that policies speak of',
  },
  policy: {
    words: ['policy', 'policies', 'service-policy', 'service-policies'],
    collection: 'service-policies',
    about: 'a service policy: who may dial or bind what',
  },
  signer: {
    words: ['signer', 'signers', 'ext-jwt-signer', 'ext-jwt-signers', 'external-jwt-signers'],
    collection: 'external-jwt-signers',
    about: 'a signer: whose tokens are good for a login',
  },
  'auth-policy': {
    words: ['auth-policy', 'auth-policies'],
    collection: 'auth-policies',
    about: 'an auth policy: which logins are good for an identity',
  },
  config: { words: ['config', 'configs'], collection: 'configs', about: 'a config of services' },
  'config-type': {
    words: ['config-type', 'config-types'],
    collection: 'config-types',
    about: 'a config type: what configs look like',
  },
  enrollment: {
    words: ['enrollment', 'enrollments'],
    collection: 'enrollments',
    about: 'an enrollment: a one-time way in for an identity',
  },
  authenticator: {
    words: ['authenticator', 'authenticators'],
    collection: 'authenticators',
    about: 'an authenticator: a way in of an identity',
  },
  'edge-router': {
    words: ['edge-router', 'edge-routers', 'router', 'routers'],
    collection: 'edge-routers',
    about: 'an edge router: what policies know of a hub',
  },
  'edge-router-policy': {
    words: ['edge-router-policy', 'edge-router-policies', 'erp'],
    collection: 'edge-router-policies',
    about: 'an edge router policy: which hubs identities may use',
  },
  'service-edge-router-policy': {
    words: ['service-edge-router-policy', 'service-edge-router-policies', 'serp'],
    collection: 'service-edge-router-policies',
    about: 'a service edge router policy: by which hubs services are reached',
  },
  terminator: {
    words: ['terminator', 'terminators'],
    collection: 'terminators',
    about: 'a terminator: an endpoint that hosts a service',
  },
  session: {
    words: ['session', 'sessions'],
    collection: 'sessions',
    about: 'a session: a right to dial or bind that was asked for',
  },
  'api-session': {
    words: ['api-session', 'api-sessions'],
    collection: 'api-sessions',
    about: 'an API session: a login',
  },
} as const satisfies Readonly<Record<string, EdgeKindInfo>>

/** A kind of entity at the controller. */
export type EdgeKind = keyof typeof EDGE_KINDS
/** Those that the mesh does not know by the same word. */
export type ControllerKind = Exclude<EdgeKind, 'service'>

/** Whether a kind of thing is one of the controller's. */
export function isEdgeKind(kind: string): kind is EdgeKind {
  return Object.hasOwn(EDGE_KINDS, kind)
}
