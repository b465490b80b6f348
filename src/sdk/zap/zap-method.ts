import { MAX_METHOD_BYTES } from '../../core/codec/zap-envelope.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'

/** How values of one kind are written as the bytes of a call, and read. */
export interface ZapCodec<T> {
  encode(value: T): Uint8Array
  /** Throws if the bytes are none. */
  decode(bytes: Uint8Array): T
}

/** A method as both sides know it: what goes in, and what comes out, once or as the items of a stream. */
export interface ZapMethod<P, R> {
  /** 1 to 256 bytes of UTF-8. */
  readonly name: string
  readonly params: ZapCodec<P>
  readonly result: ZapCodec<R>
}

/**
 * Name a method.
 *
 *     const ADD = zapMethod('add', jsonCodec(z.tuple([z.number(), z.number()])), jsonCodec(z.number()))
 *
 * @param params  bytes as they are if absent
 * @param result  as above
 * @throws MeshError `bad-input` for a name that is empty or too long
 */
export function zapMethod(name: string): ZapMethod<Uint8Array, Uint8Array>
export function zapMethod<P, R>(name: string, params: ZapCodec<P>, result: ZapCodec<R>): ZapMethod<P, R>
export function zapMethod(
  name: string,
  params: ZapCodec<unknown> = BYTES as ZapCodec<unknown>,
  result: ZapCodec<unknown> = BYTES as ZapCodec<unknown>,
): ZapMethod<unknown, unknown> {
  const byteCount = utf8.encode(name).length
  if (byteCount === 0 || byteCount > MAX_METHOD_BYTES) {
    throw new MeshError('bad-input', `Cannot name method ${quote(name)}: 1 to ${MAX_METHOD_BYTES} bytes`)
  }
  return { name, params, result }
}

/** JSON that `schema` takes; any zod schema is one.  */
export function jsonCodec<T>(schema: { parse(value: unknown): T }): ZapCodec<T> {
  return {
    encode: value => utf8.encode(JSON.stringify(value)),
    decode: bytes => schema.parse(JSON.parse(utf8Reader.decode(bytes))),
  }
}

/**
 * Read what the other side sent.
 *
 * @param what  for the message: `answer to "add"`
 * @param code  of the error for whatever the codec throws
 */
export function decodeFrom<T>(
  codec: ZapCodec<T>,
  bytes: Uint8Array,
  what: () => string,
  code: 'bad-message' | 'bad-input' = 'bad-message',
): T {
  try {
    return codec.decode(bytes)
  } catch (cause) {
    throw new MeshError(code, `Cannot read ${what()}: not of the form that was agreed on`, { cause })
  }
}

const utf8 = new TextEncoder()
const utf8Reader = new TextDecoder('utf-8', { fatal: true })

/** Bytes as they are. What is decoded is a view of a buffer that may be larger. */
export const BYTES: ZapCodec<Uint8Array> = { encode: bytes => bytes, decode: bytes => bytes }

/** Text in UTF-8. */
export const TEXT: ZapCodec<string> = {
  encode: text => utf8.encode(text),
  decode: bytes => utf8Reader.decode(bytes),
}
