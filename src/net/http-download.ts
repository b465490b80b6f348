import http, { type IncomingMessage } from 'node:http'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import type { ApiPlace } from './http-json.ts'
import { fromNodeError } from './node-error.ts'

/** What is fetched as bytes. */
export interface Download {
  readonly path: string
  /** Begins every error's message: `Cannot read file`. */
  readonly action: string
  /** Until the answer begins. */
  readonly timeoutMs: number
}

/**
 * Fetch bytes over HTTP/1.1, on a connection of its own.
 *
 * @returns the bytes, as they come; they end with an error if they are cut
 * @throws MeshError as `callJson`
 */
export async function openDownload(
  place: ApiPlace,
  { path, action, timeoutMs }: Download,
): Promise<IncomingMessage> {
  const to = 'socket' in place ? { socketPath: place.socket } : { host: place.host, port: place.port }
  const token = 'token' in place ? place.token : undefined
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const request = http.request({ ...to, path, headers, agent: false })
  const timer = setTimeout(() => {
    request.destroy(
      new MeshError('timed-out', `${action}: no answer within ${Math.round(timeoutMs / 100) / 10} s`),
    )
  }, timeoutMs)
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.once('error', reject)
      request.end()
    })
    if (response.statusCode === 200) return response
    throw (
      (await readError(response)) ??
      new MeshError('bad-message', `${action}: answer ${response.statusCode} without an error`)
    )
  } catch (thrown) {
    throw fromNodeError(thrown, action)
  } finally {
    clearTimeout(timer)
  }
}

async function readError(response: IncomingMessage): Promise<MeshError | undefined> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_ERROR_CHARACTERS) break
  }
  try {
    return parseErrorBody(JSON.parse(text))
  } catch {
    return undefined
  }
}

const MAX_ERROR_CHARACTERS = 65_536
