import { z } from 'zod'

/** What `ztm app dev` asks of the agent, at the head of its stream. */
export const devRequestShape = z.strictObject({
  /** The app's, from the root. */
  folder: z.string().min(1).max(4_096),
  /** Not to run the app, but the commands of the one that runs from that folder: terminal frames follow, both ways. */
  isCommands: z.literal(true).optional(),
})

/** What the agent says then, a line of JSON each. */
export const devLineShape = z.discriminatedUnion('say', [
  z.object({
    say: z.literal('running'),
    app: z.string(),
    version: z.string(),
    /** What it has of what it asks for, in words. */
    grants: z.array(z.string()),
    walls: z.enum(['kernel', 'node']),
    /** Where its page and its API are, with the key to it. */
    url: z.string(),
  }),
  z.object({
    say: z.literal('log'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    event: z.string(),
    fields: z.record(z.string(), z.unknown()),
  }),
  z.object({ say: z.literal('changed'), path: z.string() }),
  z.object({ say: z.literal('failed'), error: z.string() }),
])
/** What the agent says of an app that is being made. */
export type DevLine = z.output<typeof devLineShape>
