import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { describe, it, type TestContext } from 'node:test'

import type { Log } from '../core/model/log.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { mountSmallDisk } from '../testing/small-disk.ts'
import { openDataFolder } from './data-folder.ts'

describe('openDataFolder()', () => {
  it('makes the folder with mode 0700 when there is none', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.file('deep/ztm'))
    assert.equal(statSync(folder.root).mode & 0o777, 0o700)
    await openDataFolder(scratch.file('deep/ztm'))
  })

  it('refuses when others can write to the folder, and says how to help it', async () => {
    using scratch = makeScratchFolder()
    for (const mode of [0o720, 0o702, 0o1777]) {
      chmodSync(scratch.path, mode)
      await assert.rejects(openDataFolder(scratch.path), { code: 'not-permitted', message: /chmod 700/ })
    }
    chmodSync(scratch.path, 0o755)
    await openDataFolder(scratch.path)
  })

  it('refuses when the folder belongs to another user', async t => {
    if (isNotRoot(t)) return
    using scratch = makeScratchFolder()
    mkdirSync(scratch.file('foreign'), 0o700)
    chownSync(scratch.file('foreign'), NOBODY, NOBODY)
    await assert.rejects(openDataFolder(scratch.file('foreign')), {
      code: 'not-permitted',
      message: /belongs to user id 65534/,
    })
    symlinkSync(scratch.file('foreign'), scratch.file('link'))
    await assert.rejects(openDataFolder(scratch.file('link')), { code: 'not-permitted' })
  })

  it('refuses when the path is a file', async () => {
    using scratch = makeScratchFolder()
    writeFileSync(scratch.file('file'), '')
    await assert.rejects(openDataFolder(scratch.file('file')), { code: 'storage-failed' })
  })
})

describe('DataFolder', () => {
  it('path() refuses what is not one plain file name', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    assert.equal(folder.path('ztm.db'), `${folder.root}/ztm.db`)
    for (const name of [
      '',
      '.',
      '..',
      '../x',
      'a/b',
      'a\\b',
      '/etc/passwd',
      'a\0b',
      'x'.repeat(129),
      'é',
      'a.aside',
    ]) {
      assert.throws(() => folder.path(name), { code: 'bad-input' })
      await assert.rejects(folder.writeSecret(name, 'x'), { code: 'bad-input' })
      await assert.rejects(folder.readSecret(name), { code: 'bad-input' })
    }
  })

  it('writeSecret() replaces the file with mode 0600 and leaves nothing beside it', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    writeFileSync(folder.path('agent.key'), 'old', { mode: 0o644 })
    writeFileSync(`${folder.path('agent.key')}.aside`, 'left by a crash', { mode: 0o666 })
    await Promise.all(['one', 'two', 'three'].map(text => folder.writeSecret('agent.key', text)))
    assert.equal(await folder.readSecret('agent.key'), 'three')
    assert.equal(statSync(folder.path('agent.key')).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(scratch.path), ['agent.key'])
  })

  it('readSecret() gives undefined when there is none', async () => {
    using scratch = makeScratchFolder()
    assert.equal(await (await openDataFolder(scratch.path)).readSecret('agent.key'), undefined)
  })

  it('readSecret() takes rights back and warns when others could read', async () => {
    using scratch = makeScratchFolder()
    const warnings: unknown[] = []
    const folder = await openDataFolder(scratch.path, {
      log: { ...SILENT, warn: (event, fields) => warnings.push([event, fields]) },
    })
    writeFileSync(folder.path('agent.key'), 'secret')
    chmodSync(folder.path('agent.key'), 0o644)
    assert.equal(await folder.readSecret('agent.key'), 'secret')
    assert.equal(await folder.readSecret('agent.key'), 'secret')
    assert.equal(statSync(folder.path('agent.key')).mode & 0o777, 0o600)
    assert.deepEqual(warnings, [['secret.was-open', { file: folder.path('agent.key') }]])
  })

  it('readSecret() refuses a file of another user', async t => {
    if (isNotRoot(t)) return
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    writeFileSync(folder.path('agent.key'), 'planted')
    chownSync(folder.path('agent.key'), NOBODY, NOBODY)
    await assert.rejects(folder.readSecret('agent.key'), { code: 'not-permitted' })
  })

  it('writeSecret() and readSecret() refuse over 1 MiB', async () => {
    using scratch = makeScratchFolder()
    const folder = await openDataFolder(scratch.path)
    const large = 'x'.repeat(1024 * 1024 + 1)
    await assert.rejects(folder.writeSecret('a', large), { code: 'too-large' })
    writeFileSync(folder.path('b'), large)
    await assert.rejects(folder.readSecret('b'), { code: 'too-large' })
  })

  it('writeSecret() keeps the old secret when the disk is full', async t => {
    using disk = mountSmallDisk(t, 64 * 1024)
    if (disk === undefined) return
    const folder = await openDataFolder(disk.path)
    await folder.writeSecret('agent.key', 'old')
    const free = disk.fill()
    await assert.rejects(folder.writeSecret('agent.key', 'new'), { code: 'storage-full' })
    assert.equal(readFileSync(folder.path('agent.key'), 'utf8'), 'old')
    assert.deepEqual(readdirSync(disk.path).sort(), ['agent.key', 'filler'])
    free()
    await folder.writeSecret('agent.key', 'new')
    assert.equal(await folder.readSecret('agent.key'), 'new')
  })
})

function isNotRoot(t: TestContext): boolean {
  if (process.getuid?.() === 0) return false
  t.skip('giving a file to another user needs root')
  return true
}

const NOBODY = 65534
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }
