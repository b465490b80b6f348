import { z } from 'zod'
import { MeshError } from '../model/errors.ts'
import { hubNamesShape, knownHubShape, MAX_RELAY_HUBS } from './hubs-api.ts'
import { defineRoute } from './route.ts'
import {
  endpointIdShape,
  errorShape,
  evictionShape,
  hubIdShape,
  msShape,
  pemShape,
  userShape,
} from './shapes.ts'

/** Links that a hub tells of in one report. */
export const MAX_REPORTED_LINKS = 1_000

const certificateShape = z.object({ chain: pemShape, expiresAtMs: msShape, timeMs: msShape })

/** A link that a hub has: whose, by which certificate, from where. */
const reportedLinkShape = z.strictObject({
  endpoint: endpointIdShape,
  user: userShape,
  issuedAtMs: msShape,
  address: z.string().max(128),
})
/** A link that a hub has: whose, by which certificate, from where. */
export type ReportedLink = z.output<typeof reportedLinkShape>

/**
 * What a hub that only relays asks of the controller. The caller is the hub that its certificate proves, but for
 * `enrollHub`, which is open to who has a token.
 *
 * @see docs/protocol.md, "Hubs that only relay"
 */
export const RELAY_HUB_API = {
  enrollHub: defineRoute({
    method: 'POST',
    path: '/api/hub-enrolments',
    summary:
      'Become a hub of the mesh that only relays: have a certificate made for a key that this computer keeps',
    body: z.strictObject({
      request: pemShape,
      token: z.string().max(128),
      names: hubNamesShape,
      version: z.string().max(64),
      timeMs: msShape,
    }),
    response: certificateShape.extend({ hub: hubIdShape }),
    errors: ['bad-permit', 'permit-used', 'permit-expired', 'clock-skew', 'too-many'],
  }),
  renewHub: defineRoute({
    method: 'POST',
    path: '/api/hub-certificates',
    summary: 'Renew the certificate of the calling hub, for the same key',
    body: z.strictObject({ request: pemShape, names: hubNamesShape }),
    response: certificateShape,
    errors: ['not-trusted', 'denied'],
  }),
  reportHub: defineRoute({
    method: 'PUT',
    path: '/api/hub-report',
    summary: 'Say how the calling hub is, and whose links it has; gives those that it must end',
    body: z.strictObject({
      names: hubNamesShape,
      version: z.string().max(64),
      startedAtMs: msShape,
      linkCount: z.int().nonnegative(),
      relayCount: z.int().nonnegative(),
      relayedBytes: z.number().nonnegative(),
      /** The first report of a connection: what was said before is void. */
      isFirst: z.boolean(),
      opened: z.array(reportedLinkShape).max(MAX_REPORTED_LINKS),
      closed: z.array(endpointIdShape).max(MAX_REPORTED_LINKS),
    }),
    response: z.object({
      refused: z.array(z.object({ endpoint: endpointIdShape, error: errorShape })).max(MAX_REPORTED_LINKS),
    }),
    errors: ['not-trusted'],
  }),
} as const

/** Path of the long-lived response that tells a hub that only relays who is out, one JSON object a line. */
export const HUB_FEED_PATH = '/api/hub-feed'

/** All hubs that only relay, the one that hears it among them. */
const relayHubsShape = z.array(knownHubShape).max(MAX_RELAY_HUBS)

const feedShape = z.discriminatedUnion('event', [
  /** First line. */
  z.object({
    event: z.literal('state'),
    timeMs: msShape,
    /** All evictions in force. */
    evictions: z.array(evictionShape),
    hubs: relayHubsShape.default([]),
  }),
  /** The hubs that only relay are now these. */
  z.object({ event: z.literal('hubs-changed'), hubs: relayHubsShape }),
  z.object({
    event: z.literal('evicted'),
    eviction: evictionShape,
    /** Everyone it puts out, linked or not. */
    endpoints: z.array(endpointIdShape),
  }),
  z.object({ event: z.literal('eviction-undone'), id: z.string() }),
  /** An endpoint was removed from the mesh, or left it. */
  z.object({ event: z.literal('removed'), endpoint: endpointIdShape }),
  /** Last line of a feed that the controller ends: why. */
  z.object({ event: z.literal('closing'), code: errorShape.shape.code, message: z.string() }),
])

/** What the controller tells a hub that only relays. */
export type HubFeedEvent = z.output<typeof feedShape>

/**
 * Read one line of the feed.
 *
 * @returns the event, or undefined for a kind this version does not know
 * @throws MeshError `bad-message` if it is not one
 */
export function parseHubFeedEvent(line: string): HubFeedEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new MeshError('bad-message', 'Cannot read feed: not JSON', { cause })
  }
  const kind = (value as { event?: unknown } | null)?.event
  if (typeof kind === 'string' && !KINDS.has(kind)) return undefined
  const result = feedShape.safeParse(value)
  if (!result.success) throw new MeshError('bad-message', 'Cannot read feed: not of its form')
  return result.data
}

const KINDS: ReadonlySet<string> = new Set(feedShape.options.map(option => option.shape.event.value))
