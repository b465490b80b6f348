import type { Duplex } from 'node:stream'
import type { TcpConnection } from '../../sdk/app.ts'
import { join } from '../../sdk/for-apps/join.ts'
import type { Outside } from './intake-context.ts'

/** Copy bytes both ways between a client and where its connection leads. */
export function joinOutside(client: TcpConnection, outside: Outside): void {
  join(client, outsideStream(outside))
}

/** The stream by which a way out is written to and read from. */
export function outsideStream(outside: Outside): Duplex {
  return outside.kind === 'mesh' ? outside.stream : outside.connection
}
