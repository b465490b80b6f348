import { z } from 'zod'
import { BILLING_ROUTES } from './billing-api.ts'
import { CATALOGUE_ROUTES } from './catalogue-api.ts'
import { HUBS_ROUTES, knownHubShape, MAX_RELAY_HUBS, meetingPassShape } from './hubs-api.ts'
import { ENDPOINT_FILTER, NETWORK_ROUTES } from './network-api.ts'
import { PEOPLE_ROUTES } from './people-api.ts'
import { defineRoute } from './route.ts'
import {
  accessRevocationShape,
  accessShape,
  candidatesShape,
  endpointIdShape,
  endpointShape,
  evictionShape,
  hubShape,
  invitationShape,
  logLinesShape,
  msShape,
  nameShape,
  pemShape,
  rankShape,
  serviceNameShape,
  serviceShape,
  userShape,
} from './shapes.ts'

const endpointParams = z.object({ endpoint: endpointIdShape })
/** Labels of an endpoint, all of them anew. */
export const labelsShape = z.strictObject({
  labels: z.array(nameShape).max(32),
  /**
   * Those that an administrator gives, for rules to go by. Absent, they are those of before that are still there, and what an
   * administrator adds.
   */
  givenLabels: z.array(nameShape).max(32).optional(),
})

const serviceParams = z.object({ service: serviceNameShape })

/** Somebody who has a stream to a service. */
const openDialShape = z.strictObject({
  service: serviceNameShape,
  user: userShape,
  endpoint: endpointIdShape,
})
/** Pairs of service and dialler that an agent asks about at once. */
export const MAX_REVIEWED_DIALS = 1_000

/** What a join is answered with, and a renewal: the certificate chain (leaf first) without the root. */
export const certificateShape = z.object({
  chain: pemShape,
  expiresAtMs: msShape,
  /** The hub's clock, so that a wrong one is noticed. */
  timeMs: msShape,
})

/**
 * What agents ask of the controller through a hub, over their link. The caller is the identity that the link's
 * certificate proves. Seen by members only, but for `enroll` and `renewLate`.
 *
 * @see docs/protocol.md, "Link"
 */
export const CONTROLLER_API = {
  ...BILLING_ROUTES,
  ...PEOPLE_ROUTES,
  ...CATALOGUE_ROUTES,
  ...NETWORK_ROUTES,
  ...HUBS_ROUTES,
  /** The one call open to a permit's key or one-time token. */
  enroll: defineRoute({
    method: 'POST',
    path: '/api/enroll',
    summary: 'Join: have a certificate made for a key that this device keeps',
    body: z.strictObject({
      request: pemShape,
      name: nameShape,
      /** One-time token of an invitation; absent where the permit's own key authenticates the call. */
      token: z.string().max(128).optional(),
      labels: z.array(nameShape).max(32).default([]),
      version: z.string().max(64),
      timeMs: msShape,
      /** Take the name over from an endpoint of the same user, which is then removed. */
      isReplacing: z.boolean().default(false),
    }),
    response: certificateShape.extend({
      endpoint: endpointIdShape,
      user: userShape,
      name: nameShape,
      /** Where the hub with the controller is reached. */
      controllers: z.array(z.string()).max(16).default([]),
      /** The hubs that only relay. */
      hubs: z.array(knownHubShape).max(MAX_RELAY_HUBS).default([]),
    }),
    errors: [
      'denied',
      'permit-used',
      'permit-expired',
      'permit-bound',
      'name-taken',
      'clock-skew',
      'evicted',
      'bad-permit',
      'too-many',
    ],
  }),
  renew: defineRoute({
    method: 'POST',
    path: '/api/certificate',
    summary: 'Renew the certificate of the calling endpoint, for the same key',
    body: z.strictObject({ request: pemShape }),
    response: certificateShape,
    errors: ['denied', 'evicted'],
  }),
  /** For a computer that was off for longer than its certificate lives. Open to anybody: the request proves the key. */
  renewLate: defineRoute({
    method: 'POST',
    path: '/api/certificate/late',
    summary: 'Renew a certificate that has ended, for the key of a known endpoint',
    body: z.strictObject({ request: pemShape }),
    response: certificateShape,
    errors: ['not-trusted', 'evicted', 'certificate-expired', 'too-many'],
  }),
  announce: defineRoute({
    method: 'PUT',
    path: '/api/endpoint',
    summary: 'Say what the calling endpoint is: version and labels',
    body: z.strictObject({ version: z.string().max(64), labels: z.array(nameShape).max(32).optional() }),
    response: endpointShape,
  }),
  listEndpoints: defineRoute({
    method: 'GET',
    path: '/api/endpoints',
    summary: 'List endpoints by name',
    query: z.object({
      ...ENDPOINT_FILTER,
      name: nameShape.optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      offset: z.coerce.number().int().min(0).default(0),
    }),
    response: z.object({ endpoints: z.array(endpointShape), total: z.number() }),
  }),
  showEndpoint: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}',
    summary: 'Show one endpoint',
    params: endpointParams,
    response: endpointShape,
    errors: ['not-found'],
  }),
  labelEndpoint: defineRoute({
    method: 'PUT',
    path: '/api/endpoints/{endpoint}/labels',
    summary:
      'Set the labels of an endpoint (its user, who leaves what administrators gave; or an administrator)',
    params: endpointParams,
    body: labelsShape,
    response: endpointShape,
    errors: ['not-found', 'denied'],
  }),
  removeEndpoint: defineRoute({
    method: 'DELETE',
    path: '/api/endpoints/{endpoint}',
    summary:
      'Remove an endpoint and everything it hosts (its user, or an administrator); its certificate ends',
    params: endpointParams,
    errors: ['not-found', 'denied'],
  }),
  listServices: defineRoute({
    method: 'GET',
    path: '/api/services',
    summary: 'List the services that the caller may dial or hosts',
    response: z.object({ services: z.array(serviceShape) }),
  }),
  host: defineRoute({
    method: 'PUT',
    path: '/api/services/{service}/hosting',
    summary: 'Host a service at the calling endpoint; the first to do so owns its name',
    params: serviceParams,
    body: z.strictObject({
      access: accessShape,
      health: z.enum(['up', 'partly', 'down', 'unknown']).default('unknown'),
      rank: rankShape.optional(),
      instance: nameShape.optional(),
    }),
    response: serviceShape,
    errors: ['denied', 'name-taken', 'too-many'],
  }),
  unhost: defineRoute({
    method: 'DELETE',
    path: '/api/services/{service}/hosting',
    summary: 'Host a service at the calling endpoint no more; without any hosting its name is free again',
    params: serviceParams,
    errors: ['not-found'],
  }),
  openSession: defineRoute({
    method: 'POST',
    path: '/api/sessions',
    summary: 'Ask to dial a service: gives a session ticket and the endpoints that host it',
    body: z.strictObject({ service: serviceNameShape }),
    response: z.object({
      ticket: z.string(),
      expiresAtMs: msShape,
      service: serviceShape,
      /** Absent where nobody wants to know what its streams carry. */
      metering: z.object({ session: z.string().max(64), reportEveryMs: msShape }).optional(),
    }),
    errors: ['not-found', 'denied', 'insufficient-balance', 'billing-failed', 'too-many'],
  }),
  reviewDiallers: defineRoute({
    method: 'POST',
    path: '/api/dial-reviews',
    summary:
      'Ask which of those who have streams to hostings of the calling endpoint may not dial them any more',
    body: z.strictObject({ open: z.array(openDialShape).min(1).max(MAX_REVIEWED_DIALS) }),
    response: z.object({ refused: z.array(accessRevocationShape) }),
  }),
  invite: defineRoute({
    method: 'POST',
    path: '/api/invitations',
    summary: 'Make a one-time invitation for a user (administrators)',
    body: z.strictObject({
      user: userShape,
      /** PEM public key of the computer that may use it; anyone's if absent. */
      identity: pemShape.optional(),
      labels: z.array(nameShape).max(32).default([]),
      validMs: msShape
        .min(1_000)
        .max(30 * 86_400_000)
        .default(86_400_000),
    }),
    response: z.object({ invitation: invitationShape, token: z.string() }),
    errors: ['denied', 'too-many'],
  }),
  listInvitations: defineRoute({
    method: 'GET',
    path: '/api/invitations',
    summary: 'List invitations (administrators)',
    response: z.object({ invitations: z.array(invitationShape) }),
    errors: ['denied'],
  }),
  revokeInvitation: defineRoute({
    method: 'DELETE',
    path: '/api/invitations/{invitation}',
    summary: 'Take an invitation back before it is used (administrators)',
    params: z.object({ invitation: z.string().max(64) }),
    errors: ['denied', 'not-found'],
  }),
  evict: defineRoute({
    method: 'POST',
    path: '/api/evictions',
    summary: 'Put a user, or one endpoint, out of the mesh (administrators)',
    body: z.strictObject({
      user: userShape.optional(),
      endpoint: endpointIdShape.optional(),
      reason: z.string().max(256).optional(),
    }),
    response: evictionShape,
    errors: ['denied', 'not-found', 'bad-input', 'too-many'],
  }),
  listEvictions: defineRoute({
    method: 'GET',
    path: '/api/evictions',
    summary: 'List evictions',
    response: z.object({ evictions: z.array(evictionShape) }),
  }),
  undoEviction: defineRoute({
    method: 'DELETE',
    path: '/api/evictions/{eviction}',
    summary: 'Undo an eviction: the certificates it refused are good again until they end (administrators)',
    params: z.object({ eviction: z.string().max(64) }),
    errors: ['denied', 'not-found'],
  }),
} as const

/** What a hub tells anybody who asks. */
export const PUBLIC_API = {
  showRoot: defineRoute({
    method: 'GET',
    path: '/api/root',
    summary: 'Give the root certificate of the mesh: whoever holds the mesh id can check it',
    response: z.object({ ca: pemShape, timeMs: msShape }),
  }),
} as const

/** What agents ask of the hub itself. */
export const HUB_API = {
  openRelay: defineRoute({
    method: 'POST',
    path: '/api/relays',
    summary: 'Ask to be introduced to an endpoint: it is told, and both get the ticket that joins them',
    body: z.strictObject({
      endpoint: endpointIdShape,
      /** By a connection of its own, or inside the link. */
      way: z.enum(['relay', 'relay-h2']).default('relay'),
      /** Needed at a hub that only relays. */
      pass: meetingPassShape.optional(),
    }),
    response: z.object({
      /** 32 bytes, base64url. Good once for each side, for 10 s. */
      ticket: z.string(),
    }),
    errors: ['denied', 'bad-ticket', 'offline', 'not-found', 'too-many'],
  }),
  offerCandidates: defineRoute({
    method: 'PUT',
    path: '/api/candidates',
    summary: 'Say where the calling endpoint may be reached without a hub; kept while its link is open',
    body: candidatesShape,
    errors: ['offline'],
  }),
  introduce: defineRoute({
    method: 'POST',
    path: '/api/introductions',
    summary: 'Ask to meet an endpoint without a hub between: both are told where the other may be reached',
    body: z.strictObject({
      endpoint: endpointIdShape,
      /** Needed at a hub that only relays. */
      pass: meetingPassShape.optional(),
    }),
    response: z.object({
      /** 32 bytes, base64url: by it the two know each other's connections until TLS has shown who they are. */
      ticket: z.string(),
      candidates: candidatesShape,
    }),
    errors: ['denied', 'bad-ticket', 'offline', 'not-found', 'too-many'],
  }),
  listHubs: defineRoute({
    method: 'GET',
    path: '/api/hubs',
    summary: 'List the hubs of the mesh',
    response: z.object({ hubs: z.array(hubShape) }),
  }),
  showCertificate: defineRoute({
    method: 'PUT',
    path: '/api/link-certificate',
    summary: 'Show the renewed certificate of the calling endpoint, so that its link may live on',
    body: z.strictObject({ chain: pemShape }),
    errors: ['not-trusted', 'evicted', 'certificate-expired'],
  }),
  hubLog: defineRoute({
    method: 'GET',
    path: '/api/log',
    summary: 'The last lines of the hub log (administrators)',
    query: z.object({
      sinceMs: z.coerce.number().optional(),
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      limit: z.coerce.number().int().min(1).max(1_000).default(200),
    }),
    response: logLinesShape,
    errors: ['denied'],
  }),
} as const

/** Path of the long-lived response that carries events from the hub, one JSON object a line. */
export const EVENTS_PATH = '/api/events'
