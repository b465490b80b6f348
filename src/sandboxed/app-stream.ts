import type { BridgeStream } from '../core/app/bridge-stream.ts'
import { MeshError } from '../core/model/errors.ts'
import type { DialedStream } from '../sdk/define-app.ts'

/**
 * Make of a stream of the bridge one that a program uses.
 *
 * @param isDialed  the program opened it: once it has read the whole answer, its own half ends, too
 */
export function createAppStream(stream: BridgeStream, isDialed = false): DialedStream {
  const chunks: Uint8Array[] = []
  let isEnded = false
  let error: Error | undefined
  let wake = () => {}
  const readable = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (chunks.length === 0 && !isEnded && error === undefined)
          await new Promise<void>(resolve => {
            wake = resolve
          })
        const chunk = chunks.shift()
        if (chunk !== undefined) {
          stream.used(chunk.length)
          controller.enqueue(chunk)
        } else if (error !== undefined) controller.error(error)
        else controller.close()
      },
      cancel() {
        stream.reset('Stream is not read any more')
      },
    },
    // Nothing is taken before it is asked for: what waits here has used credit of the other side.
    { highWaterMark: 0 },
  )
  stream.listen({
    onData: bytes => {
      chunks.push(bytes)
      wake()
    },
    onEnd: () => {
      isEnded = true
      wake()
    },
    onReset: reason => {
      error = reason
      wake()
    },
  })
  return streamOf(stream, readable, isDialed)
}

function streamOf(
  stream: BridgeStream,
  readable: ReadableStream<Uint8Array>,
  isDialed: boolean,
): DialedStream {
  let lastWrite: Promise<void> = Promise.resolve()
  const write = (data: string | Uint8Array) => {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    lastWrite = lastWrite.then(() => stream.write(bytes))
    // Who does not wait for a write hears of it at the next one.
    lastWrite.catch(() => {})
    return lastWrite
  }
  const text = async () => {
    const decoder = new TextDecoder()
    let whole = ''
    let byteCount = 0
    for await (const chunk of readable) {
      byteCount += chunk.length
      if (byteCount > MAX_TEXT_BYTES) {
        stream.reset('Too much came')
        throw new MeshError('too-large', `Cannot read stream: over ${MAX_TEXT_BYTES} bytes of text`)
      }
      whole += decoder.decode(chunk, { stream: true })
    }
    // Who asked has heard it all; who was asked has yet to answer.
    if (isDialed) {
      await lastWrite.catch(() => {})
      stream.end()
    }
    return whole + decoder.decode()
  }
  return {
    readable,
    write,
    async end(data) {
      if (data !== undefined) write(data)
      await lastWrite
      stream.end()
    },
    close: () => stream.reset('Stream was closed by the other side'),
    text,
    json: async <T>() => JSON.parse(await text()) as T,
    lines: () => readLines(readable),
    [Symbol.asyncIterator]: () => readable[Symbol.asyncIterator](),
  }
}

async function* readLines(readable: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of readable) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH) throw new MeshError('too-large', 'Cannot read line: it does not end')
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}

/** What `text` and `json` read at most. */
const MAX_TEXT_BYTES = 16_777_216
/** In UTF-16 units. */
const MAX_LINE_LENGTH = 1_048_576
