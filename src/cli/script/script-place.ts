import type { Duplex } from 'node:stream'
import { answerShape, SCRIPT_API, type ScriptAnswer, type ScriptRequest } from '../../apps/script/messages.ts'
import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { agentPlace, callAgent } from '../api-client.ts'
import { type Cli, remainingMs } from '../context.ts'

/** An endpoint of a mesh, by name or id. */
export interface ScriptPlace {
  readonly mesh: string
  readonly endpoint: string
}

/** Call a route of the script app in one mesh. @throws MeshError as `callAgent` */
export function callScript<R extends Route>(
  cli: Cli,
  mesh: string,
  route: R,
  args: Arguments<R>,
): Promise<Answer<R>> {
  return callAgent(cli, route, args, { below: `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/script` })
}

/**
 * Send a request to the scripts of an endpoint.
 *
 * @param source  of a script to run, sent after the request
 * @returns the answer; frames follow in the stream
 * @throws MeshError the endpoint's, the agent's, `timed-out`
 */
export async function requestScript(
  cli: Cli,
  { mesh, endpoint }: ScriptPlace,
  request: ScriptRequest,
  source?: Uint8Array,
): Promise<{ stream: Duplex; answer: Extract<ScriptAnswer, { isGood: true }> }> {
  const timeoutMs = Math.max(MIN_ANSWER_MS, remainingMs(cli))
  const path = `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/script/stream`
  const stream = await openLocalStream(await agentPlace(cli), path, timeoutMs)
  const late = setTimeout(
    () => stream.destroy(new MeshError('timed-out', 'Cannot run script: no answer')),
    timeoutMs,
  )
  try {
    stream.write(encodeSmallMessage({ endpoint, request }))
    if (source !== undefined) stream.write(source)
    const answer = await readSmallMessage(stream, answerShape)
    if (answer.isGood) return { stream, answer }
    throw (
      parseErrorBody(answer.error) ??
      new MeshError('bad-message', 'Cannot run script: refused without a reason')
    )
  } catch (error) {
    stream.destroy()
    throw error
  } finally {
    clearTimeout(late)
  }
}

/** Who may run scripts at an endpoint. @throws MeshError as `callAgent` */
export function showScriptConfig(
  cli: Cli,
  { mesh, endpoint }: ScriptPlace,
): Promise<Answer<typeof SCRIPT_API.showConfig>> {
  return callScript(cli, mesh, SCRIPT_API.showConfig, { params: { endpoint } })
}

/** A time limit for the script is none for the answer that it began. */
const MIN_ANSWER_MS = 10_000
