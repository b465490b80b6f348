import { MAX_CANDIDATES } from '../core/api/shapes.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import { createMeetingLimit } from '../core/path/meeting-limit.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { openDirectWay, usableAddresses } from './direct-way.ts'
import type { HubLink } from './hub-link.ts'
import type { MeetingPoints } from './meeting-points.ts'
import type { PeerServer } from './peer-server.ts'
import type { Reach } from './reach.ts'
import type { MeetingEvent } from './relay-links.ts'
import { openRelay, openRelayOverLink } from './relay-way.ts'
import type { UdpEdge } from './udp-edge.ts'

/** What the arrivals of one mesh need. */
export interface ArrivalsOptions {
  readonly points: Pick<MeetingPoints, 'offer'>
  readonly server: PeerServer
  readonly reach: Reach
  /** Absent where no holes can be punched. */
  readonly udp: UdpEdge | undefined
  /** The hub is on this computer: then peers may be, too. */
  readonly isHubHere: boolean
  readonly clock: Clock
  readonly log: Log
}

/** The accepting half of every path: peers ask the hub for us, and we meet them half-way. */
export interface Arrivals extends Disposable {
  /** Tell the hub where we may be reached. Never throws. */
  offer(): void
  /**
   * Somebody wants to meet us: open the other half of its relay at the hub of that link; or connect to it without a hub,
   * and let it connect to us.
   */
  meeting(event: MeetingEvent, link: HubLink): void
}

/** Make the arrivals of one mesh. */
export function createArrivals({
  points,
  server,
  reach,
  udp,
  isHubHere,
  clock,
  log,
}: ArrivalsOptions): Arrivals {
  const meetings = createMeetingLimit()
  const abort = new AbortController()
  let openingCount = 0
  let wasCrowded = false

  function isCrowded(): boolean {
    const isFull = openingCount + server.handshakeCount >= MAX_HANDSHAKES
    if (isFull && !wasCrowded) log.warn('peers.crowded', { reason: `over ${MAX_HANDSHAKES} come in at once` })
    wasCrowded = isFull
    return isFull
  }

  async function open(peer: string, path: PathKind, action: () => Promise<unknown>): Promise<void> {
    if (!reach.paths.has(path) || isCrowded()) return
    openingCount += 1
    try {
      await action()
    } catch (error) {
      log.warn('peer.not-met', { peer, path, reason: toMeshError(error).message })
    } finally {
      openingCount -= 1
    }
  }

  function introduced(
    { ticket, peer, way }: Extract<MeetingEvent, { event: 'introduce' }>,
    link: HubLink,
  ): void {
    const openHalf = way === 'relay' ? openRelay : openRelayOverLink
    void open(peer, way, async () => server.accept(await openHalf(link, ticket, 'accept')))
  }

  function meet({ ticket, peer, candidates }: Extract<MeetingEvent, { event: 'meet' }>): void {
    void open(peer, 'direct', async () => {
      const failures = await openDirectWay({
        addresses: usableAddresses(candidates.tcp, isHubHere),
        ticket,
        side: 'accept',
        listener: reach.listener,
        onConnection: connection => server.accept(connection),
        signal: abort.signal,
      })
      for (const { message } of failures) log.debug('peer.not-reached', { peer, reason: message })
    })
    if (udp === undefined) return
    void open(peer, 'punched', async () => {
      const meeting = {
        ticket,
        side: 'accept',
        candidates: candidates.udp,
        peerNat: candidates.nat,
      } as const
      // That it cannot be reached so is usual, and it asked for a relay beside.
      const way = await udp.punch({ ...meeting, signal: abort.signal }).catch(error => {
        log.debug('peer.not-reached', { peer, path: 'punched', reason: toMeshError(error).message })
      })
      if (way !== undefined) server.acceptPunched(way, peer)
    })
  }

  return {
    offer() {
      const tcp = reach.addresses().slice(0, MAX_CANDIDATES)
      const body = { tcp, udp: [...(udp?.candidates ?? [])], nat: udp?.nat ?? 'unknown' }
      if (tcp.length > 0 || udp !== undefined) points.offer(body)
    },
    meeting(event, link) {
      if (event.event === 'introduce') introduced(event, link)
      else if (meetings.take(event.peer, clock.now())) meet(event)
    },
    [Symbol.dispose]() {
      abort.abort()
    },
  }
}

/** Connections whose other end has yet to show who it is; a hub that asks for more is not obeyed. */
const MAX_HANDSHAKES = 256
