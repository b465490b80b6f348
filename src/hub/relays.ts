import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import type { HalfId, Registry, RegistryAction, RelayId, RelayJoin, Side } from '../core/registry/registry.ts'
import { breakOff, type Splice } from '../net/splice.ts'
import { readTicketPreface } from '../net/ticket-preface.ts'
import type { RelayCarrier } from './relay-carrier.ts'

/** The halves and relays of a hub: the edge of the registry's numbers. */
export interface Relays {
  /** A connection that began with a ticket. It is owned from now on. */
  presentSocket(socket: Socket): void
  /** A CONNECT stream of a link; `answer` sends its status. */
  presentStream(
    stream: Duplex,
    ticket: string,
    side: Side,
    by: EndpointId,
    answer: (error?: MeshError) => void,
  ): void
  /** Carry out what the registry said of halves and relays; other actions are left to the caller. */
  perform(action: RegistryAction): void
  /** Bytes relayed since the start. */
  readonly byteCount: number
  /** Tell `onRelayed` of the bytes of open relays, as far as it was not told. */
  settle(): void
  /** Break all. @returns when they have closed */
  closeAll(): Promise<void>
}

/** What relays need of the hub. */
export interface RelaysOptions {
  readonly registry: Registry
  readonly drive: (actions: RegistryAction[]) => void
  /** The socket holds a good ticket: a stranger no more. */
  readonly welcome: (socket: Socket) => void
  readonly carrier: RelayCarrier
  /** More bytes went between two endpoints, both ways together. */
  readonly onRelayed: (between: RelayJoin['between'], byteCount: number) => void
  readonly clock: Clock
  readonly log: Log
}

interface OpenRelay {
  readonly splice: Splice
  readonly between: RelayJoin['between']
  /** Bytes that were told of. */
  told: number
}

interface Half {
  readonly connection: Duplex
  /** Say yes, or say why not and end it. */
  readonly answer: (error?: MeshError) => void
}

/** Make the relay side of a hub. */
export function createRelays(options: RelaysOptions): Relays {
  const { registry, drive, carrier, clock, log } = options
  const halves = new Map<HalfId, Half>()
  const relays = new Map<RelayId, OpenRelay>()
  const streamCounts = new Map<EndpointId, number>()
  let nextHalf = 1
  let finishedBytes = 0

  function present(half: Half, ticket: string, side: Side, by: EndpointId | undefined): void {
    const id = nextHalf++ as HalfId
    halves.set(id, half)
    half.connection.once('close', () => {
      if (halves.delete(id)) drive(registry.halfClosed(id))
    })
    drive(registry.present(id, ticket, side, by, clock.now()))
  }

  function settle(one: OpenRelay): void {
    const byteCount = one.splice.byteCount() - one.told
    if (byteCount === 0) return
    one.told += byteCount
    options.onRelayed(one.between, byteCount)
  }

  function join({ relay, dial, accept, payer, between }: RelayJoin): void {
    const [a, b] = [halves.get(dial), halves.get(accept)]
    halves.delete(dial)
    halves.delete(accept)
    if (a === undefined || b === undefined) {
      for (const half of [a, b]) if (half !== undefined) breakOff(half.connection)
      drive(registry.relayClosed(relay))
      return
    }
    for (const half of [a, b]) half.answer()
    const joined = carrier.carry(a.connection, b.connection, payer)
    const one: OpenRelay = { splice: joined, between, told: 0 }
    relays.set(relay, one)
    log.debug('relay.opened', { relay })
    void joined.closed.then(() => {
      relays.delete(relay)
      finishedBytes += joined.byteCount()
      settle(one)
      log.debug('relay.closed', { relay, bytes: joined.byteCount() })
      drive(registry.relayClosed(relay))
    })
  }

  return {
    presentSocket(socket) {
      readTicketPreface(socket, (ticket, side) => {
        options.welcome(socket)
        // A bare connection has no words for a refusal.
        const answer = (error?: MeshError) => error !== undefined && breakOff(socket)
        present({ connection: socket, answer }, ticket, side, undefined)
      })
    },
    presentStream(stream, ticket, side, by, answer) {
      const streamCount = streamCounts.get(by) ?? 0
      if (streamCount >= MAX_STREAMS_PER_ENDPOINT) {
        answer(
          new MeshError('too-many', `Cannot join relay: ${streamCount} run over this link: try again later`),
        )
        return
      }
      streamCounts.set(by, streamCount + 1)
      stream.once('close', () => {
        const count = (streamCounts.get(by) ?? 1) - 1
        if (count > 0) streamCounts.set(by, count)
        else streamCounts.delete(by)
      })
      present({ connection: stream, answer }, ticket, side, by)
    },
    perform(action) {
      if (action.do === 'join') join(action)
      else if (action.do === 'cut') relays.get(action.relay)?.splice.cut()
      else if (action.do === 'refuse') {
        const half = halves.get(action.half)
        halves.delete(action.half)
        log.debug('relay.refused', { code: action.error.code })
        half?.answer(action.error)
      }
    },
    get byteCount() {
      let sum = finishedBytes
      for (const { splice } of relays.values()) sum += splice.byteCount()
      return sum
    },
    settle() {
      for (const one of relays.values()) settle(one)
    },
    async closeAll() {
      for (const half of halves.values()) breakOff(half.connection)
      const open = [...relays.values()].map(({ splice }) => splice)
      for (const relay of open) relay.cut()
      await Promise.all(open.map(({ closed }) => closed))
    },
  }
}

/** A fresh ticket: 32 random bytes, base64url. */
export function makeTicket(): string {
  return randomBytes(32).toString('base64url')
}

/** Relays of one endpoint over its link: each may hold a window of bytes here while a side does not read. */
const MAX_STREAMS_PER_ENDPOINT = 256
