import http from 'node:http'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import { fromNodeError } from './node-error.ts'

/** Where a local API is served. */
export type ApiPlace =
  | { readonly socket: string }
  | { readonly host: string; readonly port: number; readonly token?: string }

/** One request with a JSON body, or none. */
export interface JsonCall {
  readonly method: string
  readonly path: string
  /** JSON text. */
  readonly body?: string
  /** Begins every error's message: `Cannot list endpoints`. */
  readonly action: string
  readonly timeoutMs: number
}

/**
 * Send a request over HTTP/1.1 and read its JSON answer, on a connection of its own.
 *
 * @returns the parsed answer; undefined for an empty one
 * @throws MeshError the other side's own, or `unreachable`, `not-found` (no such socket), `not-permitted`,
 *   `timed-out`, `link-closed`, `too-large`, `bad-message`
 */
export async function callJson(place: ApiPlace, call: JsonCall): Promise<unknown> {
  const { status, text } = await exchange(place, call)
  let value: unknown
  try {
    value = text === '' ? undefined : JSON.parse(text)
  } catch (cause) {
    throw new MeshError('bad-message', `${call.action}: answer ${status} is not JSON`, { cause })
  }
  if (status >= 200 && status < 300) return value
  throw (
    parseErrorBody(value) ?? new MeshError('bad-message', `${call.action}: answer ${status} without an error`)
  )
}

function exchange(place: ApiPlace, call: JsonCall): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(requestOptions(place, call))
    const timer = setTimeout(() => {
      const seconds = Math.round(call.timeoutMs / 100) / 10
      request.destroy(new MeshError('timed-out', `${call.action}: no answer within ${seconds} s`))
    }, call.timeoutMs)
    const fail = (thrown: unknown) => {
      clearTimeout(timer)
      reject(fromNodeError(thrown, call.action))
    }
    request.once('error', fail)
    request.once('response', response => {
      readText(response, call.action).then(text => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, text })
      }, fail)
    })
    request.end(call.body)
  })
}

function requestOptions(place: ApiPlace, { method, path, body }: JsonCall): http.RequestOptions {
  const headers = {
    ...(body !== undefined && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }),
    ...('token' in place && place.token !== undefined && { authorization: `Bearer ${place.token}` }),
  }
  const to = 'socket' in place ? { socketPath: place.socket } : { host: place.host, port: place.port }
  return { ...to, method, path, headers, agent: false }
}

async function readText(response: http.IncomingMessage, action: string): Promise<string> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    byteCount += chunk.length
    if (byteCount > MAX_ANSWER_BYTES) {
      throw new MeshError('too-large', `${action}: answer over ${MAX_ANSWER_BYTES} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const MAX_ANSWER_BYTES = 16 * 1_048_576
