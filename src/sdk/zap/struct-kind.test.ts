import assert from 'node:assert/strict'
import test from 'node:test'
import { ObjectSize, Struct, utils } from 'capnp-es'
import fc from 'fast-check'
import { MeshError } from '../../core/model/errors.ts'
import { PROMPT_MESSAGE_LIST } from './prompt-structs.ts'
import { capnpCodec, structCodec } from './struct-kind.ts'
import { TOOL_CALL, TOOL_LIST } from './tool-structs.ts'

/** How many random inputs: `ZTM_FUZZ_RUNS=1000000 node --test src/sdk/zap/struct-kind.test.ts`. */
const FUZZ_RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 1_000)

const CALL = { id: '1', name: 'add', args: Uint8Array.of(1), metadata: [['a', 'b']] as const }

/** A struct as capnp-es makes of a schema: `struct Person { age @0 :UInt32; name @1 :Text; }`. */
class Person extends Struct {
  static override readonly _capnp = { displayName: 'Person', id: 'person', size: new ObjectSize(8, 1) }
  get age(): number {
    return utils.getUint32(0, this)
  }
  get name(): string {
    return utils.getText(0, this)
  }
}

test('structCodec() writes large values once, in one segment', () => {
  const schema = new Uint8Array(1_000).fill(7)
  const tools = Array.from({ length: 10_000 }, (_, index) => ({
    name: `tool ${index}`,
    description: 'ü'.repeat(20),
    schema,
    annotations: [['k', 'v']] as const,
  }))
  const codec = structCodec(TOOL_LIST)
  const before = process.cpuUsage()
  const bytes = codec.encode(tools)
  const read = codec.decode(bytes)
  const { user, system } = process.cpuUsage(before)
  assert.deepEqual([read.length, read.at(-1)], [10_000, tools.at(-1)])
  assert.equal(new DataView(bytes.buffer).getUint32(0, true), 0, 'one segment')
  assert.ok(user + system < 3_000_000, `${user + system} µs`)
})

test('structCodec() gives a value or bad-message when bytes of a message are changed', () => {
  const codecs = [
    { codec: structCodec(TOOL_CALL), bytes: structCodec(TOOL_CALL).encode(CALL) },
    {
      codec: structCodec(PROMPT_MESSAGE_LIST),
      bytes: structCodec(PROMPT_MESSAGE_LIST).encode([
        { role: 'user', content: { image: { data: Uint8Array.of(1, 2), mimeType: 'image/png' } } },
        { role: 'system', content: { text: 'be brief' } },
      ]),
    },
  ]
  const changes = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 255 }))), {
    minLength: 1,
    maxLength: 5,
  })
  fc.assert(
    fc.property(fc.constantFrom(...codecs), changes, ({ codec, bytes }, places) => {
      const changed = bytes.slice()
      for (const [place, value] of places) changed[place % changed.length] = value
      try {
        codec.decode(changed)
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
        assert.equal(error.code, 'bad-message')
      }
    }),
    { numRuns: FUZZ_RUNS },
  )
})

test('capnpCodec() hands on what capnp-es made, and checks what comes', () => {
  const codec = capnpCodec(Person)
  // Segment of 4 words: root, age 42, a text of 4 bytes, "Ada" and its zero.
  const words = [0, 4, 0, 0x0001_0001, 42, 0, 1, (4 << 3) | 2, 0x00616441, 0]
  const bytes = new Uint8Array(Uint32Array.from(words).buffer)
  const person = codec.decode(bytes)
  assert.deepEqual([person.age, person.name], [42, 'Ada'])
  assert.deepEqual(codec.encode(person), bytes)
  const hostile = bytes.slice()
  hostile[25] = 1
  assert.throws(() => codec.decode(hostile), { code: 'bad-message', message: /leads out of its segment/ })
})

test('capnpCodec() lets capnp-es read no further than the message, whatever it is', () => {
  const codec = capnpCodec(Person)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 80 }), noise => {
      const bytes = new Uint8Array(8 + (noise.length & ~7))
      new DataView(bytes.buffer).setUint32(4, noise.length >> 3, true)
      bytes.set(noise.subarray(0, noise.length & ~7), 8)
      // A root that is a struct more often than not.
      bytes.set([0, 0, 0, 0, (bytes[12] ?? 0) & 1, 0, (bytes[14] ?? 0) & 3, 0], 8)
      try {
        const { name } = codec.decode(bytes)
        assert.ok(name.length <= bytes.length)
      } catch (error) {
        // capnp-es throws plain errors where a field is of another type: a connection takes them for bad-message.
        assert.ok(error instanceof Error)
      }
    }),
    { numRuns: FUZZ_RUNS },
  )
})
