import type { Host, Incoming } from '../../sdk/app.ts'
import type { Traffic } from './intake.ts'
import type { TunnelLimits } from './limits.ts'
import type { OutboundInfo, OutboundSetting } from './messages.ts'
import { type Health, TargetPool } from './target-pool.ts'
import { createTcpOutlet } from './tcp-outlet.ts'
import { createUdpOutlet } from './udp-outlet.ts'

/** What an outbound does with streams: join each to a target, or read requests from them. */
export interface OutboundWay {
  /** Become what a setting says. Open connections stay. */
  set(setting: OutboundSetting): void
  /** Of all targets together. */
  readonly health: Health
  /** Take a stream. @throws MeshError if it is to be refused */
  receive(incoming: Incoming): Promise<void>
  /** Break off everything, and refuse what comes after. */
  close(): void
  /** Connections or flows open now. */
  count(): number
  traffic(): Traffic
  describe(): Pick<OutboundInfo, 'targets' | 'http'>
}

/** What a way needs. */
export interface OutboundWayOptions {
  readonly host: Host
  readonly limits: TunnelLimits
  readonly onHealth: (health: Health) => void
}

/** Join each stream to a target: as a TCP connection, or a flow of UDP. */
export function createJoiningWay(protocol: 'tcp' | 'udp', options: OutboundWayOptions): OutboundWay {
  const { host, limits, onHealth } = options
  const pool = new TargetPool({ host, limits, isProbed: protocol === 'tcp', onHealth })
  const outlet = (protocol === 'udp' ? createUdpOutlet : createTcpOutlet)({ host, pool, limits })
  return {
    set: setting => pool.set(setting),
    get health() {
      return pool.health
    },
    receive: incoming => outlet.receive(incoming),
    close() {
      pool[Symbol.dispose]()
      outlet.close()
    },
    count: () => outlet.count(),
    traffic: () => outlet.traffic(),
    describe: () => ({ targets: pool.describe(key => outlet.count(key)) }),
  }
}
