import { MeshError } from '../model/errors.ts'

/**
 * A Cap'n Proto message in standard stream framing, read where it lies: nothing is copied, and no pointer is believed
 * before it was compared with the segment it leads into. It knows no schema.
 *
 * Words are 8 bytes, numbers little-endian. `follow` leaves what it found in the fields of the reader.
 *
 * @see https://capnproto.org/encoding.html
 */
export class CapnpReader {
  /** All of the message. Offsets below are into it. */
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where the first segment starts, byte offset, and how long it is, words. Nearly all messages have one. */
  readonly #start: number
  readonly #length: number
  /** The same of all segments, if there are several. */
  readonly #starts: number[] | undefined
  readonly #lengths: number[] | undefined
  /** Words that may still be visited. */
  #budget: number

  /** What the last pointer led to. */
  kind: 'null' | 'struct' | 'list' = 'null'
  /** Segment of the target, and its word in there: of a composite list that of the first element. */
  segment = 0
  word = 0
  /** Of a struct, and of each element of a composite list. */
  dataWords = 0
  pointerCount = 0
  /** Of a list: 0 void, 1 bit, 2 to 5 for 1, 2, 4, 8 bytes, 6 pointers, 7 composite; and how many elements. */
  elementSize = 0
  count = 0

  /**
   * Read the segment table.
   *
   * @param bytes  the whole message and nothing else; it must not change while the reader is used
   * @throws MeshError `bad-message` if the table and the length disagree, or there are over `MAX_SEGMENTS` segments
   */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    if (bytes.length < 16 || bytes.length % 8 !== 0) throw broken(`${bytes.length} bytes are none`)
    const segmentCount = this.view.getUint32(0, true) + 1
    if (segmentCount > MAX_SEGMENTS) throw broken(`${segmentCount} segments: at most ${MAX_SEGMENTS}`)
    let start = 4 + segmentCount * 4
    start += start % 8
    if (start >= bytes.length) throw broken('it ends in its segment table')
    this.#start = start
    this.#length = this.view.getUint32(4, true)
    if (segmentCount > 1) {
      this.#starts = []
      this.#lengths = []
      for (let segment = 0; segment < segmentCount; segment++) {
        const length = this.view.getUint32(4 + segment * 4, true)
        this.#starts.push(start)
        this.#lengths.push(length)
        start += length * 8
      }
    } else start += this.#length * 8
    if (start !== bytes.length) {
      throw broken(`its segments take ${start} bytes, it has ${bytes.length}`)
    }
    if (this.#length === 0) throw broken('its first segment is empty')
    this.#budget = bytes.length / 8 + SPARE_WORDS
  }

  /** From now on it does not count what is visited: the message was walked once, and is a tree of bounded size. */
  trust(): void {
    this.#budget = Number.POSITIVE_INFINITY
  }

  /** Byte offset of a word. */
  offsetOf(segment: number, word: number): number {
    return (segment === 0 ? this.#start : (this.#starts?.[segment] ?? 0)) + word * 8
  }

  /**
   * Follow the pointer at a word, through far pointers, to what is there. The word has to be of something that was
   * followed before, or the first of segment 0.
   *
   * @throws MeshError `bad-message` if it leads outside, is not a pointer to a struct or list, or more was visited
   *   than a message of this size can have
   */
  follow(segment: number, word: number): void {
    let at = this.offsetOf(segment, word)
    let low = this.view.getUint32(at, true)
    let high = this.view.getUint32(at + 4, true)
    if (low === 0 && high === 0) {
      this.kind = 'null'
      return
    }
    let inSegment = segment
    let target = word + 1 + ((low | 0) >> 2)
    if ((low & 3) === FAR) {
      const isDouble = (low & 4) !== 0
      inSegment = high
      const pad = low >>> 3
      this.#checkPlace(inSegment, pad, isDouble ? 2 : 1)
      this.#spend(1)
      at = this.offsetOf(inSegment, pad)
      low = this.view.getUint32(at, true)
      high = this.view.getUint32(at + 4, true)
      target = pad + 1 + ((low | 0) >> 2)
      if (isDouble) {
        if ((low & 7) !== FAR) throw broken('a landing pad of two words has no far pointer')
        inSegment = high
        target = low >>> 3
        low = this.view.getUint32(at + 8, true)
        high = this.view.getUint32(at + 12, true)
      }
    }
    this.segment = inSegment
    if ((low & 3) === STRUCT) this.#enterStruct(target, high)
    else if ((low & 3) === LIST) this.#enterList(target, high)
    else throw broken((low & 3) === FAR ? 'a far pointer leads to another' : 'it has a capability')
  }

  #enterStruct(target: number, high: number): void {
    this.kind = 'struct'
    this.word = target
    this.dataWords = high & 0xffff
    this.pointerCount = high >>> 16
    const words = this.dataWords + this.pointerCount
    this.#checkPlace(this.segment, target, words)
    this.#spend(words === 0 ? 1 : words)
  }

  #enterList(target: number, high: number): void {
    this.kind = 'list'
    this.elementSize = high & 7
    this.count = high >>> 3
    if (this.elementSize !== COMPOSITE) {
      this.word = target
      const words = Math.ceil((this.count * (ELEMENT_BITS[this.elementSize] ?? 0)) / 64)
      this.#checkPlace(this.segment, target, words)
      // Elements without a size cost nothing to write: each counts as a word, or eight bytes could list 2^29 of them.
      this.#spend(this.elementSize === VOID ? this.count : words)
      return
    }
    const words = this.count
    this.#checkPlace(this.segment, target, words + 1)
    const at = this.offsetOf(this.segment, target)
    const tag = this.view.getUint32(at, true)
    const size = this.view.getUint32(at + 4, true)
    if ((tag & 3) !== STRUCT) throw broken('the tag of a list is not that of structs')
    this.count = tag >>> 2
    this.dataWords = size & 0xffff
    this.pointerCount = size >>> 16
    this.word = target + 1
    const elementWords = this.dataWords + this.pointerCount
    if (this.count * elementWords > words) throw broken('a list has more elements than it has room for')
    this.#spend(elementWords === 0 ? this.count + words + 1 : words + 1)
  }

  #checkPlace(segment: number, word: number, words: number): void {
    const length = segment === 0 ? this.#length : this.#lengths?.[segment]
    if (length === undefined) throw broken(`a pointer leads into segment ${segment}, which is not there`)
    if (word < 0 || word + words > length) throw broken('a pointer leads out of its segment')
  }

  #spend(words: number): void {
    this.#budget -= words
    if (this.#budget < 0) throw broken('its pointers meet: more is to be read than it has')
  }
}

/**
 * Check that anybody can read a message to the end without surprises: every pointer leads to a place inside, no more than
 * 64 lie one below another, and all that they lead to is together no larger than the message, give or take 512 KiB. A
 * message is a tree: one whose pointers meet or go in circles, or that lists a million things without a size, would
 * make who reads it read, and keep, far more than was sent.
 *
 * @param bytes  the whole message in stream framing, unpacked
 * @returns a reader of the same bytes
 * @throws MeshError `bad-message`
 */
export function checkCapnpMessage(bytes: Uint8Array): CapnpReader {
  const reader = new CapnpReader(bytes)
  walk(reader, 0, 0, 1)
  reader.trust()
  return reader
}

function walk(reader: CapnpReader, segment: number, word: number, depth: number): void {
  reader.follow(segment, word)
  if (reader.kind === 'null') return
  if (depth > MAX_POINTER_DEPTH) throw broken(`over ${MAX_POINTER_DEPTH} pointers lie one below another`)
  const { segment: inSegment, word: start, kind, elementSize, count, dataWords, pointerCount } = reader
  if (kind === 'struct') {
    walkPointers(reader, inSegment, start + dataWords, pointerCount, depth)
  } else if (elementSize === POINTERS) {
    walkPointers(reader, inSegment, start, count, depth)
  } else if (elementSize === COMPOSITE && pointerCount > 0) {
    const elementWords = dataWords + pointerCount
    for (let element = 0; element < count; element++) {
      walkPointers(reader, inSegment, start + element * elementWords + dataWords, pointerCount, depth)
    }
  }
}

function walkPointers(
  reader: CapnpReader,
  segment: number,
  first: number,
  count: number,
  depth: number,
): void {
  for (let word = first; word < first + count; word++) walk(reader, segment, word, depth + 1)
}

function broken(why: string): MeshError {
  return new MeshError('bad-message', `Cannot read Cap'n Proto message: ${why}`)
}

/** The most segments of a message, as in the C++ library. */
export const MAX_SEGMENTS = 512

/** The most pointers that may lie one below another, as in the C++ library. */
export const MAX_POINTER_DEPTH = 64

/** What a message may make one read beyond its own length: elements without a size, and landing pads. */
const SPARE_WORDS = 65_536

const STRUCT = 0
const LIST = 1
const FAR = 2

const VOID = 0
const POINTERS = 6
const COMPOSITE = 7
const ELEMENT_BITS = [0, 1, 8, 16, 32, 64, 64]
