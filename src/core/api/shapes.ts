import { z } from 'zod'
import { ERRORS, type ErrorCode, MeshError } from '../model/errors.ts'
import { parseEndpointId, parseHubId, parseMeshId } from '../model/ids.ts'
import { parseName, parseServiceName, parseUserName } from '../model/names.ts'

/** Addresses of one kind that an endpoint may offer. */
export const MAX_CANDIDATES = 8

/** A schema around one of the parsers of `core/model`; its message is the parser's own. */
function parsedBy<T extends string>(parse: (value: unknown) => T, example: string): z.ZodType<T, string> {
  const schema = z
    .string()
    .max(256)
    .normalize()
    .superRefine((value, context) => {
      try {
        // A parser gives back the text it was given, in NFC form: with that done, checking is all there is to do.
        parse(value)
      } catch (error) {
        context.addIssue({
          code: 'custom',
          message: error instanceof MeshError ? error.message : String(error),
        })
      }
    })
    .meta({ examples: [example] })
  return schema as unknown as z.ZodType<T, string>
}

/** A name of a mesh, endpoint, group or label. */
export const nameShape = parsedBy(value => parseName(value), 'home')
/** A user's name. */
export const userShape = parsedBy(parseUserName, 'bob')
/** `tcp/NAME` or `udp/NAME`. */
export const serviceNameShape = parsedBy(parseServiceName, 'tcp/web')
/** A mesh's id. */
export const meshIdShape = parsedBy(parseMeshId, 'abcdefghijklmnopqrstuvwxyz')
/** An endpoint's id. */
export const endpointIdShape = parsedBy(parseEndpointId, '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11')
/** A hub's id. */
export const hubIdShape = parsedBy(parseHubId, '7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11')
/** PEM text, one or several blocks. */
export const pemShape = z
  .string()
  .max(16_384)
  .regex(/^-----BEGIN [A-Z ]+-----\r?\n/, 'not PEM text')
/** Milliseconds since the epoch, or of a span. */
export const msShape = z.number().nonnegative().max(8.64e15)

/** Every error answer of every API. */
export const errorShape = z.object({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
})

/** Who may dial a service hosted at an endpoint. */
export const accessShape = z.strictObject({
  /** Users who may dial besides the owner; `*` is every member of the mesh. */
  users: z
    .array(z.union([userShape, z.literal('*')]))
    .max(1_000)
    .default([]),
  /** And the members of these groups; one that is empty or gone lets nobody in. */
  groups: z.array(nameShape).max(1_000).optional(),
  /** Endpoints one may dial from; empty means from any. */
  entrances: z.array(endpointIdShape).max(1_000).default([]),
  /** And whomever the controller's service policies let in. */
  policies: z.boolean().optional(),
})

/** Who may dial a service hosted at an endpoint. */
export type Access = z.output<typeof accessShape>

/** An endpoint, as members see it. */
export const endpointShape = z.object({
  id: endpointIdShape,
  name: nameShape,
  user: userShape,
  labels: z.array(nameShape),
  /** Those of them that an administrator gave: rules go by these alone, as its user may put on others. */
  givenLabels: z.array(nameShape).default([]),
  version: z.string(),
  isOnline: z.boolean(),
  /** When it was last connected; now, if it is. */
  lastSeenMs: msShape,
  /** Where its link comes from, `host:port`; absent while offline. */
  address: z.string().optional(),
})
/** An endpoint, as members see it. */
export type EndpointInfo = z.output<typeof endpointShape>

/** How a hosting stands to the others of its service. */
export const rankShape = z.strictObject({
  /** The lower, the more of the connections; within its precedence. */
  cost: z.int().min(0).max(65_535).default(0),
  /** `required` is taken before all others, `failed` where there is no other. */
  precedence: z.enum(['required', 'default', 'failed']).default('default'),
})
/** How a hosting stands to the others of its service. */
export type Rank = z.output<typeof rankShape>

/**
 * How a dialler chooses among hostings of equal precedence: the cheapest, in turn where several are (`smartrouting`); by
 * chance, the cheaper the likelier (`weighted`); by chance (`random`); the one it had before (`sticky`).
 */
export const strategyShape = z.enum(['smartrouting', 'weighted', 'random', 'sticky'])
/** One endpoint that serves a service. */
export const hostingShape = z.object({
  endpoint: endpointIdShape,
  name: nameShape,
  isOnline: z.boolean(),
  /** What the hosting agent last said of its targets. */
  health: z.enum(['up', 'partly', 'down', 'unknown']),
  access: accessShape,
  /** Whose endpoint it is, of a service that the controller owns; the owner's where absent. */
  user: userShape.optional(),
  rank: rankShape.optional(),
  /** What it calls itself, for who wants just this one: `instance@service`. */
  instance: nameShape.optional(),
})

/** A service and the endpoints that host it. */
export const serviceShape = z.object({
  name: serviceNameShape,
  owner: userShape,
  /** Each in turn where absent. */
  strategy: strategyShape.optional(),
  hostings: z.array(hostingShape),
})
/** A service and the endpoints that host it. */
export type ServiceInfo = z.output<typeof serviceShape>

/** A hub, as members see it. */
export const hubShape = z.object({
  id: hubIdShape,
  /** Where it is reached: `host:port`. */
  names: z.array(z.string()),
  version: z.string(),
  startedAtMs: msShape,
  linkCount: z.number(),
  relayCount: z.number(),
  /** Bytes copied between agents since the start. */
  relayedBytes: z.number(),
  certificateExpiresAtMs: msShape,
  /** It only relays; the controller is elsewhere. */
  isRelay: z.boolean().optional(),
  /** Whether the controller hears of a hub that only relays; absent for the controller's own. */
  isOnline: z.boolean().optional(),
  /** It is being drained: nothing new goes by it. */
  isDraining: z.boolean().optional(),
})
/** A hub, as members see it. */
export type HubInfo = z.output<typeof hubShape>

/** A user, known by an endpoint, an invitation or both. */
export const userInfoShape = z.object({
  name: userShape,
  isAdmin: z.boolean(),
  endpointCount: z.number(),
  onlineCount: z.number(),
  isEvicted: z.boolean(),
  /** The groups they are in; a hub of before groups says none. */
  groups: z.array(nameShape).default([]),
  /** When one of their endpoints was last connected; absent where none ever was. */
  lastSeenMs: msShape.optional(),
})
/** A user, known by an endpoint, an invitation or both. */
export type UserInfo = z.output<typeof userInfoShape>

/** Users and endpoints under one name, for the rules of services and apps. */
export const groupShape = z.object({
  name: nameShape,
  /** By name; identities of the controller by their UUIDs. */
  users: z.array(userShape),
  /** Endpoints to which an administrator gave one of these labels are in it, whoever's they are. */
  labels: z.array(nameShape).default([]),
  createdAtMs: msShape,
  changedAtMs: msShape,
})
/** Users and endpoints under one name. */
export type Group = z.output<typeof groupShape>

/**
 * The groups of some endpoints changed: session tickets that were issued at `beforeMs` or earlier say what was. These are in
 * the groups of `left` no more, and in those of `joined` now.
 */
export const groupChangeShape = z.object({
  endpoints: z.array(endpointIdShape).min(1).max(1_000),
  left: z.array(nameShape).max(1_000),
  joined: z.array(nameShape).max(1_000),
  /** By the hub's clock. */
  beforeMs: msShape,
})
/** The groups of some endpoints changed. */
export type GroupChange = z.output<typeof groupChangeShape>

/** Somebody put out of the mesh: a user with everything issued before `beforeMs`, or one endpoint. */
export const evictionShape = z.object({
  id: z.string().max(64),
  user: userShape,
  endpoint: endpointIdShape.optional(),
  /** Certificates issued before this moment are refused. */
  beforeMs: msShape,
  by: userShape,
  reason: z.string().max(256).optional(),
})
/** Somebody put out of the mesh. */
export type Eviction = z.output<typeof evictionShape>

/**
 * A user, or one endpoint of theirs, may not dial these services any more: open streams end, and session tickets that were
 * issued at `beforeMs` or earlier are void. A ticket of later says that it is allowed again.
 */
export const accessRevocationShape = z.object({
  user: userShape,
  endpoint: endpointIdShape.optional(),
  services: z.array(serviceNameShape).min(1).max(1_000),
  /** By the hub's clock. */
  beforeMs: msShape,
  /** Why, for the program whose stream ends. */
  reason: errorShape,
})
/** A user, or one endpoint of theirs, may not dial these services any more. */
export type AccessRevocation = z.output<typeof accessRevocationShape>

/** An invitation that was made and what became of it. */
export const invitationShape = z.object({
  id: z.string(),
  user: userShape,
  /** Who made it. */
  by: userShape.optional(),
  createdAtMs: msShape,
  expiresAtMs: msShape,
  state: z.enum(['open', 'used', 'expired', 'revoked']),
  /** Bound to a key: only that computer can use it. */
  isBound: z.boolean(),
  usedBy: endpointIdShape.optional(),
  /** Labels that the endpoint gets. */
  labels: z.array(nameShape).default([]),
})
/** An invitation that was made and what became of it. */
export type Invitation = z.output<typeof invitationShape>

/** Log lines, oldest first. */
export const logLinesShape = z.object({
  lines: z.array(
    z.object({
      timeMs: msShape,
      level: z.enum(['debug', 'info', 'warn', 'error']),
      event: z.string(),
      fields: z.record(
        z.string(),
        z.union([
          z.string(),
          z.number(),
          z.boolean(),
          z.null(),
          z.undefined(),
          z.array(z.string()).readonly(),
        ]),
      ),
    }),
  ),
})
/** Log lines, oldest first. */
export type LogLines = z.output<typeof logLinesShape>['lines']

/**
 * Where an endpoint may be reached without a hub, `IP:port` each. Those for TCP are listening ports, those for UDP the
 * addresses of one socket; `nat` is what its NAT does with that socket.
 */
export const candidatesShape = z.strictObject({
  tcp: z.array(z.string().max(64)).max(MAX_CANDIDATES).default([]),
  udp: z.array(z.string().max(64)).max(MAX_CANDIDATES).default([]),
  nat: z.enum(['none', 'endpoint-independent', 'symmetric', 'blocked', 'unknown']).default('unknown'),
})
/** Where an endpoint may be reached without a hub. */
export type Candidates = z.output<typeof candidatesShape>
