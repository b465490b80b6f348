import { type Struct, utils } from 'capnp-es'
import { type CapnpFieldSize, layOutStruct } from '../core/codec/capnp-layout.ts'
import type { CapnpStruct } from '../core/codec/capnp-struct.ts'
import type { ZapField, ZapStruct } from '../core/gateway/zap-schema.ts'
import { MeshError } from '../core/model/errors.ts'
import {
  type StructKind,
  structKind,
  writeData,
  writeStruct,
  writeStructs,
  writeText,
} from '../sdk/zap/struct-kind.ts'

/** A value as JSON has it. */
type Fields = Readonly<Record<string, unknown>>

/**
 * A struct whose fields a configuration names, as values of JSON: bytes are base64, integers numbers (those that are not exact
 * as text), values of enumerations their names. What is left out is zero, empty or false, as in Cap'n Proto.
 */
export function declaredStruct(name: string, struct: ZapStruct): StructKind<Fields> {
  const fields = Object.entries(struct)
  const layout = layOutStruct(fields.map(([, field]) => sizeOf(field)))
  const parts = fields.map(([field, type], i) => fieldPart(`${name}.${field}`, type, layout.offsets[i] ?? 0))
  return structKind<Fields>(name, {
    dataWords: layout.dataWords,
    pointers: layout.pointers,
    read: from => Object.fromEntries(fields.map(([field], i) => [field, parts[i]?.read(from)])),
    write(to, value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object')
      const unknown = Object.keys(value).find(key => !Object.hasOwn(struct, key))
      if (unknown !== undefined) throw wrong(`${name}.${unknown}`, 'no such field')
      for (const [i, [field]] of fields.entries()) {
        if (value[field] !== undefined && value[field] !== null) parts[i]?.write(to, value[field])
      }
    },
  })
}

interface FieldPart {
  read(from: CapnpStruct): unknown
  write(to: Struct, value: unknown): void
}

function sizeOf(field: ZapField): CapnpFieldSize {
  if (typeof field !== 'string') return 'pointer'
  if (field.startsWith('enum(')) return 4
  if (field === 'Bool') return 0
  return NUMBERS[field]?.size ?? 'pointer'
}

function fieldPart(name: string, field: ZapField, at: number): FieldPart {
  if (Array.isArray(field)) {
    const kind = declaredStruct(name, field[0] ?? {})
    return {
      read: from => from.structs(at).map(kind.read),
      write(to, value) {
        if (!Array.isArray(value)) throw wrong(name, 'a list')
        writeStructs(to, at, kind, value)
      },
    }
  }
  if (typeof field !== 'string') {
    const kind = declaredStruct(name, field as ZapStruct)
    return {
      read: from => kind.read(from.struct(at)),
      write: (to, value) => writeStruct(to, at, kind, value as Fields),
    }
  }
  if (field.startsWith('enum(')) return enumPart(name, field.slice(5, -1).split(/, */), at)
  const number = NUMBERS[field]
  return number === undefined ? wordPart(name, field, at) : numberPart(name, number, at)
}

function enumPart(name: string, names: readonly string[], at: number): FieldPart {
  return {
    // One that was added later is told by its number.
    read: from => names[from.uint16(at * 2)] ?? from.uint16(at * 2),
    write(to, value) {
      const index = names.indexOf(String(value))
      if (index === -1) throw wrong(name, `one of ${names.join(', ')}`)
      utils.setUint16(at * 2, index, to)
    },
  }
}

function wordPart(name: string, type: string, at: number): FieldPart {
  if (type === 'Bool') {
    return {
      read: from => from.bool(at),
      write(to, value) {
        if (typeof value !== 'boolean') throw wrong(name, 'true or false')
        utils.setBit(at, value, to)
      },
    }
  }
  const isText = type === 'Text'
  return {
    read: from => (isText ? from.text(at) : Buffer.from(from.data(at)).toString('base64')),
    write(to, value) {
      if (typeof value !== 'string') throw wrong(name, 'text')
      if (isText) return writeText(to, at, value)
      if (!/^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/.test(value)) throw wrong(name, 'base64')
      writeData(to, at, Buffer.from(value, 'base64'))
    },
  }
}

interface NumberType {
  readonly size: 3 | 4 | 5 | 6
  readonly isSigned: boolean
  readonly isFloat: boolean
}

function numberPart(name: string, { size, isSigned, isFloat }: NumberType, at: number): FieldPart {
  const byteCount = 2 ** (size - 3)
  const byte = at * byteCount
  const bits = byteCount * 8
  return {
    read(from) {
      const raw = readBits(from, byte, byteCount)
      if (isFloat) return readFloat(raw, byteCount)
      const value = isSigned ? BigInt.asIntN(bits, raw) : raw
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    },
    write(to, value) {
      if (isFloat) {
        if (typeof value !== 'number') throw wrong(name, 'a number')
        if (size === 5) utils.setFloat32(byte, value, to)
        else utils.setFloat64(byte, value, to)
        return
      }
      const isText = typeof value === 'string' && /^-?\d{1,20}$/.test(value)
      if (!isText && !Number.isSafeInteger(value)) throw wrong(name, 'an integer')
      const whole = BigInt(value as number | string)
      const fits = isSigned ? BigInt.asIntN(bits, whole) === whole : BigInt.asUintN(bits, whole) === whole
      if (!fits) throw wrong(name, `an integer of ${bits} bits`)
      writeBits(to, byte, { size, bits: BigInt.asUintN(bits, whole) })
    },
  }
}

function readBits(from: CapnpStruct, byte: number, byteCount: number): bigint {
  if (byteCount === 8) return BigInt.asUintN(64, from.int64(byte))
  if (byteCount === 4) return BigInt(from.uint32(byte))
  if (byteCount === 2) return BigInt(from.uint16(byte))
  return BigInt((from.uint16(byte & ~1) >> ((byte & 1) * 8)) & 0xff)
}

function writeBits(to: Struct, byte: number, { size, bits }: { size: number; bits: bigint }): void {
  if (size === 6) utils.setInt64(byte, BigInt.asIntN(64, bits), to)
  else if (size === 5) utils.setUint32(byte, Number(bits), to)
  else if (size === 4) utils.setUint16(byte, Number(bits), to)
  else utils.setUint8(byte, Number(bits), to)
}

/** Infinity and NaN are no JSON: they are told as null. */
function readFloat(raw: bigint, byteCount: number): number | null {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, raw)
  const value = byteCount === 8 ? view.getFloat64(0) : view.getFloat32(4)
  return Number.isFinite(value) ? value : null
}

function wrong(name: string, wanted: string): MeshError {
  return new MeshError('bad-input', `Cannot read request: ${name}: ${wanted} is wanted`)
}

const NUMBERS: Readonly<Record<string, NumberType>> = {
  Int8: { size: 3, isSigned: true, isFloat: false },
  Int16: { size: 4, isSigned: true, isFloat: false },
  Int32: { size: 5, isSigned: true, isFloat: false },
  Int64: { size: 6, isSigned: true, isFloat: false },
  UInt8: { size: 3, isSigned: false, isFloat: false },
  UInt16: { size: 4, isSigned: false, isFloat: false },
  UInt32: { size: 5, isSigned: false, isFloat: false },
  UInt64: { size: 6, isSigned: false, isFloat: false },
  Float32: { size: 5, isSigned: true, isFloat: true },
  Float64: { size: 6, isSigned: true, isFloat: true },
}
