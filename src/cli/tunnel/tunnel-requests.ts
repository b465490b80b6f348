import { setTimeout as delay } from 'node:timers/promises'
import type { z } from 'zod'
import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'
import { print, printData, remark } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { bytes, moment } from '../output/words.ts'
import { callTunnel, parseTunnelName } from './tunnel-place.ts'

type RequestLine = z.output<typeof TUNNEL_API.listRequests.response>['requests'][number]

/** `ztm tunnel log tcp/x`: the last requests; with `follow`, further ones as they come. */
export async function showRequests(
  cli: Cli,
  typed: string,
  { follow }: { readonly follow?: true },
): Promise<void> {
  const name = parseTunnelName(typed)
  const place = await choosePlace(cli)
  const first = await askRequests(cli, place, name, 0)
  const { output } = cli.options
  if (follow !== true && (output === 'json' || output === 'yaml')) return await printData(cli, first.requests)
  for (const line of first.requests) await printOne(cli, line)
  if (follow === true) await followRequests(cli, place, name, first.requests.at(-1)?.number ?? 0)
}

/** Asks once a second. An agent that restarts meanwhile is waited for. */
async function followRequests(
  cli: Cli,
  place: Place,
  name: ReturnType<typeof parseTunnelName>,
  seen: number,
): Promise<void> {
  cli.deadlineMs = undefined
  const interrupt = cli.world.catchInterrupt()
  let after = seen
  let isAway = false
  while (!interrupt.aborted) {
    await delay(POLL_MS, undefined, { signal: interrupt }).catch(() => {})
    if (interrupt.aborted) return
    try {
      const { requests, lostCount } = await askRequests(cli, place, name, after)
      if (lostCount > 0) remark(cli, `ztm: ${lostCount} requests were forgotten before they were shown`)
      for (const line of requests) await printOne(cli, line)
      after = requests.at(-1)?.number ?? after
      isAway = false
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (!error.kind.retry) throw error
      if (!isAway) remark(cli, `ztm: ${visible(error.message)} (waiting)`)
      isAway = true
    }
  }
}

function askRequests(
  cli: Cli,
  { mesh, endpoint }: Place,
  name: ReturnType<typeof parseTunnelName>,
  after: number,
) {
  const args = { params: { endpoint, ...name }, query: { after } }
  return callTunnel(cli, mesh.name, TUNNEL_API.listRequests, args)
}

async function printOne(cli: Cli, line: RequestLine): Promise<void> {
  const { output } = cli.options
  // One object a line, so that a program can read them as they come.
  if (output === 'json') print(cli, `${JSON.stringify(line)}\n`)
  else if (output === 'yaml') await printData(cli, [line])
  else if (output === 'name') print(cli, `${line.number}\n`)
  else print(cli, `${formatLine(line)}\n`)
}

function formatLine({ atMs, user, method, host, path, status, target, ...line }: RequestLine): string {
  const words = [
    moment(atMs),
    visible(user),
    status === 0 ? '-' : String(status),
    visible(`${method} ${host}${path}`),
    target === undefined ? undefined : `-> ${visible(target)}`,
    bytes(line.bytesOut),
    `${line.durationMs} ms`,
    line.error === undefined ? undefined : visible(line.error),
  ]
  return words.filter(word => word !== undefined).join('  ')
}

const POLL_MS = 1_000
