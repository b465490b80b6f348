import { z } from 'zod'

/** What the `cli` of an app is run with: said first by who runs it, in a frame of kind `notice`. */
export const cliRequestShape = z.strictObject({
  args: z.array(z.string().max(8_192)).max(256),
  /** The endpoint, by name or id, whose app it is to ask; the one where it runs if absent. */
  endpoint: z.string().min(1).max(64).optional(),
})
/** What the `cli` of an app is run with. */
export type CliRequest = z.output<typeof cliRequestShape>
