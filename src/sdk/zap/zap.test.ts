import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { createSdkLab } from '../../testing/sdk-lab.ts'
import { until } from '../../testing/until.ts'
import { zap } from './zap.ts'

const ADD = zap.method('add', zap.json(z.tuple([z.number(), z.number()])), zap.json(z.number()))
const WORDS = zap.method('words', zap.text, zap.text)

test('programs call each other through the mesh: one call, many at once, streams', async () => {
  await using lab = await createSdkLab()
  await lab.service('calculator')
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  await using server = zap.serve(await host.listen('calculator'), {
    ...zap.answer(ADD, ([a, b]) => a + b),
    ...zap.answer(WORDS, async function* (text) {
      yield* text.split(' ')
    }),
    echo: params => params,
  })

  assert.equal(await zap.call(await guest.dial('zt://calculator'), ADD, [1, 2], { deadlineMs: 60_000 }), 3)

  await using client = zap.client(await guest.dial('calculator'))
  const sums = await Promise.all(Array.from({ length: 100 }, (_, index) => client.call(ADD, [index, 1])))
  assert.deepEqual(
    sums,
    [...Array(100).keys()].map(index => index + 1),
  )
  const large = new Uint8Array(16_000_000).fill(3)
  assert.ok(Buffer.compare(await client.call(zap.method('echo'), large), large) === 0)
  const words: string[] = []
  for await (const word of client.stream(WORDS, 'one two three')) words.push(word)
  assert.deepEqual(words, ['one', 'two', 'three'])

  await until(() => server.connectionCount === 1, 'the connection of the one call has ended')
})
