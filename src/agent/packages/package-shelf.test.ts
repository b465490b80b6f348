import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { readPackage } from '../../core/app/package-archive.ts'
import { hashPackage, packFolder } from '../../store/package-folder.ts'
import { writeAppFolder } from '../../testing/app-folder.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { mountSmallDisk } from '../../testing/small-disk.ts'
import { createPackageShelf, openSignedArchive } from './package-shelf.ts'

test('on a disk that is full nothing is half there, and what was there stays', async t => {
  using scratch = makeScratchFolder()
  using disk = mountSmallDisk(t, 1_048_576)
  if (disk === undefined) return
  const shelf = createPackageShelf(disk.file('packages'))
  const small = await packFolder(writeAppFolder(scratch.file('small'), '1.0.0'))
  const large = await packFolder(
    writeAppFolder(scratch.file('large'), '1.1.0', { files: { data: 'x'.repeat(2_000_000) } }),
  )
  await shelf.keep(hashPackage(small), small)
  await shelf.unpack(hashPackage(small), readPackage(small))
  const before = readdirSync(disk.file('packages'))
  await assertRefused(shelf.keep(hashPackage(large), large), 'storage-full')
  await assertRefused(shelf.unpack(hashPackage(large), readPackage(large)), 'storage-full')
  assert.deepEqual(readdirSync(disk.file('packages')), before)
  assert.equal(await shelf.folder(hashPackage(small)), disk.file(`packages/${hashPackage(small)}`))
})

test('an archive that was damaged on the disk is given to nobody', async () => {
  using scratch = makeScratchFolder()
  const shelf = createPackageShelf(scratch.file('packages'))
  const archive = await packFolder(writeAppFolder(scratch.file('app'), '1.0.0'))
  const hash = hashPackage(archive)
  await shelf.keep(hash, archive)
  assert.deepEqual(await shelf.archive(hash), Buffer.from(archive))
  writeFileSync(scratch.file(`packages/${hash}.package`), archive.subarray(1))
  assert.equal(await shelf.archive(hash), undefined)
  assert.equal(await shelf.archive('0'.repeat(64)), undefined)
})

test('openSignedArchive() takes nothing but the bytes and the app.json that were signed', async () => {
  using scratch = makeScratchFolder()
  const archive = await packFolder(writeAppFolder(scratch.file('app'), '1.0.0'))
  const { manifestText } = readPackage(archive)
  const signed = { hash: hashPackage(archive), sizeBytes: archive.length, manifestText }
  assert.equal(openSignedArchive(archive, signed).manifest.name, 'notes')
  for (const change of [
    { hash: '0'.repeat(64) },
    { sizeBytes: archive.length + 1 },
    { manifestText: `${manifestText} ` },
  ])
    assert.throws(() => openSignedArchive(archive, { ...signed, ...change }), { code: 'not-trusted' })
})
