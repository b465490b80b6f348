import http, { type IncomingMessage } from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import type { ApiPlace } from './http-json.ts'
import { fromNodeError } from './node-error.ts'
import { STREAM_PROTOCOL } from './unix-server.ts'

/**
 * Open a stream of bytes to the agent of this computer, over its socket.
 *
 * @param path        `/api/meshes/home/apps/ztm/terminal/stream`
 * @param isHalfOpen  this side may go on after the other has ended; the stream must then be ended by both
 * @throws MeshError the agent's, `timed-out`, `unreachable`; `unsupported` where the agent is reached over TCP
 */
export async function openLocalStream(
  place: ApiPlace,
  path: string,
  timeoutMs: number,
  isHalfOpen = false,
): Promise<Duplex> {
  if (!('socket' in place)) {
    throw new MeshError(
      'unsupported',
      'Cannot open stream: only over the socket of an agent on this computer',
    )
  }
  const request = http.request({
    socketPath: place.socket,
    ...(isHalfOpen && { createConnection: () => net.connect({ path: place.socket, allowHalfOpen: true }) }),
    path,
    headers: { connection: 'Upgrade', upgrade: STREAM_PROTOCOL },
    signal: AbortSignal.timeout(timeoutMs),
  })
  return await new Promise((resolve, reject) => {
    request.once('error', error => reject(fromNodeError(error, 'Cannot open stream')))
    request.once('upgrade', (_, socket, head) => {
      socket.on('error', () => {})
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    request.once('response', response => void readRefusal(response).then(reject, reject))
    request.end()
  })
}

async function readRefusal(response: IncomingMessage): Promise<MeshError> {
  let text = ''
  for await (const chunk of response) {
    text += String(chunk)
    if (text.length > MAX_REFUSAL_CHARACTERS) break
  }
  try {
    const error = parseErrorBody(JSON.parse(text))
    if (error !== undefined) return error
  } catch {}
  return new MeshError(
    'bad-message',
    'Cannot open stream: refused without a reason: restart the agent if it is of another version',
  )
}

const MAX_REFUSAL_CHARACTERS = 4_096
