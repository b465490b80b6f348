import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAppLab, type LabApp } from '../../testing/app-lab.ts'
import { openFilesLab } from '../../testing/files-lab.ts'

const PROBE = `
  import { createHash } from 'node:crypto'
  import { defineApp } from 'ztm/app'
  const ways = {
    find: (files, query) => files.find(query),
    async read(files, path) {
      const stream = await files.read(path)
      const hash = createHash('sha256')
      let length = 0
      for await (const chunk of stream) { hash.update(chunk); length += chunk.length }
      return { sizeBytes: stream.sizeBytes, length, hash: hash.digest('hex') }
    },
    async publish(files, { name, text, length = 0, breaks, ...terms }) {
      async function* bytes() {
        for (let left = length; left > 0; left -= 65_536) yield new Uint8Array(Math.min(left, 65_536)).fill(7)
        if (breaks) throw new Error('broke off')
      }
      return files.publish(name, text ?? bytes(), terms)
    },
    withdraw: (files, name) => files.withdraw(name).then(() => 'gone'),
  }
  export default defineApp({
    async onRequest(request, host) {
      const [way, given] = await request.json()
      try {
        return Response.json((await ways[way](host.files, given)) ?? null)
      } catch (error) {
        return Response.json({ code: error.code ?? error.message })
      }
    },
  })
`

async function openLab(t: import('node:test').TestContext) {
  const lab = await createAppLab()
  t.after(() => lab[Symbol.asyncDispose]())
  const files = openFilesLab(t, lab.mesh)
  const start = async (place: Awaited<ReturnType<typeof files.add>>, meshFiles: string) => {
    const app = await lab.start(await lab.write(PROBE, { meshFiles }), place.endpoint, { provider: 'ann' })
    return (way: string, given: unknown = null) => ask(app, way, given)
  }
  return { files, start }
}

async function ask(app: LabApp, way: string, given: unknown): Promise<Record<string, unknown>> {
  return JSON.parse((await app.ask('/', { method: 'POST', body: JSON.stringify([way, given]) })).text)
}

test('an app finds and reads files of the mesh as its user may, whole and in order, and nobody else’s', async t => {
  const { files, start } = await openLab(t)
  const [ann, bob] = [await files.add('ann'), await files.add('bob', 'bob')]
  const bytes = Buffer.alloc(20_000_000, 'some bytes that differ ')
  mkdirSync(bob.file('tree'))
  writeFileSync(bob.file('tree/large'), bytes)
  truncateSync(bob.file('tree/large'), 40_000_000)
  writeFileSync(bob.file('tree/empty'), '')
  writeFileSync(bob.file('secret'), 'not for ann')
  await bob.publish('tree', { name: 'shared', access: { users: ['ann'] }, tags: ['pictures'] })
  await bob.publish('secret')
  const app = await start(ann, 'read')
  const found = (await app('find')) as unknown as { path: string; owner: string; holders: string[] }[]
  assert.deepEqual(
    found.map(({ path, owner, holders }) => [path, owner, holders]),
    [['/users/bob/shared', 'bob', ['bob']]],
  )
  assert.deepEqual(await app('find', { tag: 'none' }), [])
  const { createHash } = await import('node:crypto')
  const hash = createHash('sha256')
    .update(readFileSync(bob.file('tree/large')))
    .digest('hex')
  assert.deepEqual(await app('read', '/users/bob/shared/large'), {
    sizeBytes: 40_000_000,
    length: 40_000_000,
    hash,
  })
  assert.equal((await app('read', '/users/bob/shared/empty')).length, 0)
  for (const [path, code] of [
    ['/users/bob/shared', 'bad-input'],
    ['/users/bob/shared/none', 'not-found'],
    ['/users/bob/secret', 'not-found'],
    ['/users/bob/shared/../secret', 'bad-name'],
  ])
    assert.deepEqual(await app('read', path), { code }, path)
  assert.deepEqual(await app('publish', { name: 'x', text: 'y' }), { code: 'denied' })
  assert.deepEqual(await app('withdraw', 'x'), { code: 'denied' })
})

test('an app publishes below its own place alone, whole or not at all, and takes back what it published', async t => {
  const { files, start } = await openLab(t)
  const [ann, bob] = [await files.add('ann'), await files.add('bob', 'bob')]
  writeFileSync(ann.file('mine'), 'of ann')
  await ann.publish('mine')
  const app = await start(ann, 'write')
  await ann.configure(ann.file('.'))
  const published = await app('publish', { name: 'out/note.txt', text: 'hello', users: ['bob'] })
  assert.deepEqual([published.path, published.sizeBytes], ['/users/ann/apps/ann/probe/out/note.txt', 5])
  await bob.get('/users/ann/apps/ann/probe/out/note.txt', 'got')
  assert.equal(readFileSync(bob.file('got'), 'utf8'), 'hello')
  const again = await app('publish', { name: 'out/note.txt', length: 3_000_000 })
  assert.equal(again.sizeBytes, 3_000_000)
  assert.deepEqual(await app('publish', { name: 'half', length: 2_000_000, breaks: true }), {
    code: 'broke off',
  })
  for (const name of ['../../mine', '/users/ann/mine', 'a/../../b', ''])
    assert.ok(
      ['bad-name', 'bad-input'].includes(String((await app('publish', { name, text: 'x' })).code)),
      name,
    )
  const paths = async () => (await ann.find({ owner: 'ann' })).map(({ path }) => path)
  assert.deepEqual(await paths(), ['/users/ann/apps/ann/probe/out/note.txt', '/users/ann/mine'])
  assert.deepEqual(await app('withdraw', '../../../mine'), { code: 'bad-name' })
  assert.deepEqual(await app('withdraw', 'mine'), { code: 'not-found' })
  assert.equal(await app('withdraw', 'out/note.txt'), 'gone')
  assert.deepEqual(await paths(), ['/users/ann/mine'])
  assert.throws(() => readFileSync(join(ann.file('.'), 'users/ann/apps/ann/probe/out/note.txt')))
})

test('an app that was given no files of the mesh finds, reads and publishes none', async t => {
  const { files, start } = await openLab(t)
  const ann = await files.add('ann')
  writeFileSync(ann.file('mine'), 'of ann')
  await ann.publish('mine')
  const app = await start(ann, 'none')
  for (const [way, given] of [
    ['find', {}],
    ['read', 'mine'],
    ['publish', { name: 'x', length: 1_000_000 }],
    ['withdraw', 'x'],
  ] as const)
    assert.deepEqual(await app(way, given), { code: 'denied' }, way)
})
