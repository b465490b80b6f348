import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { readExactly } from './read-exactly.ts'

test('readExactly() takes what it wants from pieces of any size, and leaves the rest', async () => {
  const stream = new PassThrough()
  const first = readExactly(stream, 5)
  for (const byte of 'hello world') stream.write(byte)
  assert.equal((await first).toString(), 'hello')
  assert.equal((await readExactly(stream, 0)).length, 0)
  assert.equal((await readExactly(stream, 6)).toString(), ' world')
  const large = readExactly(stream, 300_000)
  stream.write(Buffer.alloc(200_000))
  stream.write(Buffer.alloc(200_000))
  assert.equal((await large).length, 300_000)
  assert.equal((await readExactly(stream, 100_000)).length, 100_000)
  for (const event of ['readable', 'end', 'close', 'error']) assert.ok(stream.listenerCount(event) < 2, event)
})

test('readExactly() lets others work while too little has come', async () => {
  const stream = new PassThrough()
  const asked = readExactly(stream, 5)
  stream.write('hel')
  // With a loop of its own this never comes.
  for (let turn = 0; turn < 3; turn++) await setImmediate()
  stream.write('lo')
  assert.equal((await asked).toString(), 'hello')
})

test('readExactly() says when a stream ends or breaks before', async () => {
  const [short, broken] = [new PassThrough(), new PassThrough()]
  short.end('abc')
  await assert.rejects(readExactly(short, 5), { code: 'link-closed' })
  await assert.rejects(readExactly(short, 1), { code: 'link-closed' })
  const asked = readExactly(broken, 5)
  broken.write('abc')
  broken.destroy()
  await assert.rejects(asked, { code: 'link-closed' })
})
