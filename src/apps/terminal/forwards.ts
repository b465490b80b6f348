import type { Duplex } from 'node:stream'
import { MeshError } from '../../core/model/errors.ts'
import type { UserName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import { createConnectionSet } from '../../sdk/for-apps/connection-set.ts'
import { join } from '../../sdk/for-apps/join.ts'
import { encodeSmallMessage } from '../../sdk/for-apps/small-message.ts'
import type { TerminalLimits } from './limits.ts'
import type { TerminalAnswer } from './messages.ts'

/** TCP connections that leave here for those who have a terminal anyway. */
export interface Forwards {
  /** Connect, answer, and carry bytes both ways. @throws MeshError `too-many`, what `Host.connectTcp` throws */
  open(stream: Duplex, user: UserName, to: { readonly host: string; readonly port: number }): Promise<void>
  /** Break those of a user, or all. */
  reset(user?: UserName): void
}

/** Carries none yet. */
export function createForwards(host: Host, limits: TerminalLimits): Forwards {
  const connections = createConnectionSet<UserName>()
  const connecting = new Map<UserName, number>()
  return {
    async open(stream, user, to) {
      const own = connecting.get(user) ?? 0
      if (connections.count(user) + own >= limits.maxForwardsPerUser) {
        throw new MeshError('too-many', 'Cannot connect: as many connections are open as may be')
      }
      connecting.set(user, own + 1)
      const abort = new AbortController()
      const giveUp = () => abort.abort()
      stream.once('close', giveUp)
      try {
        const connection = await host.connectTcp(
          { kind: 'address', ...to },
          { timeoutMs: limits.connectTimeoutMs, signal: abort.signal },
        )
        connections.add(user, connection)
        stream.write(encodeSmallMessage({ isGood: true } satisfies TerminalAnswer))
        join(connection, stream)
      } finally {
        stream.off('close', giveUp)
        const left = (connecting.get(user) ?? 1) - 1
        if (left > 0) connecting.set(user, left)
        else connecting.delete(user)
      }
    },
    reset: user => connections.reset(user),
  }
}
