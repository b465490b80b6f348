import { MeshError } from '../core/model/errors.ts'

/** One element of DER: its tag, what is inside, and both with the header, as views on the bytes it was read from. */
export interface Element {
  readonly tag: number
  readonly content: Buffer
  readonly raw: Buffer
}

/**
 * Read `bytes` as DER elements one after the other, with nothing left over. Strict where parsers are known to differ:
 * one-byte tags, definite lengths in their shortest form. Nothing is allocated by what a length announces.
 *
 * @throws MeshError `bad-input` for anything else
 * @see X.690, section 10.1
 */
export function readElements(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const { start, end } = readHeader(bytes, at)
    elements.push({
      tag: bytes[at] ?? 0,
      content: bytes.subarray(start, end),
      raw: bytes.subarray(at, end),
    })
    at = end
  }
  return elements
}

/**
 * The elements inside the one element that `bytes` is.
 *
 * @throws MeshError `bad-input` unless it is exactly one of that tag
 */
export function readInside(bytes: Buffer, tag: number): Element[] {
  return readElements(readOnly(bytes, tag).content)
}

/**
 * The one element that `bytes` is.
 *
 * @throws MeshError `bad-input` unless it is exactly one of that tag
 */
export function readOnly(bytes: Buffer, tag: number): Element {
  const [element, ...rest] = readElements(bytes)
  if (element === undefined || rest.length > 0 || element.tag !== tag)
    throw badDer(`no element 0x${tag.toString(16)}`)
  return element
}

/** @throws MeshError `bad-input` unless it is a non-negative number below 2^31 in its shortest form */
export function readSmallNumber(content: Buffer): number {
  const isShortest = content.length === 1 || (content[0] === 0 && (content[1] ?? 0) >= 0x80)
  const isSmall = content.length >= 1 && content.length <= 4 && (content[0] ?? 0x80) < 0x80
  if (!isSmall || (content[0] === 0 && !isShortest)) throw badDer('no small number')
  return content.readUIntBE(0, content.length)
}

/**
 * The bits of a BIT STRING whose length is a whole number of bytes (a key, a signature).
 *
 * @throws MeshError `bad-input` if bits are unused
 */
export function readWholeBits(content: Buffer): Buffer {
  if (content[0] !== 0) throw badDer('unused bits')
  return content.subarray(1)
}

/** @throws MeshError `bad-input` unless it is TRUE; FALSE is a default in all we read, and DER leaves defaults out */
export function readTrue(content: Buffer): true {
  if (content.length !== 1 || content[0] !== 0xff) throw badDer('no TRUE')
  return true
}

function readHeader(bytes: Buffer, at: number): { start: number; end: number } {
  const tag = bytes[at] ?? 0
  const first = bytes[at + 1] ?? 0x80
  if ((tag & 0x1f) === 0x1f) throw badDer('a long tag')
  let length = first
  let start = at + 2
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 3 || start + count > bytes.length) throw badDer('a bad length')
    length = bytes.readUIntBE(start, count)
    start += count
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw badDer('a length in a long form')
  }
  if (start + length > bytes.length) throw badDer('cut short')
  return { start, end: start + length }
}

function badDer(what: string): MeshError {
  return new MeshError('bad-input', `Cannot read DER: ${what}`)
}

/** Universal tags (X.690, section 8). */
export const DER = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_ID: 0x06,
  SEQUENCE: 0x30,
} as const
