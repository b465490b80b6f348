import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseName } from '../../core/model/names.ts'
import { formatTarget, readListens, readTargets, suggestName, suggestPort, targetOf } from './tunnel-words.ts'

test('suggestPort() takes the same port, one like it where only root may, and never one that is taken', () => {
  assert.deepEqual(
    [
      suggestPort(22, new Set()),
      suggestPort(443, new Set([8_443])),
      suggestPort(5_432, new Set()),
      suggestPort(65_535, new Set([65_535])),
    ],
    [8_022, 8_444, 5_432, 0],
  )
})

test('suggestName() says what and where, and is always a name that is free', () => {
  const ssh = { ip: '0.0.0.0', port: 22 }
  assert.equal(suggestName('office', ssh, new Set()), 'office-ssh')
  assert.equal(suggestName('office', ssh, new Set(['office-ssh'])), 'office-ssh-2')
  assert.equal(
    suggestName('office', { ip: '::1', port: 5_555, process: 'my app' }, new Set()),
    'office-my-app',
  )
  assert.equal(suggestName('办公室', { ip: '::1', port: 5_555 }, new Set()), '办公室-5555')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (endpoint, process) => {
      const name = suggestName(endpoint, { ip: '::', port: 1, process }, new Set())
      assert.equal(parseName(name), name)
      assert.notEqual(suggestName(endpoint, { ip: '::', port: 1, process }, new Set([name])), name)
    }),
  )
})

test('targetOf() leads to where the port listens', () => {
  assert.deepEqual(
    ['0.0.0.0', '::', '127.0.0.1', '::1', '192.0.2.7'].map(ip => targetOf({ ip, port: 80 })),
    ['80', '80', '80', '[::1]:80', '192.0.2.7:80'],
  )
})

test('targets and listens are read as they are written', () => {
  const targets = readTargets(['22', 'db.lan:5432', '[::1]:80', 'unix:/run/x', '8000-8001'])
  assert.deepEqual(targets.map(formatTarget), [
    '127.0.0.1:22',
    'db.lan:5432',
    '[::1]:80',
    'unix:/run/x',
    '127.0.0.1:8000',
    '127.0.0.1:8001',
  ])
  assert.deepEqual(readListens(['8080', '0.0.0.0:9']), [
    { ip: '127.0.0.1', port: 8_080 },
    { ip: '0.0.0.0', port: 9 },
  ])
  assert.throws(() => readListens(['port']), { code: 'bad-input' })
})
