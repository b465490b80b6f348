import { PROXY_API } from '../../apps/proxy/messages.ts'
import { formatAddress } from '../../core/model/address.ts'
import { parseConnectionTarget } from '../../core/model/connection-target.ts'
import { ERRORS } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showThing } from '../output/show.ts'
import { callProxy } from './proxy-place.ts'

/** `ztm proxy test URL`: which rule, which exit, and whether it works. */
export async function testProxy(
  cli: Cli,
  typed: string,
  { client }: { readonly client?: string },
): Promise<void> {
  const { host, port } = parseConnectionTarget(typed)
  const { mesh, endpoint } = await choosePlace(cli)
  const body = { host, port, ...(client !== undefined && { client }) }
  const args = { params: { endpoint }, body }
  const verdict = await callProxy(cli, mesh.name, PROXY_API.testTarget, args, { timeoutMs: TEST_TIMEOUT_MS })
  await showThing(cli, verdict, {
    name: formatAddress({ host, port }),
    fields: [
      ['Target', formatAddress({ host, port })],
      ['Rule', verdict.rule ?? 'none: an exit of your own'],
      ['Action', verdict.action],
      ['Exit', verdict.exit && `${verdict.exit.name ?? verdict.exit.id} (${verdict.exit.user})`],
      ['Result', verdict.error ?? 'connected'],
    ],
  })
  if (verdict.error !== undefined) cli.exitCode = ERRORS.unreachable.exit
}

/** Each of the exits of a rule may take its time. */
const TEST_TIMEOUT_MS = 60_000
