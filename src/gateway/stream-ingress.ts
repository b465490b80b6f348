import type { Socket } from 'node:net'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { ServiceName } from '../core/model/names.ts'
import { resetSocket } from '../net/reset-socket.ts'
import type { DialService } from '../net/service-streams.ts'
import { type Splice, splice } from '../net/splice.ts'

/** Joins connections of the public to services, byte for byte. */
export interface StreamIngress {
  /** What was read of the connection must have been put back. @param kind  for metrics: `tcp`, `tls` */
  join(socket: Socket, service: ServiceName, kind: string): void
  readonly openCount: number
  close(): void
}

/** Make one. */
export function createStreamIngress(options: {
  readonly dial: DialService
  readonly log: Log
  readonly onEnded: (kind: string, service: string, bytesIn: number, bytesOut: number) => void
}): StreamIngress {
  const { dial, log, onEnded } = options
  const open = new Map<Socket, Splice | undefined>()

  async function join(socket: Socket, service: ServiceName, kind: string): Promise<void> {
    open.set(socket, undefined)
    const giveUp = new AbortController()
    const timer = setTimeout(() => giveUp.abort(), INGRESS_DIAL_MS)
    const gone = () => giveUp.abort()
    socket.once('close', gone)
    try {
      const stream = await dial(service, { signal: giveUp.signal })
      if (socket.destroyed) {
        stream.destroy()
        return
      }
      let bytesIn = 0
      let bytesOut = 0
      const joined = splice(socket, stream)
      open.set(socket, joined)
      socket.on('data', (chunk: Buffer) => {
        bytesIn += chunk.length
      })
      stream.on('data', (chunk: Buffer) => {
        bytesOut += chunk.length
      })
      await joined.closed
      onEnded(kind, service, bytesIn, bytesOut)
    } catch (thrown) {
      const { code, message } = toMeshError(thrown)
      log.warn('ingress.failed', { service, kind, code, reason: message })
      resetSocket(socket)
      onEnded(kind, service, 0, 0)
    } finally {
      clearTimeout(timer)
      socket.off('close', gone)
      open.delete(socket)
    }
  }

  return {
    join: (socket, service, kind) => void join(socket, service, kind),
    get openCount() {
      return open.size
    },
    close() {
      for (const [socket, joined] of open) {
        if (joined === undefined) resetSocket(socket)
        else joined.cut()
      }
    },
  }
}

/** How long a service may take to open a stream for a connection. */
const INGRESS_DIAL_MS = 15_000
