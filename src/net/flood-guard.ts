import type { Http2Session } from 'node:http2'
import { MeshError } from '../core/model/errors.ts'

/**
 * Break a session whose other side sends PING or SETTINGS without end. Both are answered by Node itself, so nothing
 * else would notice. Ours sends a ping every ten seconds and settings once or twice.
 *
 * Other floods end by HTTP2_LIMITS: resets, CONTINUATION, empty frames, headers over their size.
 */
export function guardAgainstFloods(session: Http2Session, onFlood: (error: MeshError) => void): void {
  let frameCount = 0
  let sinceMs = performance.now()
  const note = () => {
    const nowMs = performance.now()
    if (nowMs - sinceMs > WINDOW_MS) {
      sinceMs = nowMs
      frameCount = 0
    }
    frameCount += 1
    if (frameCount <= MAX_CONTROL_FRAMES || session.destroyed) return
    const error = new MeshError('too-many', 'Session ended: the other side floods it with PING or SETTINGS')
    session.destroy(error, ENHANCE_YOUR_CALM)
    onFlood(error)
  }
  session.on('ping', note)
  session.on('remoteSettings', note)
}

/** PING and SETTINGS frames in `WINDOW_MS` that are taken for life, not for a flood. */
const MAX_CONTROL_FRAMES = 100
const WINDOW_MS = 10_000
/** Error code ENHANCE_YOUR_CALM, RFC 9113 section 7: the other side causes too much work. */
export const ENHANCE_YOUR_CALM = 0xb
