import type { Duplex } from 'node:stream'
import type { CliRequest } from '../../core/app/cli-request.ts'
import { appId } from '../../core/app/installed-app.ts'
import { encodeTerminalFrames } from '../../core/codec/terminal-frame.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { agentPlace } from '../api-client.ts'
import { type Cli, pathOf, remainingMs } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { createOrderFilter } from '../output/terminal-orders.ts'
import { installedPlace } from '../packages/app-place.ts'
import { createTerminalClient } from '../terminal/terminal-client.ts'

/** `ztm PROVIDER/NAME …`, `ztm NAME …`, `ztm app run ./FOLDER …`: the app's own commands, which the agent runs walled in. Ends with their exit code. */
export async function runApp(cli: Cli, word: string, args: readonly string[]): Promise<void> {
  if (/^(?:\.{1,2}|\/|[A-Za-z]:)(?:$|[\\/])|^\//.test(word)) return await runDeveloped(cli, word, args)
  const { isChosen } = await choosePlace(cli)
  const { mesh, endpoint, provider, app } = await installedPlace(cli, word)
  const path = `/api/meshes/${encodeURIComponent(mesh)}/apps/${provider}/${app}/stream`
  const stream = await openLocalStream(await agentPlace(cli), path, remainingMs(cli)).catch(thrown => {
    const error = toMeshError(thrown)
    if (error.code !== 'not-found') throw error
    const name = appId({ provider, name: app })
    const help = `it does not run on this computer: \`ztm install app ${name}\`, \`ztm start app ${name}\``
    throw new MeshError('not-found', `Cannot run app ${name}: ${help}`)
  })
  await carryCommands(cli, stream, { args: [...args], ...(isChosen && { endpoint }) })
}

/** The commands of an app that `ztm app dev` runs from a folder. */
async function runDeveloped(cli: Cli, typed: string, args: readonly string[]): Promise<void> {
  const { mesh, endpoint, isChosen } = await choosePlace(cli)
  const path = `/api/meshes/${encodeURIComponent(mesh.name)}/apps/ztm/dev/stream`
  const stream = await openLocalStream(await agentPlace(cli), path, remainingMs(cli))
  stream.write(`${JSON.stringify({ folder: pathOf(cli, typed), isCommands: true })}\n`)
  await carryCommands(cli, stream, { args: [...args], ...(isChosen && { endpoint }) })
}

/** Carry what commands read and write, and end as they do. */
async function carryCommands(cli: Cli, stream: Duplex, request: CliRequest): Promise<void> {
  cli.deadlineMs = undefined
  for (const piece of encodeTerminalFrames('notice', Buffer.from(JSON.stringify(request))))
    stream.write(piece)
  const { stdout, stderr } = cli.world
  // Its commands are code of a stranger, which is to do nothing to the terminal; a file or program gets every byte.
  const filters = {
    output: stdout.isTerminal ? createOrderFilter() : undefined,
    errors: stderr.isTerminal ? createOrderFilter() : undefined,
  }
  using client = createTerminalClient(cli.world.console(), { hasTerminal: false, filters })
  const end = await client.carry(stream, 0)
  // A colour that was left on, or what hides text, ends with them.
  for (const one of [stdout, stderr]) if (one.isTerminal) one.write('\u001b[0m')
  if (typeof end === 'string')
    throw new MeshError('link-closed', 'Cannot go on: the connection to the app broke')
  cli.exitCode = 'code' in end ? end.code : 1
}
