import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import { decodeEnvelope, encodeEnvelope, type ZapEnvelope } from '../../core/codec/zap-envelope.ts'
import { METADATA, TIMESTAMP } from './metadata-structs.ts'
import { CLIENT_INFO, LOG_LINE, SERVER_INFO } from './peer-structs.ts'
import { PROMPT_CALL, PROMPT_LIST, PROMPT_MESSAGE_LIST } from './prompt-structs.ts'
import { RESOURCE_CONTENT, RESOURCE_LIST, RESOURCE_NAME } from './resource-structs.ts'
import { type StructKind, structCodec } from './struct-kind.ts'
import { TOOL_CALL, TOOL_LIST, TOOL_RESULT } from './tool-structs.ts'
import type { ZapCodec } from './zap-method.ts'

/** Messages of each kind that go through the tool of the C++ library, in one go: `ZTM_FUZZ_RUNS=100000`. */
const COUNT = Number(process.env.ZTM_FUZZ_RUNS ?? 50)
const SCHEMAS = join(import.meta.dirname, '../../../schema')
const isThere = spawnSync('capnp', ['--version']).status === 0
const skip = isThere ? false : 'no capnp here: apt-get install capnproto'

/** `capnp convert FROM:TO`, many messages at once. */
function convert(
  how: string,
  [file, type]: readonly [string, string],
  input: Uint8Array,
  ...options: string[]
): Buffer {
  const args = ['convert', ...options, how, join(SCHEMAS, file), type]
  const { status, stdout, stderr } = spawnSync('capnp', args, { input, maxBuffer: 1 << 30 })
  assert.equal(status, 0, stderr?.toString())
  return stdout
}

/** Cut messages in stream framing apart. */
function split(stream: Uint8Array): Uint8Array[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length)
  const messages: Uint8Array[] = []
  for (let at = 0; at < stream.length; ) {
    const count = view.getUint32(at, true) + 1
    let words = (count >> 1) + 1
    for (let segment = 0; segment < count; segment++) words += view.getUint32(at + 4 + segment * 4, true)
    messages.push(new Uint8Array(stream.slice(at, at + words * 8)))
    at += words * 8
  }
  return messages
}

// Where many messages are written one after another, version 0.9.2 of the tool finds their ends by counting parentheses and
// passing over comments, also in texts. One message with all there is has a test of its own.
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map(one => one.replace(/[()#]/g, '"'))
const data = fc
  .uint8Array({ maxLength: 40 })
  .map(bytes => bytes.map(byte => ([0x23, 0x28, 0x29].includes(byte) ? 0 : byte)))
const uint32 = fc.integer({ min: 0, max: 0xffffffff })
const metadata = fc.array(fc.tuple(text, text), { maxLength: 3 })
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true })
const content = fc.oneof(plain({ text }), plain({ blob: data }))
const resourceContent = plain({ uri: text, mimeType: text, content })
const bool = fc.boolean()

/** Some kind of struct: a table of them has no one type of values. */
type AnyKind = Pick<StructKind<unknown>, 'Class' | 'read'> & { write: unknown }

const STRUCTS: Record<string, [AnyKind, fc.Arbitrary<unknown>]> = {
  Metadata: [METADATA, metadata],
  Timestamp: [
    TIMESTAMP,
    plain({ seconds: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), nanos: uint32 }),
  ],
  ToolList: [
    TOOL_LIST,
    fc.array(plain({ name: text, description: text, schema: data, annotations: metadata }), { maxLength: 4 }),
  ],
  ToolCall: [TOOL_CALL, plain({ id: text, name: text, args: data, metadata })],
  ToolResult: [TOOL_RESULT, plain({ id: text, content: data, error: text, metadata })],
  ResourceList: [
    RESOURCE_LIST,
    fc.array(plain({ uri: text, name: text, description: text, mimeType: text, annotations: metadata }), {
      maxLength: 4,
    }),
  ],
  ResourceContent: [RESOURCE_CONTENT, resourceContent],
  ResourceName: [RESOURCE_NAME, text],
  PromptList: [
    PROMPT_LIST,
    fc.array(
      plain({
        name: text,
        description: text,
        arguments: fc.array(plain({ name: text, description: text, required: bool }), { maxLength: 3 }),
      }),
      { maxLength: 3 },
    ),
  ],
  PromptMessageList: [
    PROMPT_MESSAGE_LIST,
    fc.array(
      plain({
        role: fc.constantFrom('user', 'assistant', 'system'),
        content: fc.oneof(
          plain({ text }),
          plain({ image: plain({ data, mimeType: text }) }),
          plain({ resource: resourceContent }),
        ),
      }),
      { maxLength: 4 },
    ),
  ],
  PromptCall: [PROMPT_CALL, plain({ name: text, args: metadata })],
  ServerInfo: [
    SERVER_INFO,
    plain({
      name: text,
      version: text,
      capabilities: plain({ tools: bool, resources: bool, prompts: bool, logging: bool }),
    }),
  ],
  ClientInfo: [CLIENT_INFO, plain({ name: text, version: text })],
  LogLine: [
    LOG_LINE,
    plain({ level: fc.constantFrom('debug', 'info', 'warn', 'error'), message: text, data }),
  ],
}

const ENVELOPE: ZapCodec<ZapEnvelope> = {
  encode: envelope => new Uint8Array(Buffer.concat(encodeEnvelope(envelope)).subarray(4)),
  decode: decodeEnvelope,
}
const envelopes = fc.oneof(
  plain({
    kind: fc.constant('call'),
    id: uint32,
    method: text.filter(name => name !== ''),
    params: fc.oneof(data, fc.constant(new Uint8Array(5_000).fill(1))),
    deadlineMs: uint32,
    window: fc.oneof(fc.constant(0), uint32),
  }),
  plain({ kind: fc.constantFrom('result', 'item'), id: uint32, value: data }),
  plain({ kind: fc.constant('error'), id: uint32, code: text, message: text }),
  plain({ kind: fc.constantFrom('end', 'cancel'), id: uint32 }),
  plain({ kind: fc.constant('more'), id: uint32, credit: uint32 }),
)

/** Ours to theirs and back, in every form that the tool knows. */
function agrees(
  codec: ZapCodec<unknown>,
  schema: readonly [string, string],
  values: readonly unknown[],
): void {
  const ours = Buffer.concat(values.map(codec.encode))
  const decoded = (stream: Uint8Array) => split(stream).map(codec.decode)

  // They read ours: as text, from which they write their own.
  const written = convert('binary:text', schema, ours)
  const theirs = convert('text:binary', schema, written)
  assert.deepEqual(decoded(theirs), values, 'we read what they wrote')
  const canonical = convert('binary:canonical', schema, ours)
  assert.ok(
    Buffer.compare(canonical, convert('binary:canonical', schema, theirs)) === 0,
    'and it is the same',
  )

  // In segments of a few words, with far pointers; packed and unpacked.
  const pieces = convert('text:binary', schema, written, '--segment-size=3')
  assert.deepEqual(decoded(pieces), values, 'in segments')
  const unpacked = convert('packed:binary', schema, convert('binary:packed', schema, ours))
  assert.deepEqual(decoded(unpacked), values, 'packed between')
}

for (const [name, [kind, values]] of Object.entries(STRUCTS)) {
  test(`${name} of schema/zap.capnp is what the C++ library makes of it, both ways`, { skip }, () => {
    const codec = structCodec(kind as StructKind<unknown>)
    const sample = fc.sample(values, { numRuns: COUNT })
    assert.deepEqual(
      sample.map(value => codec.decode(codec.encode(value))),
      sample,
    )
    agrees(codec, ['zap.capnp', name], sample)
  })
}

test('Envelope of schema/zap-call.capnp is what the C++ library makes of it, both ways', { skip }, () => {
  agrees(
    ENVELOPE as ZapCodec<unknown>,
    ['zap-call.capnp', 'Envelope'],
    fc.sample(envelopes, { numRuns: COUNT * 4 }),
  )
})

test('a message of everything that a text and data can have passes both ways', { skip }, () => {
  const codec = structCodec(TOOL_CALL)
  const odd = '()#[]{}<>"\'\\\n\r\t\x7f\x01 \u{1f3e0}\ufffd'
  const call = {
    id: odd,
    name: '(',
    args: Uint8Array.from(Array(256).keys()),
    metadata: [[')', odd]] as const,
  }
  agrees(codec as ZapCodec<unknown>, ['zap.capnp', 'ToolCall'], [call])
})

test('canonical messages are read: structs as short as they can be', { skip }, () => {
  const codec = structCodec(PROMPT_LIST)
  const argument = { name: 'a', description: '', required: false }
  const prompts = [{ name: 'p', description: '', arguments: [argument, argument] }]
  const canonical = convert('binary:canonical', ['zap.capnp', 'PromptList'], codec.encode(prompts))
  const framed = new Uint8Array(8 + canonical.length)
  new DataView(framed.buffer).setUint32(4, canonical.length / 8, true)
  framed.set(canonical, 8)
  assert.deepEqual(codec.decode(framed), prompts)
})
