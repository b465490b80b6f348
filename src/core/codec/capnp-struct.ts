import { MeshError } from '../model/errors.ts'
import { type CapnpReader, checkCapnpMessage } from './capnp-message.ts'

/**
 * Check a message as `checkCapnpMessage` does, and read its root.
 *
 * @param bytes  the whole message in stream framing, unpacked; it must not change while it is read
 * @throws MeshError `bad-message`
 */
export function readCapnpRoot(bytes: Uint8Array): CapnpStruct {
  return new CapnpStruct(checkCapnpMessage(bytes), 0, 0)
}

/**
 * A struct of a message that was checked. Fields are found where `capnp compile -ocapnp` says: numbers by their byte, texts
 * and the like by their pointer. What the struct is too short for, as those of an older schema are, or what is not there is
 * zero, empty or false.
 */
export class CapnpStruct {
  readonly #reader: CapnpReader
  readonly #segment: number
  /** First word of the pointers. */
  readonly #pointers: number
  readonly #pointerCount: number
  /** First byte of the data, into all of the message, and how many there are. */
  readonly #dataAt: number
  readonly #dataBytes: number

  /**
   * @param segment  with `word`: where the pointer to the struct is; or the struct itself, if `element` is given
   * @param element  the size of an element of a list
   * @throws MeshError `bad-message` if the pointer leads to a list
   */
  constructor(
    reader: CapnpReader,
    segment: number,
    word: number,
    element?: { readonly dataWords: number; readonly pointerCount: number },
  ) {
    this.#reader = reader
    let size = element
    let at = word
    this.#segment = segment
    if (size === undefined) {
      reader.follow(segment, word)
      if (reader.kind === 'list') throw broken('a struct is none')
      if (reader.kind === 'null') size = NO_SIZE
      else {
        size = reader
        at = reader.word
        this.#segment = reader.segment
      }
    }
    this.#pointers = at + size.dataWords
    this.#pointerCount = size.pointerCount
    this.#dataAt = reader.offsetOf(this.#segment, at)
    this.#dataBytes = size.dataWords * 8
  }

  uint16(byte: number): number {
    return byte < this.#dataBytes ? this.#reader.view.getUint16(this.#dataAt + byte, true) : 0
  }

  uint32(byte: number): number {
    return byte < this.#dataBytes ? this.#reader.view.getUint32(this.#dataAt + byte, true) : 0
  }

  int64(byte: number): bigint {
    return byte < this.#dataBytes ? this.#reader.view.getBigInt64(this.#dataAt + byte, true) : 0n
  }

  /** @param bit  from the first of the struct */
  bool(bit: number): boolean {
    return ((this.uint16((bit >> 4) * 2) >> (bit & 15)) & 1) === 1
  }

  /** A view of the message. @throws MeshError `bad-message` if it is not a list of bytes */
  data(pointer: number): Uint8Array {
    const reader = this.#reader
    if (!this.#follow(pointer)) return NOTHING
    if (reader.kind !== 'list' || reader.elementSize !== BYTES)
      throw broken('a text or data is no list of bytes')
    const start = reader.offsetOf(reader.segment, reader.word)
    return reader.bytes.subarray(start, start + reader.count)
  }

  /**
   * @param maxBytes  the longest that is taken, UTF-8; any if absent
   * @throws MeshError `bad-message` if it is longer, not UTF-8, or has no zero at its end
   */
  text(pointer: number, maxBytes: number = Number.POSITIVE_INFINITY): string {
    const bytes = this.data(pointer)
    if (bytes.length === 0) return ''
    if (bytes.length - 1 > maxBytes) throw broken(`a text has over ${maxBytes} bytes`)
    if (bytes[bytes.length - 1] !== 0) throw broken('a text does not end')
    const ascii = readAscii(bytes)
    if (ascii !== undefined) return ascii
    try {
      return utf8.decode(bytes.subarray(0, -1))
    } catch (cause) {
      throw new MeshError('bad-message', "Cannot read Cap'n Proto message: a text is not UTF-8", { cause })
    }
  }

  /** @throws MeshError `bad-message` if the pointer leads to a list */
  struct(pointer: number): CapnpStruct {
    if (pointer < this.#pointerCount)
      return new CapnpStruct(this.#reader, this.#segment, this.#pointers + pointer)
    return new CapnpStruct(this.#reader, this.#segment, 0, NO_SIZE)
  }

  /** The structs of a list. @throws MeshError `bad-message` if it is a list of something else */
  structs(pointer: number): CapnpStruct[] {
    const reader = this.#reader
    if (!this.#follow(pointer)) return []
    if (reader.kind !== 'list' || (reader.elementSize !== COMPOSITE && reader.count > 0)) {
      throw broken('a list of structs is none')
    }
    const { segment, word, count, dataWords, pointerCount } = reader
    const size = { dataWords, pointerCount }
    const words = dataWords + pointerCount
    return Array.from(
      { length: count },
      (_, index) => new CapnpStruct(reader, segment, word + index * words, size),
    )
  }

  #follow(pointer: number): boolean {
    if (pointer >= this.#pointerCount) return false
    this.#reader.follow(this.#segment, this.#pointers + pointer)
    return this.#reader.kind !== 'null'
  }
}

/** Short texts are ASCII, as a rule: then a loop costs less than a decoder. */
function readAscii(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_LOOP_LENGTH) return undefined
  let text = ''
  for (let index = 0; index < bytes.length - 1; index++) {
    const byte = bytes[index] ?? 0
    if (byte > 0x7f) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function broken(why: string): MeshError {
  return new MeshError('bad-message', `Cannot read Cap'n Proto message: ${why}`)
}

/** Texts longer than this are read by the decoder. */
const MAX_LOOP_LENGTH = 64

const BYTES = 2
const COMPOSITE = 7
const NO_SIZE = { dataWords: 0, pointerCount: 0 }
const NOTHING = new Uint8Array(0)
const utf8 = new TextDecoder('utf-8', { fatal: true })
