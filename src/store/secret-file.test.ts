import assert from 'node:assert/strict'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { openSecretFile } from './secret-file.ts'

test('openSecretFile() writes for the owner alone, into no file that was there before', async () => {
  using folder = makeScratchFolder()
  const path = folder.file('permit.json')
  writeFileSync(path, 'an old permit', { mode: 0o644 })
  // Somebody who made or opened the file before keeps the rights he had on it.
  const opened = openSync(path, 'r')
  await using file = await openSecretFile(path, 'permit')
  await file.write('a secret\n\n')
  assert.equal(readFileSync(path, 'utf8'), 'a secret\n')
  assert.equal(readFileSync(opened, 'utf8'), 'an old permit')
  closeSync(opened)
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('openSecretFile() follows no link that lies where the secret is to be', async () => {
  using folder = makeScratchFolder()
  writeFileSync(folder.file('elsewhere'), 'of somebody else')
  symlinkSync(folder.file('elsewhere'), folder.file('permit.json'))
  await using file = await openSecretFile(folder.file('permit.json'), 'permit')
  await file.write('a secret')
  assert.deepEqual(
    ['elsewhere', 'permit.json'].map(name => readFileSync(folder.file(name), 'utf8')),
    ['of somebody else', 'a secret\n'],
  )
})

test('openSecretFile() leaves nothing where no secret was written', async () => {
  using folder = makeScratchFolder()
  const kept = folder.file('kept')
  writeFileSync(kept, 'as it was')
  {
    await using _file = await openSecretFile(kept, 'permit')
    await using _other = await openSecretFile(folder.file('new'), 'permit')
  }
  assert.deepEqual([readdirSync(folder.path), readFileSync(kept, 'utf8')], [['kept'], 'as it was'])
})

test('openSecretFile() says at once why nothing can be written there', async () => {
  using folder = makeScratchFolder()
  const { path } = folder
  mkdirSync(folder.file('folder'))
  await assert.rejects(openSecretFile(folder.file('folder'), 'permit'), {
    code: 'bad-input',
    message: `Cannot write permit to "${path}/folder": it is a folder: name a file in it`,
  })
  await assert.rejects(openSecretFile(folder.file('none/permit.json'), 'permit'), {
    code: 'not-found',
    message: `Cannot write permit to "${path}/none/permit.json": there is no folder "${path}/none": make it first`,
  })
})
