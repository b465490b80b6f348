import { z } from 'zod'
import { errorShape } from '../../core/api/shapes.ts'
import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'

/** What an entry says to an exit first. */
export const passageShape = z.strictObject({
  protocol: z.enum(['tcp', 'udp']),
  /** A name, which the exit looks up, or an IP address. Of a UDP stream each datagram names its own. */
  host: z.string().max(253),
  port: z.int().min(0).max(65_535),
})
/** What an entry says to an exit first. */
export type PassageMessage = z.output<typeof passageShape>

/** What the exit answers; bytes of the connection follow if it is good. */
export const passageAnswerShape = z.union([
  z.strictObject({ isOpen: z.literal(true) }),
  z.strictObject({ isOpen: z.literal(false), error: errorShape }),
])

/** The service by which endpoints of a user let others out. @throws MeshError `bad-name` for a user name over 58 characters */
export function exitServiceOf(user: UserName): ServiceName {
  return parseServiceName(`tcp/.exit.${user}`)
}
