import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { parsePermit } from '../core/model/permit.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { openHub } from './run-hub.ts'

test('openHub() writes the permit for its owner alone, also over a file that others could read', async t => {
  if (process.platform === 'win32') return t.skip('Windows keeps others out by folder, not by mode')
  using folder = makeScratchFolder()
  const permitFile = folder.file('root.json')
  writeFileSync(permitFile, 'an old permit', { mode: 0o644 })
  // Somebody who made or opened the file before keeps the rights he had on it.
  const opened = openSync(permitFile, 'r')
  await using hub = await openHub({
    dataFolder: folder.file('data'),
    listen: { host: '127.0.0.1', port: 0 },
    names: ['hub.test:8888'],
    permitFile,
    logLevel: 'error',
    isForeground: false,
    onStop: () => {},
  })
  assert.equal(statSync(permitFile).mode & 0o777, 0o600)
  const text = readFileSync(permitFile, 'utf8')
  assert.equal(text, `${hub.permit}\n`)
  assert.equal(readFileSync(opened, 'utf8'), 'an old permit')
  closeSync(opened)
  assert.deepEqual(parsePermit(text).bootstraps, ['hub.test:8888'])
})
