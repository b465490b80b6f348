import type { Socket } from 'node:net'
import { decodeRelayPreface } from '../core/codec/relay-preface.ts'
import type { Side } from '../core/registry/registry.ts'
import { resetSocket } from './reset-socket.ts'

/**
 * Read the preface that a connection begins with; what follows it stays in the socket. One that begins otherwise is
 * reset. There is no time limit here: whoever accepted the connection holds it to one.
 *
 * @see docs/protocol.md, "Ticket relay"
 */
export function readTicketPreface(socket: Socket, onPreface: (ticket: string, side: Side) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  function read(): void {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    }
    const result = decodeRelayPreface(bytes)
    if (result.state === 'more') return
    socket.off('readable', read)
    if (result.state === 'bad') {
      resetSocket(socket)
      return
    }
    if (result.rest.length > 0) socket.unshift(result.rest)
    onPreface(Buffer.from(result.preface.ticket).toString('base64url'), result.preface.side)
  }
  socket.on('readable', read)
  read()
}
