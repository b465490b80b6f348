import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatHttpTarget, parseHttpTarget } from './http-target.ts'

test('parseHttpTarget() reads targets as people write them, and formatHttpTarget() writes them one way', () => {
  for (const [text, written] of [
    ['3000', 'http://127.0.0.1:3000'],
    ['db:80', 'http://db:80'],
    ['http://app.internal', 'http://app.internal:80'],
    ['https://app.internal/', 'https://app.internal:443'],
    ['https://[::1]:8443', 'https://[::1]:8443'],
    ['http://[::1]', 'http://[::1]:80'],
    ['h2c://127.0.0.1:50051', 'h2c://127.0.0.1:50051'],
    ['h2://grpc.internal', 'h2://grpc.internal:443'],
    ['unix:/run/app.sock', 'unix:/run/app.sock'],
  ] as const) {
    const parsed = parseHttpTarget(text)
    assert.equal(formatHttpTarget(parsed), written)
    assert.deepEqual(parseHttpTarget(written), parsed)
  }
})

test('parseHttpTarget() refuses what is no target', () => {
  for (const text of [
    '',
    'http://',
    'ftp://x',
    'HTTP://x',
    'http://x/path',
    'http://x?y',
    'http://a@b:1',
    'http://x:0',
    'http://x:70000',
    'http://*:80',
    'unix:relative',
    'unix:/a\nb',
    `unix:/${'x'.repeat(120)}`,
    'a b:1',
    'constructor://x',
    'http://x:1:2',
  ])
    assert.throws(() => parseHttpTarget(text), { code: 'bad-input' }, text)
})
