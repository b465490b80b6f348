import { formatAddress } from '../../core/model/address.ts'
import { toMeshError } from '../../core/model/errors.ts'
import { listenTcp } from '../../net/host-sockets.ts'
import { join } from '../../sdk/for-apps/join.ts'
import type { Cli } from '../context.ts'
import type { Place } from '../mesh-choice.ts'
import { remark } from '../output/show.ts'
import { parseForward } from './forward-spec.ts'
import { requestTerminal } from './terminal-place.ts'

/**
 * Listen here, and let each connection leave at the endpoint.
 *
 * @param specs  as `parseForward` takes them
 * @returns what ends them, open connections included
 * @throws MeshError `bad-usage`, `port-in-use`, `not-permitted`
 */
export async function openForwards(
  cli: Cli,
  place: Pick<Place, 'mesh' | 'endpoint'>,
  specs: readonly string[],
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const open = new Set<{ destroy(): unknown }>()
  for (const { listen, to } of specs.map(parseForward)) {
    const { host, port } = to
    const port_ = await listenTcp(listen, connection => {
      open.add(connection)
      connection.on('error', () => {})
      connection.once('close', () => open.delete(connection))
      connection.pause()
      requestTerminal(cli, place, { kind: 'forward', host, port }, { isHalfOpen: true }).then(
        ({ stream }) => {
          open.add(stream)
          stream.once('close', () => open.delete(stream))
          join(connection, stream)
        },
        (thrown: unknown) => {
          connection.reset()
          remark(cli, `ztm: ${toMeshError(thrown).message}\r`)
        },
      )
    })
    stack.use(port_)
    remark(cli, `ztm: ${formatAddress(port_.address)} leads to ${formatAddress(to)}`)
  }
  stack.defer(() => {
    for (const each of open) each.destroy()
  })
  return stack.move()
}
