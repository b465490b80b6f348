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
 * @param likely  a method that a call probably names, the last one as a rule: then its text need not be made anew
 * @returns the envelope; `params` and `value` are views of `payload`
 * @throws MeshError `bad-message` if it is no message, no envelope, of a kind that we do not know, or has a text that is
 *   not UTF-8 or too long
 */
export function decodeEnvelope(payload: Uint8Array, likely = ''): ZapEnvelope {
  return decodeUsual(payload, likely) ?? decodeAny(payload)
}

/** Whatever form Cap'n Proto allows. */
function decodeAny(payload: Uint8Array): ZapEnvelope {
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

/**
 * Read what `encodeEnvelope` writes, and nearly everybody else: one segment, the struct right behind its pointer, and the
 * bytes that its pointers lead to behind it, one after another. For that neither a reader nor a walk is needed.
 *
 * @returns undefined for any other form, good or not, and for an `error`: `decodeAny` knows. What is returned here is
 *   what it would return
 */
function decodeUsual(payload: Uint8Array, likely: string): ZapEnvelope | undefined {
  const { length } = payload
  if (length < CONTENT_AT || length % 8 !== 0) return undefined
  if (uint32At(payload, 0) !== 0 || uint32At(payload, 4) !== (length - 8) / 8) return undefined
  if (uint32At(payload, ROOT_AT) !== 0 || uint32At(payload, ROOT_AT + 4) !== ROOT_SIZE) return undefined
  const firstAt = bytesAt(payload, FIRST_POINTER_AT, CONTENT_AT)
  if (firstAt === ELSEWHERE) return undefined
  const firstLength = uint32At(payload, FIRST_POINTER_AT + 4) >>> 3
  const secondAt = bytesAt(payload, FIRST_POINTER_AT + 8, firstAt + padded(firstLength))
  if (secondAt === ELSEWHERE) return undefined
  const id = uint32At(payload, STRUCT_AT + ID_AT)
  switch (uint32At(payload, STRUCT_AT + TAG_AT)) {
    case TAGS.call: {
      const method = usualText(payload, firstAt, firstLength, likely)
      if (method === undefined) return undefined
      const params = viewOf(payload, secondAt, uint32At(payload, FIRST_POINTER_AT + 12) >>> 3)
      const deadlineMs = uint32At(payload, STRUCT_AT + SLOT_AT)
      return {
        kind: 'call',
        id,
        method,
        params,
        deadlineMs,
        window: uint32At(payload, STRUCT_AT + WINDOW_AT),
      }
    }
    case TAGS.result:
      return { kind: 'result', id, value: viewOf(payload, firstAt, firstLength) }
    case TAGS.item:
      return { kind: 'item', id, value: viewOf(payload, firstAt, firstLength) }
    default:
      return undefined
  }
}

/**
 * Where the bytes are that a pointer leads to.
 *
 * @param from  the first place where they may be
 * @returns `from` for none, `ELSEWHERE` if it leads to anything but bytes at `from` or later
 */
function bytesAt(payload: Uint8Array, pointerAt: number, from: number): number {
  const low = uint32At(payload, pointerAt)
  const high = uint32At(payload, pointerAt + 4)
  if (low === 0 && high === 0) return from
  if ((low & 3) !== LIST || (high & 7) !== BYTES) return ELSEWHERE
  const at = pointerAt + 8 + (low >>> 2) * 8
  return at >= from && at + (high >>> 3) <= payload.length ? at : ELSEWHERE
}

/** A method's name, of short ASCII as names are; undefined for any other. */
function usualText(payload: Uint8Array, at: number, length: number, likely: string): string | undefined {
  const last = at + length - 1
  if (length < 2 || length > MAX_LOOP_LENGTH || payload[last] !== 0) return undefined
  if (likely.length === length - 1) {
    let index = 0
    while (index < likely.length && payload[at + index] === likely.charCodeAt(index)) index += 1
    if (index === likely.length) return likely
  }
  let text = ''
  for (let index = at; index < last; index++) {
    const byte = payload[index] ?? 0
    if (byte > 0x7f) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function viewOf(payload: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(payload.buffer, payload.byteOffset + at, length)
}

function uint32At(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
  return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | high) >>> 0
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
  const at = ZAP_HEADER_BYTES
  // What is not written below: the end of the word between text and data, and that after them.
  if (textLength > 0) writeUint32s(head, at + dataAt - 8, 0, 0)
  if (!isLarge && dataLength > 0) writeUint32s(head, at + length - 8, 0, 0)
  writeUint32s(head, at, 0, (length - 8) / 8)
  writeUint32s(head, at + ROOT_AT, 0, ROOT_SIZE)
  writeUint32s(head, at + STRUCT_AT, id, slot)
  writeUint32s(head, at + STRUCT_AT + WINDOW_AT, window, tag)
  let pointerAt = FIRST_POINTER_AT
  if (text !== undefined) {
    writeBytePointer(head, pointerAt, CONTENT_AT, textLength)
    writeText(head, at + CONTENT_AT, text, textLength)
    pointerAt += 8
  }
  writeBytePointer(head, pointerAt, dataAt, dataLength)
  if (text === undefined) writeBytePointer(head, pointerAt + 8, 0, 0)
  if (!isLarge) {
    if (dataLength > 0) head.set(data, at + dataAt)
    return [head]
  }
  const missing = padded(dataLength) - dataLength
  return missing === 0 ? [head, data] : [head, data, new Uint8Array(missing)]
}

/** Two numbers, little-endian. By hand: making a `DataView` for each message would cost more than the rest of it. */
function writeUint32s(target: Uint8Array, at: number, first: number, second: number): void {
  target[at] = first
  target[at + 1] = first >>> 8
  target[at + 2] = first >>> 16
  target[at + 3] = first >>> 24
  target[at + 4] = second
  target[at + 5] = second >>> 8
  target[at + 6] = second >>> 16
  target[at + 7] = second >>> 24
}

/** A list of bytes: the offset is in words, from behind the pointer. An empty one is a null pointer. */
function writeBytePointer(frame: Uint8Array, at: number, target: number, length: number): void {
  const offset = (target - at - 8) / 8
  if (length === 0) writeUint32s(frame, ZAP_HEADER_BYTES + at, 0, 0)
  else writeUint32s(frame, ZAP_HEADER_BYTES + at, (offset << 2) | LIST, (length << 3) | BYTES)
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
const ROOT_AT = 8
const STRUCT_AT = 16
const FIRST_POINTER_AT = 32
const CONTENT_AT = 48

/** High half of the pointer to a struct of two words and two pointers. */
const ROOT_SIZE = 0x0002_0002
/** No place. */
const ELSEWHERE = -1

/** Texts longer than this are written by the encoder. */
const MAX_LOOP_LENGTH = 64

const LIST = 1
const BYTES = 2
/** Of longer data a copy costs more than another piece to write. */
const MAX_COPIED_BYTES = 4_096
const NOTHING = new Uint8Array(0)
const utf8 = new TextEncoder()
