import { PROXY_API } from '../../apps/proxy/messages.ts'
import { formatAddress, parseAddress } from '../../core/model/address.ts'
import { ERRORS, MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
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
  const { host, port } = readTarget(typed)
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

/** A URL, or `HOST:PORT`. */
function readTarget(typed: string): { host: string; port: number } {
  if (!typed.includes('://')) return parseAddress(typed)
  try {
    const { hostname, port, protocol } = new URL(typed)
    const known = PORTS[protocol]
    if (hostname !== '' && (port !== '' || known !== undefined)) {
      return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (known as number) : Number(port) }
    }
  } catch {}
  throw new MeshError('bad-input', `Cannot read target ${quote(typed)}: write a URL or HOST:PORT`)
}

const PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'ws:': 80,
  'wss:': 443,
  'ftp:': 21,
  'ssh:': 22,
}
/** Each of the exits of a rule may take its time. */
const TEST_TIMEOUT_MS = 60_000
