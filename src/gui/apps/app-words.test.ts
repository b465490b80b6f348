import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilitiesShape, describeCapabilities } from '../../core/app/capabilities.ts'
import { capabilityWords, parseSetting } from './app-words.ts'

const ASKED = capabilitiesShape.parse({
  dial: ['tcp/web', '*'],
  serve: ['tcp/notes-*', '*'],
  files: { read: ['~/notes'], write: ['/srv'] },
  network: ['example.com:443'],
  listen: ['127.0.0.1:8080'],
  run: ['git'],
  storage: true,
  meshFiles: 'write',
})

test('all that an app can ask for has words in the catalogue, with what is asked', () => {
  for (const line of describeCapabilities(ASKED)) {
    const said: unknown[] = []
    const words = capabilityWords(line, (key, values) => {
      said.push(key, values?.what)
      return 'words'
    })
    assert.equal(words, 'words', line.key)
    const what = line.key.slice(line.key.indexOf(':') + 1)
    const isPlain = line.key === 'storage' || line.key.startsWith('mesh-files') || what === '*'
    if (!isPlain) assert.equal(said[1], what)
  }
  // What a later agent knows and this page does not.
  assert.equal(
    capabilityWords({ key: 'camera', says: 'see' }, () => 'x'),
    'see',
  )
})

test('a setting is a text, a number or a choice', () => {
  assert.deepEqual(
    ['a=b', 'a=', 'n=-1.5', 't=true', 'u=http://x?y=z', '=x', 'x', '', 'big=99999999999999999999'].map(
      parseSetting,
    ),
    [
      ['a', 'b'],
      ['a', ''],
      ['n', -1.5],
      ['t', true],
      ['u', 'http://x?y=z'],
      undefined,
      undefined,
      undefined,
      ['big', '99999999999999999999'],
    ],
  )
})
