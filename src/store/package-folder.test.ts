import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { PACKAGE_LIMITS, readPackage } from '../core/app/package-archive.ts'
import { makeScratchFolder, type ScratchFolder } from '../testing/scratch-folder.ts'
import { hashFolder, hashPackage, packFolder, removeLeftovers, unpackTo } from './package-folder.ts'

function fillApp(scratch: ScratchFolder, name = 'app'): string {
  const root = scratch.file(name)
  mkdirSync(`${root}/gui`, { recursive: true })
  writeFileSync(`${root}/app.json`, '{"name":"notes","version":"1.0.0","entry":"app.js"}')
  writeFileSync(`${root}/app.js`, 'export default {}')
  writeFileSync(`${root}/gui/index.html`, '<p>notes')
  return root
}

test('packFolder() gives the same bytes for the same files, whatever their times, modes and hidden neighbours', async () => {
  using scratch = makeScratchFolder()
  const [one, two] = [fillApp(scratch, 'one'), fillApp(scratch, 'two')]
  utimesSync(`${two}/app.js`, 1, 1)
  chmodSync(`${two}/app.js`, 0o755)
  mkdirSync(`${two}/.git`)
  writeFileSync(`${two}/.git/config`, 'secret')
  mkdirSync(`${two}/node_modules/x`, { recursive: true })
  writeFileSync(`${two}/node_modules/x/index.js`, '')
  assert.deepEqual(await packFolder(two), await packFolder(one))
})

test('packFolder() follows no link, and takes nothing that is no file', async () => {
  using scratch = makeScratchFolder()
  const root = fillApp(scratch)
  symlinkSync('/etc/passwd', `${root}/notes.txt`)
  await assert.rejects(packFolder(root), { code: 'bad-input' })
  await assert.rejects(packFolder(scratch.file('none')), { code: 'not-found' })
  await assert.rejects(packFolder(`${root}/app.js`), { code: 'bad-input' })
  const looped = fillApp(scratch, 'looped')
  symlinkSync('.', `${looped}/gui/self`)
  await assert.rejects(packFolder(looped), { code: 'bad-input' })
})

test('packFolder() refuses a folder that is too large before it reads it', async () => {
  using scratch = makeScratchFolder()
  const root = fillApp(scratch)
  writeFileSync(`${root}/huge`, '')
  truncateSync(`${root}/huge`, PACKAGE_LIMITS.contentBytes + 1)
  await assert.rejects(packFolder(root), { code: 'too-large' })
})

test('unpackTo() writes what was packed, with the hash of the package; any change is seen by hashFolder()', async () => {
  using scratch = makeScratchFolder()
  const archive = await packFolder(fillApp(scratch))
  const target = scratch.file('installed/notes')
  await unpackTo(target, readPackage(archive))
  assert.equal(await hashFolder(target), hashPackage(archive))
  assert.equal(readFileSync(`${target}/gui/index.html`, 'utf8'), '<p>notes')
  assert.deepEqual(readdirSync(scratch.file('installed')), ['notes'])
  const changes = [
    () => writeFileSync(`${target}/app.js`, 'export default []'),
    () => writeFileSync(`${target}/.hidden.js`, ''),
    () => mkdirSync(`${target}/node_modules/x`, { recursive: true }),
  ]
  for (const change of changes) change()
  assert.notEqual(await hashFolder(target), hashPackage(archive))
})

test('unpackTo() leaves nothing half there: over a folder that exists, and after a crash', async () => {
  using scratch = makeScratchFolder()
  const content = readPackage(await packFolder(fillApp(scratch)))
  mkdirSync(scratch.file('full'))
  writeFileSync(scratch.file('full/x'), '')
  await assert.rejects(unpackTo(scratch.file('full'), content))
  assert.deepEqual(readdirSync(scratch.path).sort(), ['app', 'full'])
  mkdirSync(scratch.file('notes.0a.aside'))
  await removeLeftovers(scratch.path)
  assert.equal(existsSync(scratch.file('notes.0a.aside')), false)
})
