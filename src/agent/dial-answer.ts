import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import type { ServiceName } from '../core/model/names.ts'
import { fromNodeError } from '../net/node-error.ts'

/**
 * Resolves with the headers of its answer when the hosting agent said yes.
 *
 * @throws MeshError the hosting agent's, or `link-closed`
 */
export function answered(stream: ClientHttp2Stream, service: ServiceName): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(fromNodeError(error, `Cannot dial "${service}"`))
    const closed = () =>
      reject(new MeshError('link-closed', `Cannot dial "${service}": connection ended before the answer`))
    stream.once('error', fail)
    stream.once('close', closed)
    stream.once('response', headers => {
      if (headers[':status'] !== 200) {
        readRefusal(stream, service).then(reject, fail)
        return
      }
      stream.off('close', closed)
      stream.off('error', fail)
      stream.on('error', ignore)
      resolve(headers)
    })
  })
}

/** Not a function of `answered`: with it what that holds would live as long as the stream. */
function ignore(): void {}

async function readRefusal(stream: ClientHttp2Stream, service: ServiceName): Promise<MeshError> {
  let text = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8')
    if (text.length > MAX_REFUSAL_CHARACTERS) break
  }
  stream.end()
  try {
    return (
      parseErrorBody(JSON.parse(text)) ??
      new MeshError('bad-message', `Cannot dial "${service}": refused without a reason`)
    )
  } catch {
    return new MeshError('bad-message', `Cannot dial "${service}": refused without a reason`)
  }
}

/** What is read of a refusal. */
const MAX_REFUSAL_CHARACTERS = 4_096
