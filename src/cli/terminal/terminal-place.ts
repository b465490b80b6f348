import type { Duplex } from 'node:stream'
import { answerShape, type TerminalAnswer, type TerminalRequest } from '../../apps/terminal/messages.ts'
import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { agentPlace, callAgent } from '../api-client.ts'
import { type Cli, remainingMs } from '../context.ts'
import type { Place } from '../mesh-choice.ts'

/** Call a route of the terminal app in one mesh. @throws MeshError as `callAgent` */
export function callTerminal<R extends Route>(
  cli: Cli,
  mesh: string,
  route: R,
  args: Arguments<R>,
): Promise<Answer<R>> {
  return callAgent(cli, route, args, { below: `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/terminal` })
}

/**
 * Send a request to the terminals of an endpoint.
 *
 * @returns the answer; frames follow in the stream if one asked for a terminal
 * @throws MeshError the endpoint's, the agent's, `timed-out`
 */
export async function requestTerminal(
  cli: Cli,
  { mesh, endpoint }: Pick<Place, 'mesh' | 'endpoint'>,
  request: TerminalRequest,
): Promise<{ stream: Duplex; answer: Extract<TerminalAnswer, { isGood: true }> }> {
  const timeoutMs = remainingMs(cli)
  const path = `/api/meshes/${encodeURIComponent(mesh.name)}/apps/ztm/terminal/stream`
  const stream = await openLocalStream(await agentPlace(cli), path, timeoutMs)
  const late = setTimeout(
    () => stream.destroy(new MeshError('timed-out', 'Cannot open terminal: no answer')),
    timeoutMs,
  )
  try {
    stream.write(encodeSmallMessage({ endpoint, request }))
    const answer = await readSmallMessage(stream, answerShape)
    if (answer.isGood) return { stream, answer }
    throw (
      parseErrorBody(answer.error) ??
      new MeshError('bad-message', 'Cannot open terminal: refused without a reason')
    )
  } catch (error) {
    stream.destroy()
    throw error
  } finally {
    clearTimeout(late)
  }
}
