import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { KnownHub } from '../core/api/hubs-api.ts'
import {
  PASSAGE_AUTHORITY,
  PASSAGE_HEADER,
  type PassageTarget,
  parsePassageTarget,
} from '../core/api/passage.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { ms } from '../core/model/time.ts'
import { createTokenBucket, type TokenBucket } from '../core/model/token-bucket.ts'
import { connectTcp } from '../net/host-sockets.ts'
import type { AcceptedPeer } from '../net/http2-server.ts'
import { CARRIED } from '../net/hub-port.ts'
import { refuseStream } from '../net/serve-http2.ts'
import type { RelayCarrier } from './relay-carrier.ts'

/** Where other hubs of the mesh are reached, `host:port`; none where there is no such hub. */
export type HubPlaces = (hub: PassageTarget) => readonly string[]

/**
 * Passages through this hub to other hubs of its mesh, for those who reach only this one. What goes through is TLS between
 * the two ends, or begins with a ticket that is good at the other hub alone: it is copied unread, and leads nowhere else.
 */
export interface Passages {
  /** A CONNECT that asks for one. @throws MeshError `bad-message`, `not-found`, `too-many` */
  open(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: AcceptedPeer): void
  /** Passages open now. */
  readonly count: number
}

/** Who goes through, as far as limits need it. */
interface Traveller {
  readonly bucket: TokenBucket
  readonly most: number
  openCount: number
  usedAtMs: number
}

/** Make it. @param places  as this hub was told by its controller: nobody else names a place */
export function createPassages(options: {
  readonly places: HubPlaces
  readonly carrier: RelayCarrier
  readonly log: Log
}): Passages {
  const { places, carrier, log } = options
  const travellers = new Map<string, Traveller>()
  const unreachable = new Map<string, { readonly atMs: number; readonly error: MeshError }>()
  let openCount = 0
  let strangerCount = 0

  function travellerOf(peer: AcceptedPeer): Traveller {
    const { identity, address } = peer
    const isMember = identity?.kind === 'endpoint'
    const key = isMember ? identity.endpoint : address.replace(/:\d+$/, '')
    const known = travellers.get(key)
    if (known !== undefined) return known
    if (travellers.size >= MAX_TRAVELLERS) forgetIdle()
    const { perSecond, burst, most } = isMember ? MEMBER : STRANGER
    const bucket = createTokenBucket(perSecond, burst)
    const traveller = { bucket, most, openCount: 0, usedAtMs: 0 }
    travellers.set(key, traveller)
    return traveller
  }

  function forgetIdle(): void {
    for (const [key, { openCount, usedAtMs }] of travellers)
      if (openCount === 0 && performance.now() - usedAtMs > IDLE_MS) travellers.delete(key)
    if (travellers.size >= MAX_TRAVELLERS) throw tooMany('too many ask')
  }

  /** Within the limits of whoever asks, and of this hub. @throws MeshError `too-many` */
  function admit(peer: AcceptedPeer, stream: ServerHttp2Stream): void {
    const isStranger = peer.identity?.kind !== 'endpoint'
    const traveller = travellerOf(peer)
    if (traveller.openCount >= traveller.most) throw tooMany(`${traveller.openCount} are open`)
    if (openCount >= MAX_PASSAGES || (isStranger && strangerCount >= MAX_STRANGER_PASSAGES))
      throw tooMany('too many are open at this hub')
    if (!traveller.bucket.take(ms(performance.now()))) throw tooMany('too many were asked for')
    traveller.usedAtMs = performance.now()
    traveller.openCount += 1
    openCount += 1
    if (isStranger) strangerCount += 1
    stream.once('close', () => {
      traveller.openCount -= 1
      openCount -= 1
      if (isStranger) strangerCount -= 1
    })
  }

  async function connect(names: readonly string[]): Promise<Socket> {
    let last: MeshError | undefined
    for (const name of names) {
      const failed = unreachable.get(name)
      // Thousands may ask when it has died: it is not tried for each of them.
      if (failed !== undefined && performance.now() - failed.atMs < FAILED_MS) last = failed.error
      else {
        try {
          const to = { kind: 'address', ...parseAddress(name) } as const
          const socket = await connectTcp(to, { timeoutMs: CONNECT_TIMEOUT_MS })
          unreachable.delete(name)
          return socket
        } catch (thrown) {
          last = toMeshError(thrown)
          unreachable.set(name, { atMs: performance.now(), error: last })
        }
      }
    }
    throw new MeshError('unreachable', 'Cannot pass on: the other hub does not answer this one', {
      cause: last,
    })
  }

  async function carry(stream: ServerHttp2Stream, names: readonly string[], peer: AcceptedPeer) {
    const socket = await connect(names)
    if (stream.destroyed || stream.closed) {
      socket.destroy()
      return
    }
    socket.setNoDelay(true)
    socket.write(CARRIED)
    stream.respond({ ':status': 200 })
    const { identity } = peer
    const splice = carrier.carry(stream, socket, identity?.kind === 'endpoint' ? identity.user : '')
    if (identity?.kind === 'endpoint') return
    const startedMs = performance.now()
    const watch = setInterval(() => {
      const isOver = performance.now() - startedMs > STRANGER_MS || splice.byteCount() > STRANGER_BYTES
      if (isOver) splice.cut()
    }, WATCH_MS)
    void splice.closed.then(() => clearInterval(watch))
  }

  return {
    get count() {
      return openCount
    },
    open(stream, headers, peer) {
      const hub = parsePassageTarget(headers[PASSAGE_HEADER])
      const names = places(hub)
      if (names.length === 0)
        throw new MeshError('not-found', 'Cannot pass on: this hub knows of no such hub of the mesh')
      admit(peer, stream)
      log.debug('passage.opened', { hub, address: peer.address })
      carry(stream, names, peer).catch(error => refuseStream(stream, toMeshError(error)))
    },
  }
}

/** Whether a CONNECT asks for a passage, and not for a relay. */
export function isPassage(headers: IncomingHttpHeaders): boolean {
  return headers[':authority'] === PASSAGE_AUTHORITY
}

/**
 * Where the others are.
 *
 * @param known  those that only relay, now
 * @param controllers  of the hub with the controller; none at that hub itself
 */
export function placesOf(known: () => readonly KnownHub[], controllers: readonly string[] = []): HubPlaces {
  return hub => (hub === 'controller' ? controllers : (known().find(({ id }) => id === hub)?.names ?? []))
}

function tooMany(state: string): MeshError {
  return new MeshError('too-many', `Cannot pass on: ${state}: try again later`)
}

/** Of one member: a link, and relays at the other hub. */
const MEMBER = { perSecond: 20, burst: 60, most: 128 } as const
/** Of one IP address that has yet to join, or to have its certificate renewed: through here it can do nothing else. */
const STRANGER = { perSecond: 1, burst: 8, most: 4 } as const
const MAX_STRANGER_PASSAGES = 32
const STRANGER_MS = 20_000
const STRANGER_BYTES = 262_144
const WATCH_MS = 250
/** Of all together. */
const MAX_PASSAGES = 4_096
/** Members and addresses remembered for their limits. */
const MAX_TRAVELLERS = 20_000
const IDLE_MS = 60_000
/** A hub that did not answer is not tried again so soon. */
const FAILED_MS = 300
const CONNECT_TIMEOUT_MS = 4_000
