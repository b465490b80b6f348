import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { AppContents } from '../../core/model/content.ts'
import { parseServiceName } from '../../core/model/names.ts'
import { type FilesPlace, openFilesLab } from '../../testing/files-lab.ts'

const MIB = 1_048_576

async function readAll(place: FilesPlace, path: string, start = 0, end?: number): Promise<Buffer> {
  const contents = place.app.contents as AppContents
  await using content = await contents.open({ path })
  return joined(content.read(start, end ?? content.sizeBytes))
}

async function joined(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}

/** One has published a file and a tree, another may read them. */
async function publishSome(t: TestContext) {
  const lab = openFilesLab(t)
  const [home, office] = [await lab.add('home'), await lab.add('office', 'bob')]
  const bytes = randomBytes(3 * MIB + 777)
  writeFileSync(home.file('film.mp4'), bytes)
  mkdirSync(home.file('tree/deep'), { recursive: true })
  writeFileSync(home.file('tree/deep/a.txt'), 'in a tree')
  writeFileSync(home.file('tree/empty'), '')
  writeFileSync(home.file('tree/hole'), '')
  truncateSync(home.file('tree/hole'), 2 * MIB)
  const access = { users: ['bob'] }
  for (const name of ['film.mp4', 'tree']) await home.publish(name, { access })
  return { lab, home, office, bytes }
}

test('a published file is read from anywhere in it, here and elsewhere', async t => {
  const { home, office, bytes } = await publishSome(t)
  const spans = [
    [0, bytes.length],
    [5, 6],
    [MIB - 1, MIB + 1],
    [MIB, 2 * MIB],
    [3 * MIB + 700, bytes.length],
    [7, 7],
  ] as const
  for (const place of [home, office])
    for (const [start, end] of spans)
      assert.ok(
        (await readAll(place, '/users/ann/film.mp4', start, end)).equals(bytes.subarray(start, end)),
        `${start}-${end}`,
      )
  assert.equal(String(await readAll(office, '/users/ann/tree/deep/a.txt')), 'in a tree')
  assert.equal((await readAll(office, '/users/ann/tree/empty')).length, 0)
  const hole = await readAll(office, '/users/ann/tree/hole', MIB - 3, MIB + 3)
  assert.ok(hole.equals(Buffer.alloc(6)))
})

test('a published tree, or a folder in one, is read as one archive, and unpacks as it was published', async t => {
  const { lab, home, office } = await publishSome(t)
  for (let number = 0; number < 150; number += 1)
    writeFileSync(home.file(`tree/deep/n${number}`), `${number}`)
  writeFileSync(home.file('tree/large'), randomBytes(2 * MIB + 5))
  symlinkSync('../large', home.file('tree/deep/up'))
  await home.publish('tree', { access: { users: ['bob'] }, name: 'docs/ünïc' })
  const contents = office.app.contents as AppContents
  await using content = await contents.open({ path: '/users/ann/docs/ünïc', as: 'tar' })
  assert.equal(content.name, 'ünïc.tar')
  const read = (start: number, end: number) => joined(content.read(start, end))
  const whole = await read(0, content.sizeBytes)
  assert.equal(whole.length, content.sizeBytes)
  for (const [start, end] of [
    [0, 1],
    [3_000, 90_000],
    [MIB, whole.length - 5],
  ] as const)
    assert.ok((await read(start, end)).equals(whole.subarray(start, end)), `${start}-${end}`)
  execFileSync('tar', ['-xf', '-', '-C', office.file('.')], { input: whole })
  execFileSync('diff', ['-r', home.file('tree'), office.file('ünïc')])
  await using deep = await contents.open({ path: '/users/ann/docs/ünïc/deep', as: 'tar' })
  const part = await joined(deep.read(0, deep.sizeBytes))
  execFileSync('tar', ['-xf', '-', '-C', office.file('.')], { input: part })
  // What leads out of the folder that was asked for is left out.
  assert.equal(existsSync(office.file('deep/up')), false)
  assert.equal(readdirSync(office.file('deep')).length, 151)
  await assert.rejects(contents.open({ path: '/users/ann/film.mp4', as: 'tar' }), { code: 'bad-input' })
  await assert.rejects(contents.open({ path: '/users/ann/docs/ünïc/none', as: 'tar' }), { code: 'not-found' })
  const stranger = (await lab.add('attic', 'eve')).app.contents as AppContents
  await assert.rejects(stranger.open({ path: '/users/ann/docs/ünïc', as: 'tar' }), { code: 'not-found' })
  // Not half old, half new.
  writeFileSync(home.file('tree/large'), randomBytes(2 * MIB + 5))
  await assert.rejects(read(0, content.sizeBytes))
})

test('what is no file, or not for the reader, is not opened', async t => {
  const { lab, home, office } = await publishSome(t)
  const stranger = await lab.add('attic', 'eve')
  const contents = (place: FilesPlace) => place.app.contents as AppContents
  await assert.rejects(contents(office).open({ path: '/users/ann/tree' }), { code: 'bad-input' })
  await assert.rejects(contents(office).open({ path: '/users/ann/tree/none' }), { code: 'not-found' })
  await assert.rejects(contents(office).open({ path: '/users/ann/../film.mp4' }), { code: 'bad-name' })
  await assert.rejects(contents(office).open({}), { code: 'bad-name' })
  await assert.rejects(contents(stranger).open({ path: '/users/ann/film.mp4' }), { code: 'not-found' })
  // It was withdrawn while it was open.
  await using content = await contents(office).open({ path: '/users/ann/film.mp4' })
  await home.app.request(
    { source: 'user' },
    { method: 'POST', path: '/api/endpoints/home/withdrawals', body: { path: '/users/ann/film.mp4' } },
  )
  await assert.rejects(content.read(0, 10).next(), { code: 'not-found' })
})

test('a holder that breaks off in the middle is left for another', async t => {
  const { lab, home, bytes } = await publishSome(t)
  const second = await lab.add('den')
  await second.get('/users/ann/film.mp4', 'copy.mp4', { isHeld: true })
  const hosting = home.endpoint.hosted.get(parseServiceName('tcp/.files.ann'))
  assert.ok(hosting)
  const { options } = hosting
  hosting.options = {
    ...options,
    onStream: incoming =>
      options.onStream({
        ...incoming,
        accept() {
          const stream = incoming.accept()
          const write = stream.write.bind(stream) as (chunk: Uint8Array) => boolean
          let left = MIB + 500_000
          stream.write = ((chunk: Uint8Array) => {
            left -= chunk.length
            if (left > 0) return write(chunk)
            setImmediate(() => stream.destroy())
            return true
          }) as typeof stream.write
          return stream
        },
      }),
  }
  const third = await lab.add('attic')
  assert.ok((await readAll(third, '/users/ann/film.mp4')).equals(bytes))
})

test('a file that was changed since it was published is not given half old, half new', async t => {
  const { home, office, bytes } = await publishSome(t)
  const contents = office.app.contents as AppContents
  await using content = await contents.open({ path: '/users/ann/film.mp4' })
  const reading = content.read(0, bytes.length)
  await reading.next()
  await reading.return(undefined)
  writeFileSync(home.file('film.mp4'), randomBytes(2 * MIB))
  await assert.rejects(async () => {
    for await (const _ of content.read(2 * MIB, bytes.length));
  })
})
