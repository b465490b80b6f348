import { MeshError } from '../model/errors.ts'
import { readCapnpRoot } from './capnp-struct.ts'
import { checkZapLength, writeZapHeader, ZAP_HEADER_BYTES } from './zap-frame.ts'

/**
 * What one frame of a ZAP connection says: `Envelope` of schema/zap-call.capnp, whose comments say what each is for.
 * Numbers are whole, 0 to 2^32 - 1.
 */
export type ZapEnvelope =
  | {
      readonly kind: 'call'
      readonly id: number
      /** 1 to `MAX_METHOD_BYTES` bytes of UTF-8. */
      readonly method: string
      readonly params: Uint8Array
      /** 0 is none. */
      readonly deadlineMs: number
      /** 0 asks for one result, else for a stream. */
      readonly window: number
    }
  | { readonly kind: 'result'; readonly id: number; readonly value: Uint8Array }
  | { readonly kind: 'error'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly kind: 'item'; readonly id: number; readonly value: Uint8Array }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'more'; readonly id: number; readonly credit: number }

/**
 * Write an envelope as one whole frame.
 *
 * The message is one segment: root pointer, a struct of two words and two pointers, then what these lead to. The layout
 * is what `capnp compile -ocapnp schema/zap-call.capnp` prints; src/sdk/zap/capnp-tool.test.ts holds the two together.
 *
 * @param allocate  makes a buffer of so many bytes, which need not be zero; `new Uint8Array` if absent
 * @returns the frame in pieces to be written one after another: one new buffer, or, if params or value have over
 *   4,096 bytes, these very bytes (not copied) with what goes before and after them
 * @throws MeshError `too-large` if the frame would be over `MAX_ZAP_FRAME_BYTES`
 */
export function encodeEnvelope(
  envelope: ZapEnvelope,
  allocate: (byteCount: number) => Uint8Array = byteCount => new Uint8Array(byteCount),
): Uint8Array[] {
  switch (envelope.kind) {
    case 'call': {
      const { id, method, params, deadlineMs, window } = envelope
      return encode({ id, tag: TAGS.call, slot: deadlineMs, window, text: method, data: params }, allocate)
    }
    case 'result':
    case 'item':
      return encode({ id: envelope.id, tag: TAGS[envelope.kind], data: envelope.value }, allocate)
    case 'error': {
      const { id, code, message } = envelope
      return encode({ id, tag: TAGS.error, text: code, data: utf8.encode(`${message}\0`) }, allocate)
    }
    case 'more':
      return encode({ id: envelope.id, tag: TAGS.more, slot: envelope.credit }, allocate)
    default:
      return encode({ id: envelope.id, tag: TAGS[envelope.kind] }, allocate)
  }
}

/**
 * Read the payload of a frame. The message is checked as `checkCapnpMessage` does.
 *
 * @returns the envelope; `params` and `value` are views of `payload`
 * @throws MeshError `bad-message` if it is no message, no envelope, of a kind that we do not know, or has a text that is
 *   not UTF-8 or too long
 */
export function decodeEnvelope(payload: Uint8Array): ZapEnvelope {
  const root = readCapnpRoot(payload)
  const id = root.uint32(ID_AT)
  switch (root.uint16(TAG_AT)) {
    case TAGS.call: {
      const method = root.text(0, MAX_METHOD_BYTES)
      if (method === '') throw broken('a call names no method')
      const [deadlineMs, window] = [root.uint32(SLOT_AT), root.uint32(WINDOW_AT)]
      return { kind: 'call', id, method, params: root.data(1), deadlineMs, window }
    }
    case TAGS.result:
      return { kind: 'result', id, value: root.data(0) }
    case TAGS.item:
      return { kind: 'item', id, value: root.data(0) }
    case TAGS.error: {
      const code = root.text(0, MAX_METHOD_BYTES)
      return { kind: 'error', id, code, message: root.text(1, MAX_MESSAGE_BYTES) }
    }
    case TAGS.end:
      return { kind: 'end', id }
    case TAGS.cancel:
      return { kind: 'cancel', id }
    case TAGS.more:
      return { kind: 'more', id, credit: root.uint32(SLOT_AT) }
    default:
      throw broken('it is of a kind that we do not know')
  }
}

interface Parts {
  readonly id: number
  readonly tag: number
  readonly slot?: number
  readonly window?: number
  /** In the first pointer. */
  readonly text?: string
  /** In the pointer after the text, or the first. */
  readonly data?: Uint8Array
}

function encode(
  { id, tag, slot = 0, window = 0, text, data = NOTHING }: Parts,
  allocate: (byteCount: number) => Uint8Array,
): Uint8Array[] {
  const textLength = text === undefined ? 0 : byteLength(text) + 1
  const dataAt = CONTENT_AT + padded(textLength)
  const dataLength = data.length
  checkZapLength(dataLength)
  const length = dataAt + padded(dataLength)
  checkZapLength(length)
  const isLarge = dataLength > MAX_COPIED_BYTES
  const headLength = ZAP_HEADER_BYTES + (isLarge ? dataAt : length)
  const head = allocate(headLength)
  writeZapHeader(head, 0, length)
  const view = new DataView(head.buffer, head.byteOffset + ZAP_HEADER_BYTES, headLength - ZAP_HEADER_BYTES)
  // What is not written below: the end of the word between text and data, and that after them.
  if (textLength > 0) view.setFloat64(dataAt - 8, 0)
  if (!isLarge && dataLength > 0) view.setFloat64(length - 8, 0)
  view.setUint32(0, 0, true)
  view.setUint32(4, (length - 8) / 8, true)
  // The root pointer: a struct of two words and two pointers, right behind.
  view.setUint32(8, 0, true)
  view.setUint32(12, 0x0002_0002, true)
  view.setUint32(STRUCT_AT + ID_AT, id, true)
  view.setUint32(STRUCT_AT + SLOT_AT, slot, true)
  view.setUint32(STRUCT_AT + WINDOW_AT, window, true)
  view.setUint32(STRUCT_AT + TAG_AT, tag, true)
  let pointerAt = STRUCT_AT + 16
  if (text !== undefined) {
    writeBytePointer(view, pointerAt, CONTENT_AT, textLength)
    writeText(head, ZAP_HEADER_BYTES + CONTENT_AT, text, textLength)
    pointerAt += 8
  }
  writeBytePointer(view, pointerAt, dataAt, dataLength)
  if (text === undefined) writeBytePointer(view, pointerAt + 8, 0, 0)
  if (!isLarge) {
    if (dataLength > 0) head.set(data, ZAP_HEADER_BYTES + dataAt)
    return [head]
  }
  const missing = padded(dataLength) - dataLength
  return missing === 0 ? [head, data] : [head, data, new Uint8Array(missing)]
}

/** A list of bytes: the offset is in words, from behind the pointer. An empty one is a null pointer. */
function writeBytePointer(view: DataView, at: number, target: number, length: number): void {
  if (length === 0) {
    view.setUint32(at, 0, true)
    view.setUint32(at + 4, 0, true)
    return
  }
  view.setUint32(at, (((target - at - 8) / 8) << 2) | LIST, true)
  view.setUint32(at + 4, (length << 3) | BYTES, true)
}

/** Names of methods are short and ASCII, as a rule: then a loop costs less than an encoder. */
function isAscii(text: string): boolean {
  if (text.length > MAX_LOOP_LENGTH) return false
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

function byteLength(text: string): number {
  return isAscii(text) ? text.length : utf8.encode(text).length
}

/** Its last word is zero already. */
function writeText(target: Uint8Array, at: number, text: string, length: number): void {
  if (length - 1 !== text.length) target.set(utf8.encode(text), at)
  else for (let index = 0; index < text.length; index++) target[at + index] = text.charCodeAt(index)
}

function padded(length: number): number {
  return (length + 7) & ~7
}

function broken(why: string): MeshError {
  return new MeshError('bad-message', `Cannot read envelope: ${why}`)
}

/** The longest name of a method, and the longest code of an error, UTF-8. */
export const MAX_METHOD_BYTES = 256

/** The longest message of an error, UTF-8. */
export const MAX_MESSAGE_BYTES = 8_192

const TAGS = { call: 0, result: 1, error: 2, item: 3, end: 4, cancel: 5, more: 6 } as const

// Bytes into the data of the struct.
const ID_AT = 0
/** Deadline of a call, credit of a `more`. */
const SLOT_AT = 4
const WINDOW_AT = 8
const TAG_AT = 12

// Bytes into the message: after the segment table and the root pointer; after the struct.
const STRUCT_AT = 16
const CONTENT_AT = 48

/** Texts longer than this are written by the encoder. */
const MAX_LOOP_LENGTH = 64

const LIST = 1
const BYTES = 2
/** Of longer data a copy costs more than another piece to write. */
const MAX_COPIED_BYTES = 4_096
const NOTHING = new Uint8Array(0)
const utf8 = new TextEncoder()
