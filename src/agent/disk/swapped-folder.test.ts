import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rename, rm, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import type { MeshError } from '../../core/model/errors.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { findByDescriptor } from './disk-spot.ts'
import { createDisk } from './open-folder.ts'

test('a link that takes a folder’s place while it is worked in has nothing made, changed or removed outside', {
  skip: process.platform !== 'linux' && 'only Linux goes on from an open folder',
}, async () => {
  using scratch = makeScratchFolder()
  const [inner, secret] = [scratch.file('inner'), scratch.file('secret')]
  for (const path of [`${inner}/a/b`, `${secret}/b`]) mkdirSync(path, { recursive: true })
  for (const path of [`${inner}/a`, secret]) {
    for (const name of ['file', 'removed', 'b/file']) writeFileSync(`${path}/${name}`, 'as it was')
  }
  const before = readdirSync(secret, { recursive: true }).sort()
  await using folder = await createDisk({ findSpot: findByDescriptor }).openFolder(inner)
  let isOver = false
  let swapCount = 0
  const swapping = (async () => {
    for (; !isOver; swapCount++) {
      await rename(`${inner}/a`, `${inner}/kept`)
      await symlink('../secret', `${inner}/a`)
      await rm(`${inner}/a`)
      await rename(`${inner}/kept`, `${inner}/a`)
    }
  })()
  const bytes = Buffer.from('changed')
  const refused = new Set<string>()
  let doneCount = 0
  for (let turn = 0; turn < 60 || doneCount === 0 || swapCount < 60; turn++) {
    const work: (() => Promise<unknown>)[] = [
      () => folder.writeFile('a/file', bytes),
      () => folder.writeFile('a/b/file', bytes),
      () => folder.placeFiles('a', [{ bytes, name: 'file', mode: 0o600, modifiedAtMs: 0 }]),
      () => folder.makeLink(`a/link ${turn}`, 'file'),
      () => folder.change('a/file', { mode: 0o600, modifiedAtMs: 1_000 }),
      () => folder.rename('a/file', `a/renamed ${turn}`),
      () => folder.remove('a/removed'),
      () => folder.remove('a/b', true),
    ]
    for (const one of work) {
      await one().then(
        () => doneCount++,
        (error: MeshError) => refused.add(error.code),
      )
    }
  }
  isOver = true
  await swapping
  assert.deepEqual(readdirSync(secret, { recursive: true }).sort(), before)
  for (const name of ['file', 'removed', 'b/file'])
    assert.equal(readFileSync(`${secret}/${name}`, 'utf8'), 'as it was')
  assert.ok(
    [...refused].every(code => code === 'denied' || code === 'not-found' || code === 'conflict'),
    [...refused].join(),
  )
})
