import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type FilesPlace, openFilesLab } from '../../testing/files-lab.ts'
import { createFilesApp } from './files.ts'
import { FILES_API } from './messages.ts'

test('versions that are kept are listed and fetched after the file was changed, by those who may see it', async t => {
  const { add } = openFilesLab(t)
  const [far, near, bob] = [await add('far'), await add('near'), await add('bobs', 'bob')]
  const texts = [randomBytes(3_000_000), randomBytes(100), randomBytes(2_500_000), randomBytes(10)]
  for (const [index, bytes] of texts.entries()) {
    writeFileSync(far.file('x'), bytes)
    const { state } = await far.publish('x', index === 0 ? { keepCount: 2 } : {})
    assert.equal(state, 'done')
  }
  const versionsOf = async ({ app }: FilesPlace) =>
    (await app.call(FILES_API.listVersions, { query: { path: '/users/ann/x' } })).versions
  const kept = [
    [4, 10],
    [3, 2_500_000],
    [2, 100],
  ]
  for (const place of [far, near]) {
    assert.deepEqual(
      (await versionsOf(place)).map(({ serial, sizeBytes }) => [serial, sizeBytes]),
      kept,
    )
    for (const [version = 0] of kept) {
      const job = await place.get('/users/ann/x', `x${version}`, { version })
      assert.deepEqual([job.state, job.error], ['done', undefined])
      assert.ok(readFileSync(place.file(`x${version}`)).equals(texts[version - 1] as Buffer))
    }
  }
  const gone = await near.get('x', 'x1', { version: 1 })
  assert.deepEqual([gone.state, gone.error?.code], ['failed', 'not-found'])
  await assert.rejects(versionsOf(bob), { code: 'not-found' })
  assert.equal((await bob.get('/users/ann/x', 'x3', { version: 3 })).error?.code, 'not-found')
  await far.app.call(FILES_API.share, {
    params: { endpoint: 'far' },
    body: { path: 'x', access: { users: ['bob'], groups: [], everyone: false } },
  })
  assert.equal((await bob.get('/users/ann/x', 'x3', { version: 3 })).state, 'done')
  await far.app.call(FILES_API.share, {
    params: { endpoint: 'far' },
    body: { path: 'x', access: { users: [], groups: [], everyone: false } },
  })
  assert.equal((await bob.get('/users/ann/x', 'x2', { version: 2 })).error?.code, 'not-found')
})

test('what versions have in common is kept once, what no version needs is removed', async t => {
  const { add } = openFilesLab(t)
  const far = await add('far')
  const folder = await far.endpoint.host(createFilesApp()).disk.openOwnFolder()
  t.after(() => folder[Symbol.asyncDispose]())
  const chunks = async () => (await folder.list('chunks')).length
  const [start, ends] = [randomBytes(2 * 1_048_576), [1, 2, 3].map(() => randomBytes(1_000))]
  for (const end of ends) {
    writeFileSync(far.file('x'), Buffer.concat([start, end]))
    await far.publish('x', { keepCount: 1 })
  }
  assert.equal(await chunks(), 4)
  await far.publish('x', { keepCount: 0 })
  assert.equal(await chunks(), 0)
  await far.publish('x', { keepCount: 1 })
  assert.equal(await chunks(), 3)
  await far.app.call(FILES_API.withdraw, { params: { endpoint: 'far' }, body: { path: 'x' } })
  assert.deepEqual([await chunks(), (await folder.list('')).length], [0, 1])
})

test('a version whose bytes were damaged on the disk is not given', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  const folder = await far.endpoint.host(createFilesApp()).disk.openOwnFolder()
  t.after(() => folder[Symbol.asyncDispose]())
  writeFileSync(far.file('x'), 'as it was')
  await far.publish('x', { keepCount: 5 })
  const [chunk] = await folder.list('chunks')
  writeFileSync(far.file('x'), 'as it is')
  await far.publish('x')
  await folder.writeFile(`chunks/${chunk?.name}`, Buffer.from('as it wax'))
  const job = await near.ended(await near.begin('x', 'x', { version: 1 }), 1_000)
  assert.equal(job.state, 'failed')
  assert.match(job.error?.message ?? '', /damaged/)
  assert.equal((await near.get('x', 'now')).state, 'done')
})
