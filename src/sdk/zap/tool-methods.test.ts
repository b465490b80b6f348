import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import test from 'node:test'
import { serveZap } from './serve-zap.ts'
import {
  CALL_TOOL,
  GET_PROMPT,
  INIT,
  LIST_PROMPTS,
  LIST_RESOURCES,
  LIST_TOOLS,
  LOG,
  READ_RESOURCE,
  SUBSCRIBE,
} from './tool-methods.ts'
import { openZapClient } from './zap-client.ts'
import { answer } from './zap-serving.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const readText = (data: Uint8Array) => new TextDecoder().decode(data)

const ADD = {
  name: 'add',
  description: 'Adds two numbers',
  schema: bytes('{"type":"object"}'),
  annotations: [['kind', 'calculator']] as const,
}
const MOTD = {
  uri: 'file:///etc/motd',
  name: 'motd',
  description: '',
  mimeType: 'text/plain',
  annotations: [],
}
const GREETING = {
  name: 'greeting',
  description: 'Says hello',
  arguments: [{ name: 'who', description: '', required: true }],
}

test('a server of tools, resources and prompts is one object of typed handlers', async () => {
  const [near, far] = duplexPair()
  const logged: string[] = []
  serveZap(far, {
    ...answer(INIT, ({ name }) => ({
      name: `calculator of ${name}`,
      version: '1',
      capabilities: { tools: true, resources: true, prompts: true, logging: true },
    })),
    ...answer(LIST_TOOLS, () => [ADD]),
    ...answer(CALL_TOOL, async ({ id, name, args }) => {
      const { a, b } = JSON.parse(readText(args))
      return { id, content: bytes(String(a + b)), error: name === 'add' ? '' : 'no such tool', metadata: [] }
    }),
    ...answer(LIST_RESOURCES, () => [MOTD]),
    ...answer(READ_RESOURCE, uri => ({ uri, mimeType: 'text/plain', content: { text: 'hello' } })),
    ...answer(SUBSCRIBE, async function* (uri) {
      for (const byte of [1, 2]) yield { uri, mimeType: '', content: { blob: Uint8Array.of(byte) } }
    }),
    ...answer(LIST_PROMPTS, () => [GREETING]),
    ...answer(GET_PROMPT, ({ args }) => [
      { role: 'user' as const, content: { text: `Hello ${args[0]?.[1]}` } },
    ]),
    ...answer(LOG, ({ level, message }) => void logged.push(`${level} ${message}`)),
  })
  const client = openZapClient(near)
  const info = await client.call(INIT, { name: 'bob', version: '2' })
  assert.deepEqual([info.name, info.capabilities.logging], ['calculator of bob', true])
  assert.deepEqual(await client.call(LIST_TOOLS, undefined), [ADD])
  const call = { id: '1', name: 'add', args: bytes('{"a":1,"b":2}'), metadata: [] }
  assert.equal(readText((await client.call(CALL_TOOL, call)).content), '3')
  assert.equal((await client.call(CALL_TOOL, { ...call, name: 'x' })).error, 'no such tool')
  assert.deepEqual(await client.call(LIST_RESOURCES, undefined), [MOTD])
  assert.deepEqual((await client.call(READ_RESOURCE, MOTD.uri)).content, { text: 'hello' })
  const versions = []
  for await (const { content } of client.stream(SUBSCRIBE, MOTD.uri)) versions.push(content)
  assert.deepEqual(versions, [{ blob: Uint8Array.of(1) }, { blob: Uint8Array.of(2) }])
  assert.deepEqual(await client.call(LIST_PROMPTS, undefined), [GREETING])
  assert.deepEqual(await client.call(GET_PROMPT, { name: 'greeting', args: [['who', 'Bob']] }), [
    { role: 'user', content: { text: 'Hello Bob' } },
  ])
  await client.call(LOG, { level: 'warn', message: 'hot', data: new Uint8Array(0) })
  assert.deepEqual(logged, ['warn hot'])
})
