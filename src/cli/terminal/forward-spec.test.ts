import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseForward } from './forward-spec.ts'

test('parseForward() reads what ssh takes, and refuses the rest', () => {
  const of = (text: string) => {
    const { listen, to } = parseForward(text)
    return [listen.host, listen.port, to.host, to.port]
  }
  assert.deepEqual(of('8080:localhost:80'), ['127.0.0.1', 8080, 'localhost', 80])
  assert.deepEqual(of('*:0:10.0.0.7:5432'), ['*', 0, '10.0.0.7', 5432])
  assert.deepEqual(of('[::1]:8080:[fe80::1]:443'), ['::1', 8080, 'fe80::1', 443])
  assert.deepEqual(of('8080:[::1]:443'), ['127.0.0.1', 8080, '::1', 443])
  for (const bad of [
    '',
    '8080',
    '8080:80',
    ':8080:host:80',
    '8080::80',
    '8080:host:0',
    '8080:host:65536',
    '8080:host:80:9:9',
    'a:host:80',
    '8080:host:80x',
    '8080:::1:80',
    '8080:[::1:80',
    '-1:host:80',
  ]) {
    assert.throws(() => parseForward(bad), { code: 'bad-usage' }, bad)
  }
})
