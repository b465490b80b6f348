import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'

/**
 * Answer a stream when the first bytes are written to it, or it is ended: in one packet with those. What comes on it can be read
 * before. Nothing is answered on a stream that is broken before.
 */
export function answerWithFirstBytes(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  const { write, end } = stream
  const answer = () => {
    stream.write = write
    stream.end = end
    if (!stream.headersSent && !stream.destroyed && !stream.closed) stream.respond(headers)
  }
  stream.write = ((...args: Parameters<typeof write>) => {
    answer()
    return write.apply(stream, args)
  }) as typeof write
  stream.end = ((...args: Parameters<typeof end>) => {
    answer()
    return end.apply(stream, args)
  }) as typeof end
}
