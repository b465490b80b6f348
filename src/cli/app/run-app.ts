import { appId } from '../../core/app/installed-app.ts'
import { encodeTerminalFrames } from '../../core/codec/terminal-frame.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { agentPlace } from '../api-client.ts'
import { type Cli, remainingMs } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { createOrderFilter } from '../output/terminal-orders.ts'
import { installedPlace } from '../packages/app-place.ts'
import { createTerminalClient } from '../terminal/terminal-client.ts'

/** `ztm PROVIDER/NAME …`, `ztm NAME …`: the app's own commands, which the agent runs walled in. Ends with their exit code. */
export async function runApp(cli: Cli, word: string, args: readonly string[]): Promise<void> {
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
  cli.deadlineMs = undefined
  const request = { args, ...(isChosen && { endpoint }) }
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
    throw new MeshError('link-closed', `Cannot go on: the connection to app ${word} broke`)
  cli.exitCode = 'code' in end ? end.code : 1
}
