import type { Readable } from 'node:stream'
import { MeshError } from '../../core/model/errors.ts'
import { untilReadable } from '../../sdk/for-apps/read-exactly.ts'

/**
 * Read the next message of a connection, by a reader that is given all bytes so far; what follows stays in the connection.
 *
 * @param maxBytes  a message that is not whole by then is none
 * @returns what the reader made of it: `done` or `bad`
 * @throws MeshError `link-closed` if the connection ends before
 */
export async function readHead<R extends { readonly state: string }>(
  connection: Readable,
  read: (bytes: Uint8Array) => R,
  maxBytes: number,
): Promise<Exclude<R, { state: 'more' }>> {
  let seen: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk: Buffer | null = connection.read()
    if (chunk !== null) {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
      const result = read(seen) as R & { readonly byteCount?: number }
      if (result.state !== 'more') {
        const rest = seen.subarray(result.byteCount ?? seen.length)
        if (rest.length > 0) connection.unshift(rest)
        return result as unknown as Exclude<R, { state: 'more' }>
      }
      if (seen.length > maxBytes) throw new MeshError('too-large', 'Cannot read request: it does not end')
    } else {
      if (connection.readableEnded || connection.destroyed)
        throw new MeshError('link-closed', 'Connection ended')
      await untilReadable(connection)
    }
  }
}
