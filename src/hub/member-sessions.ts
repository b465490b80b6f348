import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { AcceptedPeer } from '../net/http2-server.ts'
import { SILENCE_MS } from '../net/keep-alive.ts'

/** What one endpoint may have open at a hub; see docs/limits.md. */
export interface MemberSessionLimits {
  /** Connections of one endpoint. It needs one; a broken one may take a while to be noticed. */
  readonly maxSessionsPerEndpoint: number
  /** Without a ping for this time a session ends: its agent is frozen or gone. */
  readonly silenceMs: number
}

/** The limits a hub starts with. */
export const MEMBER_SESSION_LIMITS: MemberSessionLimits = { maxSessionsPerEndpoint: 4, silenceMs: SILENCE_MS }

/** The sessions of endpoints whose certificates were good. */
export interface MemberSessions extends Disposable {
  opened(peer: AcceptedPeer): void
}

/** Keep watch over them: the oldest of an endpoint with too many ends, and each that falls silent. */
export function createMemberSessions(limits: MemberSessionLimits, log: Log): MemberSessions {
  const byEndpoint = new Map<EndpointId, Set<AcceptedPeer>>()
  const heardAtMs = new Map<AcceptedPeer, number>()

  const sweep = setInterval(() => {
    for (const [peer, atMs] of heardAtMs) {
      if (performance.now() - atMs > limits.silenceMs) end(peer, 'silent')
    }
  }, limits.silenceMs / 8).unref()

  function end(peer: AcceptedPeer, reason: string): void {
    log.info('session.ended', { address: peer.address, reason })
    peer.session.destroy()
  }

  return {
    opened(peer) {
      if (peer.identity?.kind !== 'endpoint') return
      const { endpoint } = peer.identity
      const own = byEndpoint.get(endpoint) ?? new Set()
      byEndpoint.set(endpoint, own.add(peer))
      heardAtMs.set(peer, performance.now())
      peer.session.on('ping', () => heardAtMs.set(peer, performance.now()))
      peer.session.once('close', () => {
        heardAtMs.delete(peer)
        own.delete(peer)
        if (own.size === 0 && byEndpoint.get(endpoint) === own) byEndpoint.delete(endpoint)
      })
      const [oldest] = own
      if (own.size > limits.maxSessionsPerEndpoint && oldest !== undefined) end(oldest, 'too many')
    },
    [Symbol.dispose]() {
      clearInterval(sweep)
    },
  }
}
