import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { endpointIdShape, nameShape, userShape } from '../../core/api/shapes.ts'
import { MeshError } from '../../core/model/errors.ts'
import { parsePortSet, parseTargetPattern } from '../../core/model/target-pattern.ts'

/** A text that a parser of `core/model` takes; its message is the parser's own. */
function readBy(parse: (text: string) => unknown, maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .superRefine((text, context) => {
      try {
        parse(text)
      } catch (error) {
        const message = error instanceof MeshError ? error.message : String(error)
        context.addIssue({ code: 'custom', message })
      }
    })
}

const patternShape = readBy(parseTargetPattern, 260)
const portsShape = readBy(parsePortSet, 200).default('*')

/** Where the proxy listens for clients. */
export const listenShape = z.strictObject({
  ip: z.string().min(1).max(64).default('127.0.0.1'),
  /** 0 chooses a free port. */
  port: z.int().min(0).max(65_535),
})

/** An endpoint to leave by. */
export const exitRefShape = z.strictObject({ id: endpointIdShape, name: nameShape, user: userShape })
/** An endpoint to leave by. */
export type ExitRef = z.output<typeof exitRefShape>

/** Which way out a client's connection takes; the first rule that fits decides. */
export const entryRuleShape = z.strictObject({
  targets: z.array(patternShape).min(1).max(1_000),
  ports: portsShape,
  /** Names that clients log in with; any client if empty. */
  clients: z.array(z.string().min(1).max(64)).max(100).default([]),
  /** `exit`: leave by one of `exits`, or by one of this user's own if there is none; `direct`: from this computer; `deny`: not at all. */
  action: z.enum(['exit', 'direct', 'deny']).default('exit'),
  /** The one with the best path is tried first; of those without a known one the first. */
  exits: z.array(exitRefShape).max(16).default([]),
})
/** A rule of the entry. */
export type EntryRule = z.output<typeof entryRuleShape>

/** Who may reach what through this exit; the first rule that fits decides, and without one they may. */
export const exitRuleShape = z.strictObject({
  targets: z.array(patternShape).min(1).max(1_000),
  ports: portsShape,
  /** Users of the mesh; everybody if it is empty and there are no groups. */
  users: z.array(userShape).max(1_000).default([]),
  /** And the members of these groups; with an empty list, or groups that nobody is in, nobody beside `users`. */
  groups: z.array(nameShape).max(1_000).optional(),
  action: z.enum(['allow', 'deny']),
})
/** A rule of the exit. */
export type ExitRule = z.output<typeof exitRuleShape>

/** How an endpoint is an exit. */
export const exitSettingShape = z.strictObject({
  /** Users who may leave here, besides the endpoint's own; `*` is everybody in the mesh. */
  users: z.array(z.union([userShape, z.literal('*')])).max(1_000),
  /** And the members of these groups. */
  groups: z.array(nameShape).max(1_000).optional(),
  /** What is open of this computer and the networks around it; everything else of them is closed. */
  opens: z.array(patternShape).max(1_000),
  rules: z.array(exitRuleShape).max(200),
})
/** How an endpoint is an exit. */
export type ExitSetting = z.output<typeof exitSettingShape>

/** The proxy of an endpoint: where clients come in, and whether others leave here. */
export const proxyConfigShape = z.object({
  listen: listenShape.extend({ isOpen: z.boolean(), error: z.string().optional() }).optional(),
  /** Names that clients log in with; without any, no login is asked. */
  clients: z.array(z.string()),
  rules: z.array(entryRuleShape),
  exit: exitSettingShape.extend({ error: z.string().optional() }).optional(),
  connectionCount: z.number(),
  exitConnectionCount: z.number(),
  totalCount: z.number(),
  failedCount: z.number(),
  lastError: z.string().optional(),
})
/** The proxy of an endpoint. */
export type ProxyConfig = z.output<typeof proxyConfigShape>

/** Changes to a proxy; what is absent stays as it is, `null` takes away. */
export const proxyChangeShape = z.strictObject({
  listen: listenShape.nullable().optional(),
  /** All of them; those without a password keep theirs. */
  clients: z
    .array(
      z.strictObject({
        name: z
          .string()
          .min(1)
          .max(64)
          .regex(/^[^:\p{Cc}]+$/u),
        password: z.string().min(1).max(255).optional(),
      }),
    )
    .max(100)
    .optional(),
  rules: z.array(entryRuleShape).max(200).optional(),
  exit: exitSettingShape.partial().nullable().optional(),
})
/** Changes to a proxy. */
export type ProxyChange = z.output<typeof proxyChangeShape>

/** What would become of a connection. */
export const verdictShape = z.object({
  host: z.string(),
  port: z.number(),
  /** The number of the rule that decides, from 0; absent where none fits. */
  rule: z.number().optional(),
  action: entryRuleShape.shape.action,
  /** By whom it would leave; absent unless that was tried, and worked. */
  exit: exitRefShape.partial({ name: true }).optional(),
  /** Why it would not. */
  error: z.string().optional(),
})

const params = z.object({ endpoint: z.string().min(1).max(64) })

/** The proxy app's API, below `/api/meshes/{mesh}/apps/ztm/proxy`. */
export const PROXY_API = {
  showConfig: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Show the proxy of an endpoint',
    params,
    response: proxyConfigShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  changeConfig: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/config',
    summary: 'Change the proxy of an endpoint',
    params,
    body: proxyChangeShape,
    response: proxyConfigShape,
    errors: ['not-found', 'denied', 'offline', 'port-in-use', 'not-permitted', 'name-taken'],
  }),
  testTarget: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/test',
    summary: 'Say which rule and which exit a connection would take, and connect to see',
    params,
    body: z.strictObject({
      host: z.string().min(1).max(253),
      port: z.int().min(1).max(65_535),
      client: z.string().max(64).optional(),
    }),
    response: verdictShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
} as const
