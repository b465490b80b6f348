import { CompositeList, Message, ObjectSize, Struct, type StructCtor, utils } from 'capnp-es'
import { checkCapnpMessage } from '../../core/codec/capnp-message.ts'
import { type CapnpStruct, readCapnpRoot } from '../../core/codec/capnp-struct.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { ZapCodec } from './zap-method.ts'

/**
 * A struct of a Cap'n Proto schema, as plain values of ours: its size, and how each field is written and read.
 * `capnp compile -ocapnp FILE` prints where the fields are. capnp-es writes; reading is ours, as it must bear hostile bytes.
 */
export interface StructKind<T> {
  /** The class that capnp-es wants. */
  readonly Class: StructClass
  read(from: CapnpStruct): T
  write(to: Struct, value: T): void
}

/** What capnp-es knows a struct by. */
export interface StructClass {
  new (...args: ConstructorParameters<typeof Struct>): Struct
  readonly _capnp: { readonly displayName: string; readonly id: string; readonly size: ObjectSize }
}

/** How big a struct is, words of data and pointers, and how its fields are read and written. */
export interface StructFields<T> extends Pick<StructKind<T>, 'read' | 'write'> {
  readonly dataWords: number
  readonly pointers: number
}

/** Describe a struct. */
export function structKind<T>(displayName: string, fields: StructFields<T>): StructKind<T> {
  const { dataWords, pointers, read, write } = fields
  class Class extends Struct {
    static override readonly _capnp = {
      displayName,
      id: displayName,
      size: new ObjectSize(dataWords * 8, pointers),
    }
  }
  return { Class, read, write }
}

/** A struct that is nothing but a list of others. */
export function listKind<T>(name: string, kind: StructKind<T>): StructKind<readonly T[]> {
  return structKind<readonly T[]>(name, {
    dataWords: 0,
    pointers: 1,
    read: from => from.structs(0).map(kind.read),
    write: (to, values) => writeStructs(to, 0, kind, values),
  })
}

/** Messages whose root is such a struct, in stream framing, one segment. What is read is checked first. */
export function structCodec<T>(kind: StructKind<T>): ZapCodec<T> {
  return {
    encode(value) {
      const message = new Message(new ArrayBuffer(roomFor(value)), false, true)
      // The room is that of an empty message, not of a segment that is full: it was taken, nothing is in it yet.
      const segment = message.getSegment(0)
      segment.byteLength = 8
      kind.write(message.initRoot(kind.Class), value)
      return new Uint8Array(message.toArrayBuffer())
    },
    decode: bytes => kind.read(readCapnpRoot(bytes)),
  }
}

/** Messages of a class that capnp-es made of a schema of your own. What comes is checked before capnp-es sees it. */
export function capnpCodec<S extends Struct>(Root: StructCtor<S>): ZapCodec<S> {
  return {
    encode: root => new Uint8Array(root.segment.message.toArrayBuffer()),
    decode(bytes) {
      checkCapnpMessage(bytes)
      return new Message(bytes, false).getRoot(Root)
    },
  }
}

/** Write a text; an empty one is no text at all. */
export function writeText(to: Struct, pointer: number, text: string): void {
  if (text !== '') utils.setText(pointer, text, to)
}

/** Write bytes; none are no data at all. */
export function writeData(to: Struct, pointer: number, bytes: Uint8Array): void {
  if (bytes.length > 0) utils.initData(pointer, bytes.length, to).copyBuffer(bytes)
}

/** Write a struct, if there is a value. */
export function writeStruct<T>(to: Struct, pointer: number, kind: StructKind<T>, value: T | undefined): void {
  if (value !== undefined) kind.write(utils.initStructAt(pointer, kind.Class, to), value)
}

/** Write a list of structs; an empty one is no list at all. */
export function writeStructs<T>(
  to: Struct,
  pointer: number,
  kind: StructKind<T>,
  values: readonly T[],
): void {
  if (values.length === 0) return
  const list = utils.initList(pointer, CompositeList(kind.Class), values.length, to)
  for (const [index, value] of values.entries()) kind.write(list.get(index), value)
}

/** Read the member of a union that is there. @throws MeshError `bad-message` for one that is not there yet */
export function pick<T>(tag: number, members: readonly (() => T)[]): T {
  const read = members[tag]
  if (read === undefined)
    throw new MeshError('bad-message', `Cannot read Cap'n Proto message: union member ${tag}`)
  return read()
}

/** Name a value of an enumeration. @throws MeshError `bad-message` for one that is not there yet */
export function nameOf<T extends string>(names: readonly T[], value: number): T {
  const name = names[value]
  if (name === undefined)
    throw new MeshError('bad-message', `Cannot read Cap'n Proto message: enumerant ${value}`)
  return name
}

/** Bytes that a value of any kind takes at most: or capnp-es would copy all that is written each 4 KiB. */
function roomFor(value: unknown): number {
  return 16 + padded(sizeOf(value))
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return padded(value.length * 3 + 1) + 16
  if (value instanceof Uint8Array) return padded(value.length) + 16
  if (typeof value !== 'object' || value === null) return 16
  let size = MAX_STRUCT_BYTES
  for (const member of Object.values(value)) size += sizeOf(member)
  return size
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8
}

/** Pointer, tag of a list and data: of the structs of schema/zap.capnp. */
const MAX_STRUCT_BYTES = 64
