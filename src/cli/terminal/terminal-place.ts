import type { Duplex } from 'node:stream'
import { answerShape, type TerminalAnswer, type TerminalRequest } from '../../apps/terminal/messages.ts'
import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { agentPlace, callAgent } from '../api-client.ts'
import { type Cli, remainingMs } from '../context.ts'
import type { Place } from '../mesh-choice.ts'
import { carryFrames } from './terminal-client.ts'

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
 * @param isHalfOpen  one side's end is not the other's
 * @returns the answer; frames follow in the stream if one asked for a terminal
 * @throws MeshError the endpoint's, the agent's, `timed-out`
 */
export async function requestTerminal(
  cli: Cli,
  { mesh, endpoint }: Pick<Place, 'mesh' | 'endpoint'>,
  request: TerminalRequest,
  { isHalfOpen = false }: { readonly isHalfOpen?: boolean } = {},
): Promise<{ stream: Duplex; answer: Extract<TerminalAnswer, { isGood: true }> }> {
  const timeoutMs = remainingMs(cli)
  const path = `/api/meshes/${encodeURIComponent(mesh.name)}/apps/ztm/terminal/stream`
  const stream = await openLocalStream(await agentPlace(cli), path, timeoutMs, isHalfOpen)
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

/** What an endpoint answers to `list` and `show`, whole. @throws MeshError as `requestTerminal`, `link-closed`, `too-large` */
export async function readTerminal(
  cli: Cli,
  place: Pick<Place, 'mesh' | 'endpoint'>,
  request: TerminalRequest,
): Promise<Buffer> {
  const { stream } = await requestTerminal(cli, place, request)
  const parts: Uint8Array[] = []
  let length = 0
  try {
    const end = await carryFrames(stream, ({ kind, payload }) => {
      if (kind !== 'output') return kind === 'end'
      parts.push(Uint8Array.from(payload))
      length += payload.length
      if (length > MAX_RESULT_BYTES) throw new MeshError('too-large', 'Cannot read answer: it is too long')
      return undefined
    })
    if (end === true) return Buffer.concat(parts)
    throw new MeshError('link-closed', 'Cannot read answer: the connection broke')
  } finally {
    stream.destroy()
  }
}

const MAX_RESULT_BYTES = 4_194_304
