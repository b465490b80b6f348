import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { openPageFiles } from './page-files.ts'

test('openPageFiles() reads what was built, and nothing beside it', async () => {
  using scratch = makeScratchFolder()
  const folder = scratch.path
  assert.equal(openPageFiles(folder), undefined)
  mkdirSync(join(folder, 'page/assets'), { recursive: true })
  writeFileSync(join(folder, 'secret.js'), 'secret')
  writeFileSync(join(folder, 'page/index.html'), 'nonce {{nonce}}')
  writeFileSync(join(folder, 'page/assets/main-1.js'), 'main')
  writeFileSync(join(folder, 'page/assets/main-1.js.br'), 'small')
  const page = openPageFiles(join(folder, 'page'))
  assert.equal(page?.template, 'nonce {{nonce}}')
  const read = async (path: string, takesBrotli = false) => {
    const file = await page?.read(path, takesBrotli)
    return file && [Buffer.from(file.bytes).toString(), file.type, file.isBrotli, file.isLasting]
  }
  const type = 'text/javascript; charset=utf-8'
  assert.deepEqual(await read('/assets/main-1.js'), ['main', type, false, true])
  assert.deepEqual(await read('/assets/main-1.js', true), ['small', type, true, true])
  for (const path of [
    '/assets/none.js',
    '/../secret.js',
    '/assets/../../secret.js',
    '/assets/%2e%2e/%2e%2e/secret.js',
    '/assets\\..\\..\\secret.js',
    '/.hidden.js',
    '/assets',
    '/assets/',
    '/index.html',
    '/assets/main-1.js\0.js',
    `/${'x'.repeat(200)}.js`,
  ])
    assert.equal(await read(path), undefined, path)
})
