import { type Answer, type Arguments, formatPath, type Route } from '../core/api/route.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { type ApiPlace, callJson } from '../net/http-json.ts'
import { socketPath } from '../store/socket-path.ts'
import { type Cli, dataFolderOf, remainingMs } from './context.ts'
import { readSettings } from './settings.ts'

/** How one call may go. */
export interface CallOptions {
  /** Default: what is left of the command's time. */
  readonly timeoutMs?: number
  /** Goes before the route's path, for an app's API: `/api/meshes/home/apps/ztm/tunnel`. */
  readonly below?: string
}

/**
 * Call a route of the agent: that of the state folder over its socket, or that of `ZTM_AGENT` over TCP.
 *
 * @throws MeshError the agent's own error; `agent-down` if none answers; `timed-out`, `not-permitted`, `bad-message`
 */
export async function callAgent<R extends Route>(
  cli: Cli,
  route: R,
  args: Arguments<R>,
  options: CallOptions = {},
): Promise<Answer<R>> {
  const place = await agentPlace(cli)
  return call(cli, { name: 'agent', place }, route, args, options)
}

/**
 * Call a route of the hub that runs on the state folder.
 *
 * @throws MeshError as `callAgent`
 */
export async function callHub<R extends Route>(
  cli: Cli,
  route: R,
  args: Arguments<R>,
  options: CallOptions = {},
): Promise<Answer<R>> {
  const place = { socket: socketPath(dataFolderOf(cli), 'hub') }
  return call(cli, { name: 'hub', place }, route, args, options)
}

/** Where the agent is reached, and from which setting that comes. @throws MeshError `bad-input` */
export async function agentPlace(cli: Cli): Promise<ApiPlace> {
  const given = cli.world.env.ZTM_AGENT || (await readSettings(cli)).agent
  if (!given) return { socket: socketPath(dataFolderOf(cli), 'agent') }
  const token = cli.world.env.ZTM_TOKEN
  return { ...parseAddress(given), ...(token && { token }) }
}

interface Daemon {
  readonly name: 'agent' | 'hub'
  readonly place: ApiPlace
}

async function call<R extends Route>(
  cli: Cli,
  daemon: Daemon,
  route: R,
  args: Arguments<R>,
  { timeoutMs = remainingMs(cli), below = '' }: CallOptions,
): Promise<Answer<R>> {
  const action = `Cannot ${route.summary.charAt(0).toLowerCase()}${route.summary.slice(1)}`
  const path = below + formatPath(route, args.params ?? {}, args.query ?? {})
  const body = args.body === undefined ? undefined : JSON.stringify(args.body)
  const request = { method: route.method, path, action, timeoutMs, ...(body !== undefined && { body }) }
  let answer: unknown
  try {
    answer = await callJson(daemon.place, request)
  } catch (thrown) {
    throw explain(thrown, daemon, cli)
  }
  if (route.response === undefined) return undefined as Answer<R>
  const parsed = route.response.safeParse(answer)
  if (parsed.success) return parsed.data as Answer<R>
  throw new MeshError(
    'bad-message',
    `${action}: the ${daemon.name}'s answer is not of its form: restart it if it is of another version`,
  )
}

/** Say of the daemon what is known only here: where it should be and how to start it. */
function explain(thrown: unknown, { name, place }: Daemon, cli: Cli): unknown {
  if (!(thrown instanceof MeshError)) return thrown
  const systemCode = (thrown.cause as { code?: unknown } | undefined)?.code
  const start = `start it with \`ztm start ${name}\` or \`ztm run ${name}\``
  if (systemCode === 'EACCES' || systemCode === 'EPERM') {
    return new MeshError(
      'not-permitted',
      `Cannot reach the ${name}: its socket belongs to another user: run as that user, or choose another --data`,
      { cause: thrown },
    )
  }
  if (!('socket' in place)) {
    if (thrown.code !== 'unreachable' || systemCode === undefined) return thrown
    const where = `${place.host}:${place.port}`
    return new MeshError(
      'agent-down',
      `Cannot reach the agent at ${where}: nothing answers there: ${start}`,
      {
        cause: thrown,
      },
    )
  }
  if (!NOBODY.has(systemCode)) return thrown
  const where = dataFolderOf(cli)
  return new MeshError('agent-down', `Cannot reach the ${name} of ${where}: none runs there: ${start}`, {
    cause: thrown,
  })
}

/** No socket, no folder for it, or one that a killed process left. */
const NOBODY: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED'])
