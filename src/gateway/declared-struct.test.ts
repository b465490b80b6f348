import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ZapField, ZapStruct } from '../core/gateway/zap-schema.ts'
import { structCodec } from '../sdk/zap/struct-kind.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { declaredStruct } from './declared-struct.ts'

const skip =
  spawnSync('capnp', ['--version']).status === 0 ? false : 'no capnp here: apt-get install capnproto'
const RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 40)

const integer = (bits: number, isSigned: boolean) => {
  const limit = isSigned ? 2n ** BigInt(bits - 1) : 2n ** BigInt(bits)
  return fc.bigInt({ min: isSigned ? -limit : 0n, max: limit - 1n }).map(value => {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  })
}
const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  Bool: fc.boolean(),
  ...Object.fromEntries(
    [8, 16, 32, 64].flatMap(bits => [
      [`Int${bits}`, integer(bits, true)],
      [`UInt${bits}`, integer(bits, false)],
    ]),
  ),
  Float32: fc.integer({ min: -1_000, max: 1_000 }).map(value => value / 4),
  Float64: fc.integer().map(value => value / 1_024),
  // The tool finds the end of JSON by counting brackets, in texts too.
  Text: fc.string({ maxLength: 10 }).map(text => text.replace(/[{}[\]"\\]/g, '_')),
  'enum(red, green, blue)': fc.constantFrom('red', 'green', 'blue'),
}

interface Case {
  readonly struct: ZapStruct
  readonly value: Record<string, unknown>
}

/** A struct of random fields, and a value of it. */
function anyCase(depth: number): fc.Arbitrary<Case> {
  const scalar = fc
    .constantFrom(...Object.keys(SCALARS))
    .chain(type => (SCALARS[type] ?? fc.constant(0)).map(value => ({ field: type as ZapField, value })))
  const inner = () => anyCase(depth - 1)
  const field: fc.Arbitrary<{ field: ZapField; value: unknown }> =
    depth === 0
      ? scalar
      : fc.oneof(
          { weight: 8, arbitrary: scalar },
          {
            weight: 1,
            arbitrary: inner().map(({ struct, value }) => ({ field: struct as ZapField, value })),
          },
          {
            weight: 1,
            arbitrary: inner().map(({ struct, value }) => ({
              field: [struct] as ZapField,
              value: [value, value],
            })),
          },
        )
  return fc.array(field, { minLength: 1, maxLength: 12 }).map(list => ({
    struct: Object.fromEntries(list.map((one, i) => [`f${i}`, one.field])),
    value: Object.fromEntries(list.map((one, i) => [`f${i}`, one.value])),
  }))
}

/** The same struct as `capnp` reads it. */
function schemaOf(struct: ZapStruct, name: string): string {
  const nested: string[] = []
  const fields = Object.entries(struct).map(([field, type], i) => {
    const own = `T${i}`
    if (typeof type === 'string') {
      if (!type.startsWith('enum(')) return `${field} @${i} :${type};`
      const names = type.slice(5, -1).split(', ')
      nested.push(`enum ${own} { ${names.map((one, at) => `${one} @${at};`).join(' ')} }`)
      return `${field} @${i} :${own};`
    }
    nested.push(schemaOf((Array.isArray(type) ? type[0] : type) as ZapStruct, own))
    return `${field} @${i} :${Array.isArray(type) ? `List(${own})` : own};`
  })
  return `struct ${name} { ${[...fields, ...nested].join(' ')} }`
}

/** What `capnp` writes as text, for 64-bit integers, as numbers where they are exact. */
function plainJson(struct: ZapStruct, value: Record<string, unknown>): unknown {
  return Object.fromEntries(
    Object.entries(struct).map(([name, type]) => {
      const one = value[name]
      if (typeof type === 'object' && !Array.isArray(type))
        return [name, plainJson(type as ZapStruct, one as Case['value'])]
      if (Array.isArray(type))
        return [name, (one as Case['value'][]).map(each => plainJson(type[0] as ZapStruct, each))]
      // It leaves out what is empty.
      if (type === 'Text') return [name, one ?? '']
      if (type !== 'Int64' && type !== 'UInt64') return [name, one]
      return [name, Number.isSafeInteger(Number(one)) ? Number(one) : String(one)]
    }),
  )
}

test('declaredStruct() writes and reads what the capnp tool does, whatever the fields', { skip }, () => {
  using folder = makeScratchFolder()
  const file = folder.file('any.capnp')
  const convert = (how: string, input: Uint8Array) => {
    const { status, stdout, stderr } = spawnSync('capnp', ['convert', how, file, 'Root'], { input })
    assert.equal(status, 0, String(stderr))
    return stdout
  }
  fc.assert(
    fc.property(anyCase(2), ({ struct, value }) => {
      writeFileSync(file, `@0xbf5147cbbecf40c1; ${schemaOf(struct, 'Root')}`)
      const codec = structCodec(declaredStruct('root', struct))
      const json = convert('binary:json', codec.encode(value))
      assert.deepEqual(plainJson(struct, JSON.parse(String(json))), value)
      assert.deepEqual(codec.decode(new Uint8Array(convert('json:binary', json))), value)
    }),
    { numRuns: RUNS },
  )
})

test('declaredStruct() takes bytes as base64, leaves out what is left out, and says what does not fit', () => {
  const struct = { blob: 'Data', small: 'Int8', big: 'UInt64', name: 'Text', on: 'Bool', kind: 'enum(a, b)' }
  const { encode, decode } = structCodec(declaredStruct('request', struct))
  const empty = { blob: '', small: 0, big: 0, name: '', on: false, kind: 'a' }
  assert.deepEqual(decode(encode({})), empty)
  assert.deepEqual(decode(encode({ blob: 'AP8=', small: -128, big: '18446744073709551615', on: null })), {
    ...empty,
    blob: 'AP8=',
    small: -128,
    big: '18446744073709551615',
  })
  const wrong: [value: object, message: RegExp][] = [
    [{ small: 128 }, /request\.small: an integer of 8 bits/],
    [{ small: 1.5 }, /request\.small: an integer/],
    [{ big: -1 }, /request\.big: an integer of 64 bits/],
    [{ big: 'many' }, /request\.big: an integer/],
    [{ blob: 'no base64!' }, /request\.blob: base64/],
    [{ name: 7 }, /request\.name: text/],
    [{ on: 'yes' }, /request\.on: true or false/],
    [{ kind: 'c' }, /request\.kind: one of a, b/],
    [{ other: 1 }, /request\.other: no such field/],
    [[], /request: an object/],
  ]
  for (const [value, message] of wrong)
    assert.throws(() => encode(value as never), { code: 'bad-input', message })
})
