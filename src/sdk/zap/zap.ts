import type { Duplex } from 'node:stream'
import { serveZap } from './serve-zap.ts'
import { capnpCodec } from './struct-kind.ts'
import * as tools from './tool-methods.ts'
import { type CallOptions, openZapClient } from './zap-client.ts'
import { openZapConnection } from './zap-connection.ts'
import { BYTES, jsonCodec, TEXT, type ZapMethod, zapMethod } from './zap-method.ts'
import { answer } from './zap-serving.ts'

/**
 * Calls and streams between programs, in frames of Cap'n Proto messages, over any stream of bytes.
 *
 *     const ADD = zap.method('add', zap.json(z.tuple([z.number(), z.number()])), zap.json(z.number()))
 *
 *     zap.serve(await context.listen('calculator'), zap.answer(ADD, ([a, b]) => a + b))
 *
 *     const calculator = zap.client(await context.dial('calculator'))
 *     await calculator.call(ADD, [1, 2]) // 3
 *
 * @see docs/protocol.md, "ZAP"
 */
export const zap = {
  /** Name a method, and say what goes in and what comes out. */
  method: zapMethod,
  /** The calling end of a stream, for many calls. */
  client: openZapClient,
  /** One call over a stream of its own. */
  call: callZap,
  /** Answer calls: of one stream, or of all that a listener gives. */
  serve: serveZap,
  /** The handler of a method, for `serve`. */
  answer,
  /** Frames alone, of bytes that mean what you like. */
  connection: openZapConnection,
  /** What params and results are: JSON of a zod schema, text, bytes, or a class that capnp-es made of a schema. */
  json: jsonCodec,
  text: TEXT,
  bytes: BYTES,
  capnp: capnpCodec,
  /** Methods for tools, resources and prompts: `zap.tools.CALL_TOOL`. */
  tools,
} as const

/** Call a method over a stream, and end that. @throws MeshError as `ZapClient.call` */
async function callZap<P, R>(
  stream: Duplex,
  method: ZapMethod<P, R>,
  params: P,
  options?: CallOptions,
): Promise<R> {
  await using client = openZapClient(stream)
  return await client.call(method, params, options)
}
