import { z } from 'zod'
import { MeshError } from '../model/errors.ts'
import { knownHubShape, MAX_RELAY_HUBS } from './hubs-api.ts'
import {
  accessRevocationShape,
  candidatesShape,
  endpointIdShape,
  errorShape,
  evictionShape,
  groupChangeShape,
  hubIdShape,
  meshIdShape,
  msShape,
  serviceNameShape,
} from './shapes.ts'

/** What a hub tells an agent, one JSON object a line of the response at `/api/events`. */
const eventShape = z.discriminatedUnion('event', [
  /** First line of every link. */
  z.object({
    event: z.literal('hello'),
    mesh: meshIdShape,
    hub: hubIdShape,
    names: z.array(z.string()),
    version: z.string(),
    timeMs: msShape,
    /** All evictions in force. */
    evictions: z.array(evictionShape),
    /** The hubs that only relay; absent where this one does, as it is believed nothing. */
    hubs: z.array(knownHubShape).max(MAX_RELAY_HUBS).optional(),
    /** This hub is being drained: what it relays is to go by others. */
    isDraining: z.boolean().optional(),
    /** Where the hub sees the agent come from. */
    address: z.string(),
    /**
     * The hub's UDP ports, which tell from where they see a socket, and a token of 6 bytes, hex: an agent whose questions
     * have it in their transactions is known to the hub by those addresses too.
     */
    udp: z
      .object({
        ports: z.array(z.int().min(1).max(65_535)).min(1).max(2),
        token: z.string().regex(/^[0-9a-f]{12}$/),
      })
      .optional(),
  }),
  /** Somebody wants a session: open a relay with this ticket as its accepting half. */
  z.object({
    event: z.literal('introduce'),
    ticket: z.string(),
    peer: endpointIdShape,
    /** The way the other side comes: what its network lets pass, ours may not, so both take the same. */
    way: z.enum(['relay', 'relay-h2']),
  }),
  /** Somebody wants a session without a hub between: connect to it, and expect it, by this ticket. */
  z.object({
    event: z.literal('meet'),
    ticket: z.string().max(64),
    peer: endpointIdShape,
    candidates: candidatesShape,
  }),
  z.object({ event: z.literal('evicted'), eviction: evictionShape }),
  z.object({ event: z.literal('eviction-undone'), id: z.string() }),
  /** An endpoint was removed from the mesh, or left it: sessions with it end. */
  z.object({ event: z.literal('removed'), endpoint: endpointIdShape }),
  /** Hostings or access of these services changed: what was cached of them is stale. */
  z.object({ event: z.literal('services-changed'), services: z.array(serviceNameShape) }),
  /** Somebody may not dial some services any more. Told to who dialled, and to who hosts. */
  z.object({ event: z.literal('access-revoked'), revocation: accessRevocationShape }),
  /** Endpoints came into groups or left them. Told to them, and to everybody who hosts. */
  z.object({ event: z.literal('groups-changed'), change: groupChangeShape }),
  /** An endpoint may not host a service any more: streams to it there end. */
  z.object({ event: z.literal('hosting-ended'), endpoint: endpointIdShape, service: serviceNameShape }),
  /** The hubs that only relay are these now. */
  z.object({
    event: z.literal('hubs-changed'),
    hubs: z.array(knownHubShape).max(MAX_RELAY_HUBS),
    /** This hub, with the controller, is being drained. */
    isDraining: z.boolean().optional(),
  }),
  /** Last line of a link that the hub ends: why. */
  z.object({ event: z.literal('closing'), code: errorShape.shape.code, message: z.string() }),
  /** The hub is about to stop: go elsewhere now. */
  z.object({ event: z.literal('draining') }),
])

/** What a hub tells an agent. */
export type HubEvent = z.output<typeof eventShape>

/**
 * Read one line of the event response.
 *
 * @returns the event, or undefined for a kind this version does not know
 * @throws MeshError `bad-message` if it is not one
 */
export function parseHubEvent(line: string): HubEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new MeshError('bad-message', 'Cannot read event from hub: not JSON', { cause })
  }
  const kind = (value as { event?: unknown } | null)?.event
  if (typeof kind === 'string' && !KINDS.has(kind)) return undefined
  const result = eventShape.safeParse(value)
  if (!result.success) throw new MeshError('bad-message', 'Cannot read event from hub: not of its form')
  return result.data
}

const KINDS: ReadonlySet<string> = new Set(eventShape.options.map(option => option.shape.event.value))

/** The longest event line an agent reads, in bytes. */
export const MAX_EVENT_BYTES = 4 * 1_048_576
