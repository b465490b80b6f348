import { SYNC_API } from '../../apps/sync/messages.ts'
import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import {
  type CopyEvent,
  type CopyPlaceName,
  copyEventShape,
  parseCopyPlace,
} from '../../core/files/copy-request.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { encodeSmallMessage, MAX_SMALL_MESSAGE_BYTES } from '../../sdk/for-apps/small-message.ts'
import { agentPlace, callAgent } from '../api-client.ts'
import { type Cli, pathOf, remainingMs } from '../context.ts'
import type { Place } from '../mesh-choice.ts'

/** Call a route of the sync app in one mesh. @throws MeshError as `callAgent` */
export function callSync<K extends keyof typeof SYNC_API>(
  cli: Cli,
  mesh: string,
  route: K,
  args: Arguments<(typeof SYNC_API)[K]>,
): Promise<Answer<(typeof SYNC_API)[K]>> {
  const below = `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/sync`
  return callAgent(cli, SYNC_API[route] as Route, args as never, { below }) as never
}

/**
 * Read `[endpoint:]path`. Without an endpoint it is the one that was chosen for the command, else this computer, where
 * a relative path begins at the working folder.
 */
export function readPlace(cli: Cli, text: string, { endpoint, isChosen }: Place): CopyPlaceName {
  const place = parseCopyPlace(text)
  if (place.endpoint !== undefined) return place
  if (isChosen) return { endpoint, path: place.path }
  const whole = pathOf(cli, place.path)
  return { path: /[/\\]$/.test(place.path) && !/[/\\]$/.test(whole) ? `${whole}/` : whole }
}

/**
 * Ask the agent's sync app for something of which it tells in events.
 *
 * @param signal  breaks it off
 * @throws MeshError the agent's, `timed-out`, `link-closed` if it breaks off by itself
 */
export async function* askSync(
  cli: Cli,
  mesh: string,
  request: unknown,
  signal: AbortSignal,
): AsyncGenerator<CopyEvent> {
  const message = encodeSmallMessage(request)
  if (message.length > MAX_SMALL_MESSAGE_BYTES)
    throw new MeshError('too-large', 'Cannot copy: the paths are too long')
  const path = `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/sync/stream`
  const stream = await openLocalStream(await agentPlace(cli), path, remainingMs(cli))
  const leave = () => stream.destroy()
  signal.addEventListener('abort', leave, { once: true })
  try {
    stream.write(message)
    let text = ''
    for await (const chunk of stream.setEncoding('utf8')) {
      text += chunk
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        const event = copyEventShape.parse(JSON.parse(line))
        if (event.event === 'refused')
          throw parseErrorBody(event.error) ?? new MeshError('bad-message', 'Refused without a reason')
        yield event
        if (event.event === 'ended') return
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', leave)
    stream.destroy()
  }
  if (!signal.aborted) throw new MeshError('link-closed', 'Cannot go on: the agent ended the connection')
}
