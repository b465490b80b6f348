import type { Readable } from 'node:stream'
import type { z } from 'zod'
import { MeshError } from '../../core/model/errors.ts'
import { readExactly } from './read-exactly.ts'

/**
 * A message at the head of a stream: 2 bytes of length, big-endian, and that much JSON.
 *
 * @throws MeshError `too-large` over 65,535 bytes
 * @see docs/protocol.md, "Proxy streams"
 */
export function encodeSmallMessage(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value))
  if (text.length > 65_535) throw new MeshError('too-large', `Cannot send message: ${text.length} bytes`)
  const bytes = Buffer.allocUnsafe(2 + text.length)
  bytes.writeUInt16BE(text.length)
  bytes.set(text, 2)
  return bytes
}

/**
 * Read such a message; what follows stays in the stream.
 *
 * @param maxBytes  a longer one is refused before it is read
 * @throws MeshError `bad-message`, `link-closed`
 */
export async function readSmallMessage<S extends z.ZodType>(
  stream: Readable,
  shape: S,
  maxBytes = MAX_SMALL_MESSAGE_BYTES,
): Promise<z.output<S>> {
  const length = (await readExactly(stream, 2)).readUInt16BE()
  if (length > maxBytes) throw bad(`${length} bytes announced`)
  const bytes = await readExactly(stream, length)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw bad('it is not JSON')
  }
  const parsed = shape.safeParse(value)
  if (!parsed.success) throw bad('it is not of its form')
  return parsed.data
}

function bad(why: string): MeshError {
  return new MeshError('bad-message', `Cannot read message: ${why}`)
}

/** The longest such message. */
export const MAX_SMALL_MESSAGE_BYTES = 4_096
