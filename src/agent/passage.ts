import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'
import { PASSAGE_AUTHORITY, PASSAGE_HEADER, type PassageTarget } from '../core/api/passage.ts'
import { MeshError } from '../core/model/errors.ts'

/**
 * A connection to another hub, through the hub of this session, which copies it unread: as good as one of its own, and no
 * more to be trusted.
 *
 * @throws MeshError `unreachable` where that hub refuses, or does not reach the other; `timed-out`
 * @see docs/protocol.md, "Passage"
 */
export async function openPassage(
  session: ClientHttp2Session,
  to: PassageTarget,
  signal: AbortSignal,
): Promise<Duplex> {
  const refused = (why: string) =>
    new MeshError('unreachable', `Cannot go through another hub of the mesh: ${why}`)
  if (session.closed || session.destroyed) throw refused('its link has ended')
  const stream = session.request({
    ':method': 'CONNECT',
    ':authority': PASSAGE_AUTHORITY,
    [PASSAGE_HEADER]: to,
  })
  stream.on('error', () => {})
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(refused('no answer in time')), TIMEOUT_MS)
      const abort = () => reject(new MeshError('timed-out', 'Cannot go through another hub: given up'))
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) abort()
      stream.once('close', () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        reject(refused('it ended the connection'))
      })
      stream.once('response', (headers: IncomingHttpHeaders) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        const status = headers[':status']
        if (Number(status) === 200) resolve()
        else reject(refused(`it refuses, or does not reach it either (status ${status})`))
      })
    })
    return stream
  } catch (error) {
    stream.destroy()
    throw error
  }
}

/** The other hub must be reached within this time. */
const TIMEOUT_MS = 6_000
