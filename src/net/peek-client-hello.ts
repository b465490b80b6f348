import type { Socket } from 'node:net'
import { type ClientHello, readClientHello } from '../core/codec/client-hello.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'

/**
 * Read the ClientHello of a connection, and put back all that was read.
 *
 * @param timeoutMs  for the whole of it
 * @throws MeshError `bad-message`, `too-large`, `too-slow`, `link-closed`; the connection is then still open
 */
export function peekClientHello(socket: Socket, timeoutMs: number): Promise<ClientHello> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const settle = () => {
      clearTimeout(timer)
      socket.off('readable', look).off('close', closed).off('end', closed)
    }
    const fail = (error: MeshError) => {
      settle()
      reject(error)
    }
    const closed = () => fail(new MeshError('link-closed', 'Cannot read ClientHello: the connection ended'))
    const look = () => {
      // One byte at a time makes a new event for each: no more than its limit of them is joined here.
      const chunk: Buffer | null = socket.read()
      if (chunk === null) return
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      try {
        const hello = readClientHello(bytes)
        if (hello === undefined) return
        settle()
        socket.unshift(bytes)
        resolve(hello)
      } catch (error) {
        fail(toMeshError(error))
      }
    }
    const timer = setTimeout(
      () => fail(new MeshError('too-slow', `Cannot read ClientHello: not whole within ${timeoutMs} ms`)),
      timeoutMs,
    )
    socket.on('readable', look).once('close', closed).once('end', closed)
  })
}
