import type { Socket } from 'node:net'
import type { Address } from '../core/model/address.ts'
import { type MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Side } from '../core/registry/registry.ts'
import { HUB_PORT_LIMITS, type HubPort, openHubPort } from '../net/hub-port.ts'
import { resetSocket } from '../net/reset-socket.ts'
import { readTicketPreface } from '../net/ticket-preface.ts'

/**
 * The port at which peers reach this agent without a hub. It says nothing to anybody who does not begin with a
 * ticket that the hub gave out a moment ago; who the other end is, TLS shows then.
 */
export interface DirectListener extends AsyncDisposable {
  readonly port: number
  /**
   * Be given the connections that begin with this ticket and come from the other side.
   *
   * @returns a function that ends it
   */
  expect(ticket: string, from: Side, onConnection: (socket: Socket) => void): () => void
}

/**
 * Listen for peers. An address family that this computer lacks is done without.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export async function openDirectListener(at: Address, log: Log): Promise<DirectListener> {
  const expected = new Map<string, (socket: Socket) => void>()
  const early = new Map<string, Socket[]>()
  let earlyCount = 0
  let port: HubPort

  function receive(socket: Socket, key: string): void {
    const take = expected.get(key)
    if (take !== undefined) {
      port.welcome(socket)
      take(socket)
      return
    }
    // The other end may have been told before us: its hub is nearer to it.
    if (earlyCount >= MAX_EARLY) {
      resetSocket(socket)
      return
    }
    earlyCount += 1
    const others = early.get(key) ?? []
    early.set(key, others)
    others.push(socket)
    socket.once('close', () => forget(socket, key))
    setTimeout(() => {
      if (forget(socket, key)) resetSocket(socket)
    }, EARLY_MS).unref()
  }

  function forget(socket: Socket, key: string): boolean {
    const others = early.get(key)
    const index = others?.indexOf(socket) ?? -1
    if (others === undefined || index < 0) return false
    others.splice(index, 1)
    earlyCount -= 1
    if (others.length === 0) early.delete(key)
    return true
  }

  port = await listenAnywhere(at, {
    onTls: resetSocket,
    onTicket: socket => readTicketPreface(socket, (ticket, side) => receive(socket, keyOf(ticket, side))),
    limits: { ...HUB_PORT_LIMITS, maxStrangers: MAX_STRANGERS, strangerTimeoutMs: STRANGER_TIMEOUT_MS },
    log,
  })
  return {
    port: port.address.port,
    expect(ticket, from, onConnection) {
      const key = keyOf(ticket, from)
      if (expected.size >= MAX_EXPECTED) expected.delete(expected.keys().next().value as string)
      expected.set(key, onConnection)
      for (const socket of [...(early.get(key) ?? [])]) {
        if (forget(socket, key)) receive(socket, key)
      }
      return () => {
        if (expected.get(key) === onConnection) expected.delete(key)
      }
    },
    [Symbol.asyncDispose]: () => port[Symbol.asyncDispose](),
  }
}

async function listenAnywhere(at: Address, options: Parameters<typeof openHubPort>[1]): Promise<HubPort> {
  if (at.host !== '*') return openHubPort(at, options)
  try {
    return await openHubPort({ host: '::', port: at.port }, options)
  } catch (thrown) {
    const error: MeshError = toMeshError(thrown)
    if (error.code === 'port-in-use') throw error
    return openHubPort({ host: '0.0.0.0', port: at.port }, options)
  }
}

function keyOf(ticket: string, side: Side): string {
  return `${side} ${ticket}`
}

/** Tickets expected at once; over it the oldest is given up. */
const MAX_EXPECTED = 1_024
/** Connections that wait for their ticket to become known. */
const MAX_EARLY = 64
const EARLY_MS = 3_000
/** Connections at the port of an agent that have shown no good ticket. */
const MAX_STRANGERS = 256
const STRANGER_TIMEOUT_MS = 5_000
