import type { Duplex } from 'node:stream'
import type { Host, TcpConnection } from '../../sdk/app.ts'
import type { Clients } from './clients.ts'
import type { Wish } from './entry-rules.ts'
import type { WaysOut } from './exit-dialer.ts'
import type { ProxyLimits } from './limits.ts'
import type { EntryRule } from './messages.ts'

/** What a way out was opened to: its stream, or a connection of this computer's own. */
export type Outside =
  | { readonly kind: 'mesh'; readonly stream: Duplex }
  | { readonly kind: 'own'; readonly connection: TcpConnection }

/** What the two protocols share: who may ask, and how a way out is opened. */
export interface IntakeContext {
  readonly host: Host
  readonly limits: ProxyLimits
  readonly clients: Clients
  readonly waysOut: WaysOut
  /** UDP sockets that are open here for all clients. */
  readonly sockets: { count: number }
  /** The rule for a wish. @throws MeshError `denied` */
  ruleFor(wish: Wish): Pick<EntryRule, 'action' | 'exits'>
  /** Open a TCP connection the way the rules say. @throws MeshError */
  open(wish: Wish): Promise<Outside>
  /** Where the proxy listens, for what else it opens for a client. */
  readonly listenHost: () => string
  /** How browsers are to use this proxy. */
  readonly pac: () => string
}
