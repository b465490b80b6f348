import { z } from 'zod'
import type { BridgeMessage } from '../../core/app/bridge-message.ts'
import { BRIDGE_LIMITS } from '../../core/app/bridge-stream.ts'
import { MeshError } from '../../core/model/errors.ts'

const id = z.int().min(0).max(0xffff_ffff)
const op = z.string().max(64)
/** JSON as it was parsed: what is in it is each operation's to check. */
const json = z.custom<never>(() => true)

/** What a sandboxed process may say. Unknown members are refused. */
const messageShape = z.discriminatedUnion('say', [
  z.strictObject({ say: z.literal('call'), id, op, args: json }),
  z.strictObject({ say: z.literal('answer'), id, value: json }),
  z.strictObject({ say: z.literal('fail'), id, code: z.string().max(64), message: z.string().max(8_192) }),
  z.strictObject({ say: z.literal('tell'), op, args: json }),
  z.strictObject({
    say: z.literal('credit'),
    stream: id,
    bytes: z.int().min(1).max(BRIDGE_LIMITS.windowBytes),
  }),
  z.strictObject({ say: z.literal('open'), stream: id }),
  z.strictObject({ say: z.literal('end'), stream: id }),
  z.strictObject({ say: z.literal('reset'), stream: id, message: z.string().max(8_192) }),
])

/**
 * Read what a sandboxed process says.
 *
 * @param text  of one message, at most `MAX_APP_MESSAGE_BYTES`
 * @throws MeshError `bad-message`
 */
export function parseBridgeMessage(text: string): BridgeMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new MeshError('bad-message', 'it sent a message that is not JSON')
  }
  const parsed = messageShape.safeParse(value)
  if (!parsed.success) throw new MeshError('bad-message', 'it sent a message that is none')
  return parsed.data
}
